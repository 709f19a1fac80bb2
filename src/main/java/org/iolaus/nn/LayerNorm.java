package org.iolaus.nn;

import org.iolaus.ir.Node;
import org.iolaus.nn.Parameters.Group;
import org.iolaus.op.Expr;

/// Normalises the last axis to mean 0 and variance 1, then scales and shifts (Ba, Kiros and Hinton 2016); population
/// variance, eps 1e-5 inside the root.
///
/// @param weight (C)
/// @param bias (C)
public record LayerNorm(Node weight, Node bias) {
    public static final double EPSILON = 1e-5;

    /// Starts as the plain normalisation.
    public static LayerNorm of(Scope scope, int channels) {
        return new LayerNorm(
                scope.parameter(Group.NORMS, "weight", Initializer.constant(1), channels),
                scope.parameter(Group.NORMS, "bias", Initializer.constant(0), channels));
    }

    /// x: (..., C) -> (..., C)
    public Node apply(Node x) {
        double share = 1.0 / x.shape().dim(-1).intValue();
        Node centred = Expr.sub(x, Expr.scale(Expr.sum(x, -1), share));
        Node variance = Expr.scale(Expr.sum(Expr.square(centred), -1), share);
        Node inverse = Expr.pow(Expr.shift(variance, EPSILON), -0.5);
        return Expr.add(Expr.mul(Expr.mul(centred, inverse), weight), bias);
    }
}
