package org.iolaus.attention.equiformer;

import org.iolaus.ir.Node;
import org.iolaus.nn.Activation;
import org.iolaus.op.Expr;

/// SiLU of a function on the sphere, taken point by point on a grid ([org.iolaus.op.GridActivation]).
///
/// In the separable form, l = 0 of the result comes from separate scalars; the grid still reads l = 0 of the input.
public final class S2Activation {

    private S2Activation() {}

    /// x: (B, R, C) -> (B, R, C)
    public static Node plain(Node x, GridTransform grid) {
        return grid.silu(x);
    }

    /// The separable form, where l = 0 comes first in the order of `grid`.
    ///
    /// @param scalars (B, C)
    public static Node separable(Node scalars, Node x, GridTransform grid) {
        return separated(scalars, plain(x, grid));
    }

    /// What the separable form makes of scalars (B, C) and the plain form's result (B, R, C).
    static Node separated(Node scalars, Node activated) {
        return withScalars(Activation.SILU.apply(scalars), activated);
    }

    /// x with its first coefficient replaced. scalars: (B, C)
    static Node withScalars(Node scalars, Node x) {
        int coefficients = x.shape().dim(1).intValue();
        Node first = Expr.unsqueeze(scalars, 1);
        return coefficients == 1 ? first : Expr.concat(1, first, Expr.slice(x, 1, 1, coefficients - 1));
    }
}
