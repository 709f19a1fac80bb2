package org.iolaus.nn;

import org.iolaus.ir.Node;
import org.iolaus.op.Expr;

/// Cosine cutoff `0.5 (cos(pi d / cutoff) + 1)` (Behler and Parrinello 2007).
public final class Cutoff {

    private Cutoff() {}

    /// 0 from the cutoff on. distance: (E, 1), Å
    public static Node cosine(Node distance, double cutoffAngstrom) {
        Node inside = Expr.less(distance, Expr.constant(cutoffAngstrom));
        return Expr.where(inside, untruncatedCosine(distance, cutoffAngstrom), Expr.constant(0));
    }

    /// Grows again beyond the cutoff: for edges that are known to be shorter.
    public static Node untruncatedCosine(Node distance, double cutoffAngstrom) {
        return Expr.scale(Expr.shift(Expr.cos(Expr.scale(distance, Math.PI / cutoffAngstrom)), 1), 0.5);
    }
}
