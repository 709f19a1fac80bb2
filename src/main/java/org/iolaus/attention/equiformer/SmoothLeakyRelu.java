package org.iolaus.attention.equiformer;

import org.iolaus.ir.Node;
import org.iolaus.op.Expr;

/// Pointwise functions of attention: smooth leaky ReLU `(1+a)/2 x + (1-a)/2 x (2 sigmoid(x) - 1)` with a = 0.2, and
/// scaled variants that keep the second moment of normal values. The network uses the unscaled one.
public final class SmoothLeakyRelu {
    private static final double SLOPE = 0.2;

    private SmoothLeakyRelu() {}

    public static Node of(Node x) {
        return of(x, SLOPE);
    }

    /// With another slope a.
    public static Node of(Node x, double slope) {
        // (1+a)/2 x + (1-a)/2 x (2 s - 1) = a x + (1-a) x s
        return Expr.mul(x, Expr.shift(Expr.scale(Expr.sigmoid(x), 1 - slope), slope));
    }

    public static Node scaled(Node x, double slope) {
        return Expr.scale(of(x, slope), 1.531320475574866);
    }

    public static Node scaledSilu(Node x) {
        return Expr.scale(Expr.mul(x, Expr.sigmoid(x)), 1.6791767923989418);
    }

    public static Node scaledSigmoid(Node x) {
        return Expr.scale(Expr.sigmoid(x), 1.8467055342154763);
    }
}
