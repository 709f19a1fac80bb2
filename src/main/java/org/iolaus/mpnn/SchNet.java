package org.iolaus.mpnn;

import org.iolaus.ir.Node;
import org.iolaus.nn.Activation;
import org.iolaus.nn.Cutoff;
import org.iolaus.nn.ForwardContext;
import org.iolaus.nn.GaussianSmearing;
import org.iolaus.nn.Geometry;
import org.iolaus.nn.Graph;
import org.iolaus.nn.Initializer;
import org.iolaus.nn.Linear;
import org.iolaus.nn.Mlp;
import org.iolaus.nn.Scope;
import org.iolaus.op.Expr;
import org.jspecify.annotations.Nullable;

/// SchNet's continuous-filter convolution (Schütt et al. 2017): the sum over neighbours of their features times a
/// filter of the distance.
///
/// With moving positions, each layer but the last also moves the atoms, and the next layer measures
/// distances from there.
public final class SchNet implements MessagePassing {

    /// Which edges count.
    public enum Edges {
        /// the given ones, with a cutoff function that stays 0 beyond the cutoff
        GIVEN,
        /// the given ones, with a cutoff function that is not truncated
        GIVEN_UNTRUNCATED,
        /// the given ones that are within the cutoff at the positions of the layer: if all pairs of a graph are
        /// given, this is a neighbour list that each layer rebuilds
        REBUILT
    }

    private final Settings settings;
    private final String offsetName;
    private final GaussianSmearing smearing;

    /// Sizes and choices of a stack.
    ///
    /// @param cutoffAngstrom cutoff of the neighbour list
    /// @param gaussians size of the radial basis
    /// @param filters width of the filters
    /// @param edgeWidth columns of the edge features, 0 without
    /// @param moving whether positions move from layer to layer
    public record Settings(
            double cutoffAngstrom, int gaussians, int filters, int edgeWidth, boolean moving, Edges edges) {}

    /// Makes the radial basis that all layers share.
    ///
    /// @param root scope of the centres of the radial basis
    public SchNet(Scope root, Settings settings) {
        this.settings = settings;
        Scope scope = root.at("distance_expansion");
        smearing = new GaussianSmearing(scope, settings.cutoffAngstrom(), settings.gaussians());
        offsetName = scope.name("offset");
    }

    @Override
    public Layer layer(Scope scope, int in, int out, boolean last) {
        return new Convolution(scope, in, out, last);
    }

    @Override
    public NodeFeatures start(Node x, Graph graph) {
        return NodeFeatures.ofScalars(x).withPositions(graph.positions());
    }

    private final class Convolution implements Layer {
        private final Linear before;
        private final Linear after;
        private final Mlp filter;
        private final @Nullable CoordinateUpdate movement;

        Convolution(Scope scope, int in, int out, boolean last) {
            if (settings.edgeWidth() == 0) {
                scope.at("module_1").alias("offset", offsetName);
            }
            Scope module = scope.at(settings.edgeWidth() == 0 ? "module_2" : "module_0");
            int filters = settings.filters();
            before = Linear.of(module.at("lin1"), in, filters, Initializer.xavierUniform(1), null);
            after = Linear.of(module.at("lin2"), filters, out, Initializer.xavierUniform(1), Initializer.constant(0));
            filter = Mlp.of(
                    module.at("nn"),
                    Activation.SHIFTED_SOFTPLUS,
                    false,
                    settings.gaussians() + settings.edgeWidth(),
                    filters,
                    filters);
            movement = settings.moving() && !last ? new CoordinateUpdate(module.at("coord_mlp"), filters, false) : null;
        }

        @Override
        public NodeFeatures apply(NodeFeatures features, Graph graph, ForwardContext context) {
            Node positions = features.positions() == null ? graph.positions() : features.positions();
            Geometry geometry = graph.geometry(positions);
            Node weights = weights(geometry, graph);
            Node sent = Expr.gather(before.apply(features.scalars()), graph.source());
            Node received = Expr.segmentSum(Expr.mul(sent, weights), graph.target());
            Node moved = movement == null ? positions : Expr.add(positions, displacement(geometry, graph, weights));
            return NodeFeatures.ofScalars(after.apply(received)).withPositions(moved);
        }

        /// (E, filters)
        private Node weights(Geometry geometry, Graph graph) {
            Node basis = geometry.derived(SchNet.this, g -> smearing.apply(g.length()));
            Node envelope = geometry.derived(settings, SchNet.this::envelope);
            Node edge = graph.edgeFeatures();
            Node weights = settings.edgeWidth() == 0 || edge == null
                    ? filter.apply(basis)
                    : filter.after(filter.layers().getFirst().applyToParts(basis, edge));
            return Expr.mul(weights, envelope);
        }

        /// (N, 3): the mean step over the edges that count, Å
        private Node displacement(Geometry geometry, Graph graph, Node weights) {
            if (movement == null) {
                throw new IllegalStateException("SchNet: want a layer that moves atoms, got one that does not");
            }
            Node steps = movement.steps(geometry, weights);
            if (settings.edges() != Edges.REBUILT) {
                return Expr.div(Expr.segmentSum(steps, graph.target()), graph.degree());
            }
            Node counts = within(geometry);
            Node neighbours = Expr.max(Expr.segmentSum(counts, graph.target()), Expr.constant(1));
            return Expr.div(Expr.segmentSum(Expr.mul(steps, counts), graph.target()), neighbours);
        }
    }

    /// (E, 1)
    private Node envelope(Geometry geometry) {
        double cutoff = settings.cutoffAngstrom();
        return switch (settings.edges()) {
            case GIVEN -> Cutoff.cosine(geometry.length(), cutoff);
            case GIVEN_UNTRUNCATED -> Cutoff.untruncatedCosine(geometry.length(), cutoff);
            case REBUILT -> Expr.mul(Cutoff.untruncatedCosine(geometry.length(), cutoff), within(geometry));
        };
    }

    /// (E, 1): 1 for edges that are not longer than the cutoff, else 0
    private Node within(Geometry geometry) {
        Node beyond = Expr.less(Expr.constant(settings.cutoffAngstrom()), geometry.length());
        return Expr.shift(Expr.neg(beyond), 1);
    }
}
