package org.iolaus.attention.equiformer;

import org.iolaus.ir.Node;
import org.iolaus.nn.Initializer;
import org.iolaus.nn.Parameters.Group;
import org.iolaus.nn.Scope;
import org.iolaus.op.Expr;
import org.iolaus.op.Pad;
import org.iolaus.tensor.Shape;

/// A dense layer over the channels of each degree: `y_lm = W_l x_lm`, with a bias where l = 0 (`SO3_LinearV2`).
///
/// All coefficients go through one batched product.
public final class So3Linear {
    private final int lmax;
    private final int in;
    private final int out;
    private final Node weight;
    private final Node bias;

    public So3Linear(Scope scope, int lmax, int in, int out, WeightInit init) {
        this.lmax = lmax;
        this.in = in;
        this.out = out;
        weight = scope.parameter("weight", init.dense(in), lmax + 1, out, in);
        bias = scope.parameter(Group.BIASES, "bias", Initializer.constant(0), out);
    }

    /// x: (N, K, in) -> (N, K, out)
    public Node apply(Node x) {
        int coefficients = (lmax + 1) * (lmax + 1);
        Node flat = Expr.reshape(weight, Shape.of(lmax + 1, out * in));
        Node spread =
                Expr.reshape(Expr.matmul(Constants.spread(lmax), flat, true, false), Shape.of(coefficients, out, in));
        Node product = Expr.matmul(Expr.transpose(x, 1, 0, 2), spread, false, true);
        Node scalarBias = Node.of(new Pad(0, 0, coefficients), Expr.reshape(bias, Shape.of(1, 1, out)));
        return Expr.transpose(Expr.add(product, scalarBias), 1, 0, 2);
    }

    /// The same for the coefficients of one degree: (..., in) -> (..., out)
    Node applyToDegree(Node x, int l) {
        Node own = Expr.reshape(Expr.slice(weight, 0, l, 1), Shape.of(out, in));
        return Expr.linear(x, own, l == 0 ? bias : null);
    }
}
