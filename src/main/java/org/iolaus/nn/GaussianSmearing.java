package org.iolaus.nn;

import org.iolaus.ir.Node;
import org.iolaus.op.Expr;

/// Gaussians whose centres are spread evenly over `[0, cutoff]`, as wide as their spacing (Schütt et al. 2017).
public final class GaussianSmearing {
    private final Node offset;
    private final double coefficient;

    /// Makes the buffer `offset` with the centres.
    ///
    /// @param count at least 2
    public GaussianSmearing(Scope scope, double cutoffAngstrom, int count) {
        double step = cutoffAngstrom / (count - 1);
        double[] centres = new double[count];
        for (int i = 0; i < count; i++) {
            centres[i] = i * step;
        }
        offset = scope.buffer("offset", Initializer.of(centres), count);
        coefficient = -0.5 / (step * step);
    }

    /// distance: (E, 1) -> (E, B)
    public Node apply(Node distance) {
        return Expr.exp(Expr.scale(Expr.square(Expr.sub(distance, offset)), coefficient));
    }
}
