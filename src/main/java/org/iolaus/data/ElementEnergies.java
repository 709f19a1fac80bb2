package org.iolaus.data;

import java.util.Arrays;

/// Each element's share of the total energies: the least-squares solution of `composition @ x = energy`, the one of
/// smallest norm where the compositions leave it open (one molecule in many shapes, for example).
///
/// Rows are folded one by one into the triangular factor of a QR decomposition, so that any number of frames needs no
/// more memory than elements squared, and conditioning is that of the compositions, not of their square.
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
        // one-sided Jacobi: a rotation v of the columns makes those of w = triangle @ v orthogonal
        double[][] w = new double[n][n];
        double[][] v = new double[n][n];
        for (int i = 0; i < n; i++) {
            v[i][i] = 1;
            for (int k = 0; k < n; k++) {
                w[k][i] = rows[i][k];
            }
        }
        for (int sweep = 0; sweep < 60 && !orthogonalised(w, v); sweep++) {
            // the next sweep
        }
        double[] squares =
                Arrays.stream(w).mapToDouble(column -> dot(column, column)).toArray();
        double largest = Arrays.stream(squares).max().orElse(0);
        double[] x = new double[n];
        for (int k = 0; k < n; k++) {
            if (squares[k] > RANK_TOLERANCE * RANK_TOLERANCE * largest) {
                double along = 0;
                for (int i = 0; i < n; i++) {
                    along += w[k][i] * rows[i][n];
                }
                for (int i = 0; i < n; i++) {
                    x[i] += v[k][i] * along / squares[k];
                }
            }
        }
        return x;
    }

    /// One sweep over all pairs of columns (stored as rows here); true if none had to be turned.
    private boolean orthogonalised(double[][] w, double[][] v) {
        boolean done = true;
        for (int p = 0; p < n; p++) {
            for (int q = p + 1; q < n; q++) {
                double pp = dot(w[p], w[p]);
                double qq = dot(w[q], w[q]);
                double pq = dot(w[p], w[q]);
                if (Math.abs(pq) > 1e-15 * Math.sqrt(pp * qq)) {
                    done = false;
                    double zeta = (qq - pp) / (2 * pq);
                    double t = Math.copySign(1 / (Math.abs(zeta) + Math.hypot(1, zeta)), zeta);
                    double c = 1 / Math.hypot(1, t);
                    turn(w[p], w[q], c, c * t);
                    turn(v[p], v[q], c, c * t);
                }
            }
        }
        return done;
    }

    private static void turn(double[] p, double[] q, double c, double s) {
        for (int i = 0; i < p.length; i++) {
            double a = p[i];
            p[i] = c * a - s * q[i];
            q[i] = s * a + c * q[i];
        }
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }
}
