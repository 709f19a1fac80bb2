package org.iolaus.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.iolaus.ir.Node;
import org.iolaus.nn.Activation;
import org.iolaus.nn.Linear;
import org.iolaus.nn.Mlp;
import org.iolaus.nn.Scope;
import org.iolaus.op.Expr;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;

/// `mlp_per_node`: an MLP of its own for each atom index, for graphs of one size. All MLPs run as
/// one batched product.
final class MlpPerNode implements Head {
    private final List<Mlp> mlps = new ArrayList<>();
    private final Activation activation;
    private final Inputs inputs;

    MlpPerNode(Scope scope, Activation activation, int atomsPerGraph, Inputs inputs, int[] widths) {
        this.activation = activation;
        this.inputs = inputs;
        for (int index = 0; index < atomsPerGraph; index++) {
            mlps.add(Mlp.of(scope.at(index), activation, false, widths));
        }
    }

    /// (N, in) -> (N, out)
    @Override
    public Node apply(Encoding encoding) {
        Node x = encoding.atoms().scalars();
        int atomsPerGraph = mlps.size();
        Node rows = Expr.gather(x, inputs.nodesByIndex);
        rows = Expr.reshape(rows, Shape.of(atomsPerGraph, Inputs.G, x.shape().dim(1)));
        int layers = mlps.getFirst().layers().size();
        for (int i = 0; i < layers; i++) {
            List<Node> weights = new ArrayList<>();
            List<Node> biases = new ArrayList<>();
            for (Mlp mlp : mlps) {
                Linear layer = mlp.layers().get(i);
                weights.add(Expr.unsqueeze(layer.weight(), 0));
                biases.add(Expr.reshape(
                        Objects.requireNonNull(layer.bias()),
                        Shape.of(1, 1, layer.weight().shape().dim(0))));
            }
            rows = Expr.add(Expr.matmul(rows, Expr.concat(0, weights), false, true), Expr.concat(0, biases));
            rows = i + 1 < layers ? activation.apply(rows) : rows;
        }
        Node flat = Expr.reshape(
                rows,
                Shape.of(Inputs.G.times(Dim.of(atomsPerGraph)), rows.shape().dim(2)));
        return Expr.segmentSum(flat, inputs.nodesByIndex);
    }
}
