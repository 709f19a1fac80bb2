package org.iolaus.attention.equiformer;

import org.iolaus.ir.Node;
import org.iolaus.nn.Scope;
import org.iolaus.op.Expr;

/// The SO(2) map of one order m > 0: with weights r and i, `y(+m) = r x(+m) - i x(-m)` and
/// `y(-m) = r x(-m) + i x(+m)` (Passaro and Zitnick 2023).
///
/// One product with the matrix `(r, -i; i, r)` computes both signs: as much arithmetic as two products with its
/// halves, and nothing to combine after it.
public final class So2MConvolution {
    private final int out;
    private final Node weight;

    /// @param in degrees times channels that enter
    /// @param out degrees times channels that leave
    public So2MConvolution(Scope scope, int in, int out, WeightInit init) {
        this.out = out;
        weight = scope.at("fc").parameter("weight", init.so2(in), 2 * out, in);
    }

    /// x: (E, 2 * in), +m before -m -> (E, 2 * out)
    public Node apply(Node x) {
        return apply(x, 0, out);
    }

    /// Only some outputs of each sign, from `start` on: (E, 2 * in) -> (E, 2 * length)
    Node apply(Node x, int start, int length) {
        Node real = Expr.slice(weight, 0, start, length);
        Node imaginary = Expr.slice(weight, 0, out + start, length);
        Node positive = Expr.concat(1, real, Expr.neg(imaginary));
        Node negative = Expr.concat(1, imaginary, real);
        return Expr.linear(x, Expr.concat(0, positive, negative), null);
    }
}
