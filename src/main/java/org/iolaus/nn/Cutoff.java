package org.iolaus.nn;

import org.iolaus.ir.Node;
import org.iolaus.op.Expr;

/// Weights that go to 0 at a cutoff: `0.5 (cos(pi d / cutoff) + 1)` (Behler and Parrinello 2007), and a polynomial
/// that is smoother there.
public final class Cutoff {

    private Cutoff() {}

    /// 0 from the cutoff on. distance: (E, 1), Å
    public static Node cosine(Node distance, double cutoffAngstrom) {
        return Expr.where(
                inside(distance, cutoffAngstrom), untruncatedCosine(distance, cutoffAngstrom), Expr.constant(0));
    }

    /// The same without the cut: it grows again beyond the cutoff, for edges that are known to be shorter.
    public static Node untruncatedCosine(Node distance, double cutoffAngstrom) {
        return Expr.scale(Expr.shift(Expr.cos(Expr.scale(distance, Math.PI / cutoffAngstrom)), 1), 0.5);
    }

    /// 1 at 0, 0 from the cutoff on, where the first and second derivative vanish too (Gasteiger, Groß and
    /// Günnemann 2020, eq. 8): `1 - (p + 1)(p + 2) / 2 x^p + p (p + 2) x^(p + 1) - p (p + 1) / 2 x^(p + 2)` with
    /// x = d / cutoff.
    ///
    /// @param distance (E, 1), Å
    /// @param exponent p, at least 1; the larger, the longer the weight stays near 1
    public static Node polynomial(Node distance, double cutoffAngstrom, int exponent) {
        if (exponent < 1) {
            throw new IllegalArgumentException("envelope exponent: want at least 1, got " + exponent);
        }
        double p = exponent;
        Node x = Expr.scale(distance, 1 / cutoffAngstrom);
        Node inner = Expr.shift(
                Expr.mul(x, Expr.shift(Expr.scale(x, -p * (p + 1) / 2), p * (p + 2))), -(p + 1) * (p + 2) / 2);
        return Expr.where(
                inside(distance, cutoffAngstrom), Expr.shift(Expr.mul(Expr.pow(x, p), inner), 1), Expr.constant(0));
    }

    /// 1 below the cutoff, else 0. A distance that is NaN is inside, so that its weight is NaN too.
    private static Node inside(Node distance, double cutoffAngstrom) {
        return Expr.step(Expr.sub(Expr.constant(cutoffAngstrom), distance));
    }
}
