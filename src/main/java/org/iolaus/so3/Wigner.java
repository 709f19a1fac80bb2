package org.iolaus.so3;

/// Rotations of real spherical harmonics: `D(R) Y(v) = Y(R v)`, block by degree.
///
/// Computed from the entries of the rotation matrix by the recurrence of Ivanic and Ruedenberg (J. Phys. Chem. 100
/// (1996) 6342; corrections in 102 (1998) 9099), so no angles occur and no direction is special. Errors grow with the
/// degree to about 1e-14 at l = 8.
public final class Wigner {

    private Wigner() {}

    /// The blocks of degrees 0 .. lmax; block `l` is `(2 l + 1, 2 l + 1)`, row-major.
    ///
    /// @param rotation nine numbers, row-major
    public static double[][] blocks(int lmax, double[] rotation) {
        if (rotation.length != 9) {
            throw new IllegalArgumentException("Wigner: want a rotation matrix of 9 numbers, got " + rotation.length);
        }
        double[][] blocks = new double[lmax + 1][];
        blocks[0] = new double[] {1};
        for (int l = 1; l <= lmax; l++) {
            blocks[l] = l == 1 ? rotation.clone() : next(l, rotation, blocks[l - 1]);
        }
        return blocks;
    }

    /// One matrix over all degrees: K times K with the blocks on its diagonal, K = (lmax + 1)^2.
    public static double[] matrix(int lmax, double[] rotation) {
        int size = (lmax + 1) * (lmax + 1);
        double[] matrix = new double[size * size];
        double[][] blocks = blocks(lmax, rotation);
        for (int l = 0; l <= lmax; l++) {
            int width = 2 * l + 1;
            for (int row = 0; row < width; row++) {
                System.arraycopy(blocks[l], row * width, matrix, (l * l + row) * size + l * l, width);
            }
        }
        return matrix;
    }

    /// How many numbers [#packed] has: the rows `|m| <= mmax` of each block.
    public static int packedSize(int lmax, int mmax) {
        return packedOffset(lmax + 1, mmax);
    }

    /// Where the rows of degree `l` begin in [#packed].
    public static int packedOffset(int l, int mmax) {
        int offset = 0;
        for (int below = 0; below < l; below++) {
            offset += (2 * below + 1) * (2 * Math.min(below, mmax) + 1);
        }
        return offset;
    }

    /// Place of the entry (m, n) of degree `l` in [#packed].
    public static int packedIndex(int l, int m, int n, int mmax) {
        return packedOffset(l, mmax) + (m + Math.min(l, mmax)) * (2 * l + 1) + n + l;
    }

    /// Block-diagonal storage of the rows `|m| <= mmax`: degree by degree, row-major. `mmax = lmax` keeps all.
    public static double[] packed(int lmax, int mmax, double[] rotation) {
        double[] packed = new double[packedSize(lmax, mmax)];
        double[][] blocks = blocks(lmax, rotation);
        for (int l = 0; l <= lmax; l++) {
            int rows = 2 * Math.min(l, mmax) + 1;
            int width = 2 * l + 1;
            int first = l - Math.min(l, mmax);
            System.arraycopy(blocks[l], first * width, packed, packedOffset(l, mmax), rows * width);
        }
        return packed;
    }

    /// The matrix `J_l` of `D_l = Z(alpha) J_l Z(beta) J_l Z(gamma)`: `(-1)^l D_l` of the half turn about
    /// `(x + y) / sqrt 2`.
    public static double[] j(int l) {
        double[] block = blocks(l, new double[] {0, 1, 0, 1, 0, 0, 0, 0, -1})[l];
        if (l % 2 == 1) {
            for (int i = 0; i < block.length; i++) {
                block[i] = 0 - block[i];
            }
        }
        return block;
    }

    private static double[] next(int l, double[] first, double[] below) {
        int width = 2 * l + 1;
        double[] block = new double[width * width];
        Recurrence step = new Recurrence(l, first, below);
        for (int m = -l; m <= l; m++) {
            for (int n = -l; n <= l; n++) {
                block[(m + l) * width + n + l] = step.entry(m, n);
            }
        }
        return block;
    }

    /// From degree `l - 1` to `l`; names as in the paper's table 2.
    @SuppressWarnings("ArrayRecordComponent")
    private record Recurrence(int l, double[] first, double[] below) {

        double entry(int m, int n) {
            int size = Math.abs(m);
            double denominator = Math.abs(n) == l ? 2.0 * l * (2 * l - 1) : (double) (l + n) * (l - n);
            double sum = 0;
            if (size < l) {
                sum += Math.sqrt((l + m) * (l - m) / denominator) * p(0, m, n);
            }
            double v = Math.sqrt((l + size - 1) * (l + size) / denominator) / 2;
            sum += m == 0 ? -Math.sqrt(2) * v * (p(1, 1, n) + p(-1, -1, n)) : v * lower(m, n);
            if (m != 0 && size < l - 1) {
                double w = Math.sqrt((l - size - 1) * (l - size) / denominator) / 2;
                sum -= w * (m > 0 ? p(1, m + 1, n) + p(-1, -m - 1, n) : p(1, m - 1, n) - p(-1, -m + 1, n));
            }
            return sum;
        }

        private double lower(int m, int n) {
            if (Math.abs(m) == 1) {
                return Math.sqrt(2) * p(m, 0, n);
            }
            return m > 0 ? p(1, m - 1, n) - p(-1, -m + 1, n) : p(1, m + 1, n) + p(-1, -m - 1, n);
        }

        private double p(int i, int m, int n) {
            if (n == l) {
                return one(i, 1) * rest(m, l - 1) - one(i, -1) * rest(m, 1 - l);
            }
            if (n == -l) {
                return one(i, 1) * rest(m, 1 - l) + one(i, -1) * rest(m, l - 1);
            }
            return one(i, 0) * rest(m, n);
        }

        private double one(int m, int n) {
            return first[(m + 1) * 3 + n + 1];
        }

        private double rest(int m, int n) {
            return below[(m + l - 1) * (2 * l - 1) + n + l - 1];
        }
    }
}
