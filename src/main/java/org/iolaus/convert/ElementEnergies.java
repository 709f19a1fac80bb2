package org.iolaus.convert;

import java.util.Arrays;
import org.iolaus.atoms.LinearAlgebra;

/// Each element's share of the total energies: the least-squares solution of `composition @ x = energy`, the one
/// of smallest norm where the compositions leave it open (one molecule in many shapes, for example).
///
/// Rows are folded one by one into the triangular factor of a QR decomposition, so that any number of frames needs
/// no more memory than elements squared, and conditioning is that of the compositions, not of their square.
final class ElementEnergies {
    /// Singular values below this fraction of the largest count as zero.
    private static final double RANK_TOLERANCE = 1e-10;

    private final int n;
    /// `(n, n + 1)` upper triangle and, as last column, the right-hand side.
    private final double[][] rows;

    ElementEnergies(int elements) {
        this.n = elements;
        this.rows = new double[elements][elements + 1];
    }

    /// Adds frames of one composition.
    ///
    /// @param counts `(n)` atoms of each element
    /// @param energy eV, the mean of the frames
    /// @param frames how many there are
    void add(double[] counts, double energy, long frames) {
        double weight = Math.sqrt((double) frames);
        double[] row = new double[n + 1];
        for (int i = 0; i < n; i++) {
            row[i] = weight * counts[i];
        }
        row[n] = weight * energy;
        for (int i = 0; i < n; i++) {
            if (row[i] != 0) {
                rotate(rows[i], row, i);
            }
        }
    }

    /// Givens rotation of two rows that makes element `i` of the second one zero.
    private static void rotate(double[] upper, double[] row, int i) {
        double r = Math.hypot(upper[i], row[i]);
        double c = upper[i] / r;
        double s = row[i] / r;
        for (int k = i; k < row.length; k++) {
            double u = upper[k];
            upper[k] = c * u + s * row[k];
            row[k] = c * row[k] - s * u;
        }
        row[i] = 0;
    }

    /// `(n)` eV per atom of each element.
    double[] solve() {
        double[] right = Arrays.stream(rows).mapToDouble(row -> row[n]).toArray();
        return LinearAlgebra.leastSquares(rows, right, RANK_TOLERANCE);
    }
}
