package org.iolaus.mpnn;

import org.iolaus.ir.Node;
import org.iolaus.nn.Activation;
import org.iolaus.nn.ForwardContext;
import org.iolaus.nn.Geometry;
import org.iolaus.nn.Graph;
import org.iolaus.nn.Linear;
import org.iolaus.nn.Mlp;
import org.iolaus.nn.Scope;
import org.iolaus.op.Expr;
import org.iolaus.tensor.Shape;
import org.jspecify.annotations.Nullable;

/// E(n)-equivariant graph network (Satorras, Hoogeboom and Welling 2021), with the length of the edge instead
/// of its square.
///
/// With moving positions, each layer but the last also moves the atoms, and the next layer measures
/// distances from there.
public final class Egnn implements MessagePassing {
    private final int hidden;
    private final int edgeWidth;
    private final boolean moving;

    /// A stack with these sizes.
    ///
    /// @param hidden width inside every layer
    /// @param edgeWidth columns of the edge features, 0 without
    /// @param moving whether positions move from layer to layer
    public Egnn(int hidden, int edgeWidth, boolean moving) {
        this.hidden = hidden;
        this.edgeWidth = edgeWidth;
        this.moving = moving;
    }

    @Override
    public Layer layer(Scope scope, int in, int out, boolean last) {
        return new Convolution(scope.at("module_0"), in, out, last);
    }

    @Override
    public NodeFeatures start(Node x, Graph graph) {
        return NodeFeatures.ofScalars(x).withPositions(graph.positions());
    }

    @Override
    public boolean firstEndReceives() {
        return true;
    }

    private final class Convolution implements Layer {
        private final int in;
        private final Mlp edge;
        private final Mlp node;
        private final @Nullable CoordinateUpdate movement;

        Convolution(Scope scope, int in, int out, boolean last) {
            this.in = in;
            edge = Mlp.of(scope.at("edge_mlp"), Activation.RELU, true, 2 * in + 1 + edgeWidth, hidden, hidden);
            node = Mlp.of(scope.at("node_mlp"), Activation.RELU, false, in + hidden, hidden, out);
            movement = moving && !last ? new CoordinateUpdate(scope.at("coord_mlp"), hidden, true) : null;
        }

        @Override
        public NodeFeatures apply(NodeFeatures features, Graph graph, ForwardContext context) {
            Node x = features.scalars();
            Node positions = features.positions() == null ? graph.positions() : features.positions();
            Geometry geometry = graph.geometry(positions);
            Node messages = messages(x, geometry, graph);
            Node sum = Expr.segmentSum(messages, graph.target());
            Node updated = node.after(node.layers().getFirst().applyToParts(x, sum));
            if (movement == null) {
                return NodeFeatures.ofScalars(updated).withPositions(positions);
            }
            Node steps = Expr.segmentSum(movement.steps(geometry, messages), graph.target());
            return NodeFeatures.ofScalars(updated).withPositions(Expr.add(positions, Expr.div(steps, graph.degree())));
        }

        /// (E, hidden). The first dense layer reads `[x target, x source, length, edge features]`; the parts for one
        /// atom are computed per atom.
        private Node messages(Node x, Geometry geometry, Graph graph) {
            Linear first = edge.layers().getFirst();
            Node received = new Linear(first.columns(0, in).weight(), first.bias()).apply(x);
            Node sent = first.columns(in, in).apply(x);
            Node perAngstrom = Expr.reshape(first.columns(2 * in, 1).weight(), Shape.of(hidden));
            Node sum = Expr.add(
                    Expr.gather(received, graph.target()),
                    Expr.gather(sent, graph.source()),
                    Expr.mul(geometry.length(), perAngstrom));
            if (edgeWidth > 0 && graph.edgeFeatures() != null) {
                sum = Expr.add(sum, first.columns(2 * in + 1, edgeWidth).apply(graph.edgeFeatures()));
            }
            return edge.after(sum);
        }
    }
}
