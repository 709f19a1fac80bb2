package org.iolaus.nn;

import org.iolaus.ir.Node;
import org.iolaus.op.Expr;
import org.iolaus.tensor.Shape;

/// Radial basis `sin(n pi d / cutoff) / d`, n = 1 .. count (Schütt, Unke and Gastegger 2021, eq. 8).
public final class SincBasis {

    private SincBasis() {}

    /// distance: (E, 1) -> (E, count)
    public static Node of(Node distance, double cutoffAngstrom, int count) {
        double[] frequencies = new double[count];
        for (int n = 1; n <= count; n++) {
            frequencies[n - 1] = n * Math.PI / cutoffAngstrom;
        }
        Node waves = Expr.sin(Expr.mul(distance, Expr.constant(Shape.of(count), frequencies)));
        return Expr.mul(waves, Expr.reciprocal(distance));
    }
}
