package org.iolaus.mpnn;

import java.util.Objects;
import org.iolaus.ir.Node;
import org.iolaus.nn.Activation;
import org.iolaus.nn.Cutoff;
import org.iolaus.nn.ForwardContext;
import org.iolaus.nn.Geometry;
import org.iolaus.nn.Graph;
import org.iolaus.nn.Linear;
import org.iolaus.nn.Mlp;
import org.iolaus.nn.Scope;
import org.iolaus.nn.SincBasis;
import org.iolaus.op.Expr;
import org.jspecify.annotations.Nullable;

/// Polarisable atom interaction network (Schütt, Unke and Gastegger 2021): scalars (N, C) and vectors (N, 3, C).
///
/// As in HydraGNN, a layer has the width of its input and is followed by maps to the width of the network, and the
/// message for vectors carries `r / |r|^2`.
public final class Painn implements MessagePassing {
    private static final double SMALL_ANGSTROM = 1e-9;

    private final double cutoffAngstrom;
    private final int radial;
    private final int edgeWidth;

    /// A stack with these sizes.
    ///
    /// @param radial size of the radial basis
    /// @param edgeWidth columns of the edge features, 0 without
    public Painn(double cutoffAngstrom, int radial, int edgeWidth) {
        this.cutoffAngstrom = cutoffAngstrom;
        this.radial = radial;
        this.edgeWidth = edgeWidth;
    }

    @Override
    public Layer layer(Scope scope, int in, int out, boolean last) {
        Message message = new Message(scope.at("module_0"), in);
        Update update = new Update(scope.at("module_1"), in, last);
        Mlp scalars = Mlp.of(scope.at("module_2"), Activation.TANH, false, in, out, out);
        Linear vectors = last ? null : Linear.withoutBias(scope.at("module_3"), in, out);
        return (features, graph, context) -> {
            NodeFeatures updated = update.apply(message.apply(features, graph, context));
            Node v = updated.vectors();
            return NodeFeatures.ofScalars(scalars.apply(updated.scalars()))
                    .withVectors(vectors == null || v == null ? v : vectors.apply(v));
        };
    }

    @Override
    public int vectors(int in, int out, boolean last) {
        return last ? in : out;
    }

    @Override
    public boolean firstEndReceives() {
        return true;
    }

    /// (E, B + 1): the radial basis times the cutoff function, then the cutoff function, so that one dense layer
    /// gives a filter whose bias is damped too.
    private Node dampedBasis(Geometry geometry) {
        Node cutoff = Cutoff.cosine(geometry.length(), cutoffAngstrom);
        Node basis = SincBasis.of(geometry.length(), cutoffAngstrom, radial);
        return Expr.concat(1, Expr.mul(basis, cutoff), cutoff);
    }

    /// (E, 3, 1): `r / |r|^2`, 1/Å
    private static Node direction(Geometry geometry) {
        Node length = geometry.length();
        Node scale = Expr.reciprocal(Expr.mul(Expr.shift(length, SMALL_ANGSTROM), length));
        return Expr.unsqueeze(Expr.mul(geometry.vector(), scale), 2);
    }

    /// The messages of neighbours.
    private final class Message implements Layer {
        private final int width;
        private final Mlp scalar;
        private final Linear filter;
        private final @Nullable Mlp edgeFilter;

        Message(Scope scope, int width) {
            this.width = width;
            scalar = Mlp.of(scope.at("scalar_message_mlp"), Activation.SILU, false, width, width, 3 * width);
            filter = Linear.of(scope.at("filter_layer"), radial, 3 * width);
            edgeFilter = edgeWidth == 0
                    ? null
                    : Mlp.of(scope.at("edge_filter"), Activation.SILU, false, edgeWidth, width, 3 * width);
        }

        @Override
        public NodeFeatures apply(NodeFeatures features, Graph graph, ForwardContext context) {
            Node s = features.scalars();
            Node v = features.vectors();
            Geometry geometry = graph.geometry(graph.positions());
            Node basis = geometry.derived(Painn.this, Painn.this::dampedBasis);
            Node direction = geometry.derived("r/|r|^2", Painn::direction);
            Node hidden = Activation.SILU.apply(scalar.layers().getFirst().apply(s));
            Node edge = edgeFilter == null || graph.edgeFeatures() == null
                    ? null
                    : Activation.SILU.apply(edgeFilter.layers().getFirst().apply(graph.edgeFeatures()));
            Node vectors = Expr.mul(Expr.unsqueeze(third(1, hidden, basis, edge, graph), 1), direction);
            if (v != null) {
                Node gate = Expr.unsqueeze(third(0, hidden, basis, edge, graph), 1);
                vectors = Expr.add(Expr.mul(Expr.gather(v, graph.source()), gate), vectors);
            }
            Node vectorSum = Expr.segmentSum(vectors, graph.target());
            Node scalarSum = Expr.segmentSum(third(2, hidden, basis, edge, graph), graph.target());
            return NodeFeatures.ofScalars(Expr.add(s, scalarSum))
                    .withVectors(v == null ? vectorSum : Expr.add(v, vectorSum));
        }

        /// (E, width): a third of the filtered scalars of an edge's source: the gate of the source's vectors (0), the
        /// gate of the edge's direction (1), the message for scalars (2).
        private Node third(int part, Node hidden, Node basis, @Nullable Node edge, Graph graph) {
            int start = part * width;
            Linear rows = filter.rows(start, width);
            Node bias = Expr.unsqueeze(Objects.requireNonNull(rows.bias()), 1);
            Node weights = Expr.linear(basis, Expr.concat(1, rows.weight(), bias), null);
            if (edgeFilter != null && edge != null) {
                weights = Expr.mul(
                        weights,
                        edgeFilter.layers().getLast().rows(start, width).apply(edge));
            }
            Node sent = scalar.layers().getLast().rows(start, width).apply(hidden);
            return Expr.mul(weights, Expr.gather(sent, graph.source()));
        }
    }

    /// Lets the scalars and vectors of an atom act on each other.
    private static final class Update {
        private final int width;
        private final boolean last;
        private final Linear left;
        private final Linear right;
        private final Mlp mlp;

        Update(Scope scope, int width, boolean last) {
            this.width = width;
            this.last = last;
            left = Linear.withoutBias(scope.at("update_U"), width, width);
            right = Linear.withoutBias(scope.at("update_V"), width, width);
            mlp = Mlp.of(scope.at("update_mlp"), Activation.SILU, false, 2 * width, width, (last ? 2 : 3) * width);
        }

        NodeFeatures apply(NodeFeatures features) {
            Node s = features.scalars();
            Node v = Objects.requireNonNull(features.vectors());
            Node u = left.apply(v);
            Node w = right.apply(v);
            Node hidden = Activation.SILU.apply(mlp.layers().getFirst().applyToParts(norm(w), s));
            int offset = last ? 0 : 1;
            Node product = Expr.squeeze(Expr.sum(Expr.mul(u, w), 1), 1);
            Node scalars = Expr.add(s, Expr.mul(gate(offset, hidden), product), gate(offset + 1, hidden));
            return NodeFeatures.ofScalars(scalars)
                    .withVectors(last ? v : Expr.add(v, Expr.mul(Expr.unsqueeze(gate(0, hidden), 1), u)));
        }

        private Node gate(int part, Node hidden) {
            return mlp.layers().getLast().rows(part * width, width).apply(hidden);
        }

        /// Length of each vector, (N, 3, C) -> (N, C); its derivatives at 0 are taken as 0.
        private static Node norm(Node v) {
            Node square = Expr.squeeze(Expr.sum(Expr.square(v), 1), 1);
            Node positive = Expr.step(square);
            Node root = Expr.sqrt(Expr.where(positive, square, Expr.constant(1)));
            return Expr.where(positive, root, Expr.constant(0));
        }
    }
}
