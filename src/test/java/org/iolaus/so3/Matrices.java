package org.iolaus.so3;

import java.util.Random;

/// Products of small row-major matrices, and random rotations.
public final class Matrices {
    private Matrices() {}

    /// `a b` for square `a (n, n)`; `b` is `(n, m)` for whatever m fits. A vector `a` of length n times
    /// `b (n, m)` gives (m).
    public static double[] product(double[] a, double[] b) {
        int n = (int) Math.round(Math.sqrt(a.length));
        if (n * n != a.length || b.length % n != 0) {
            n = a.length;
        }
        int rows = a.length / n;
        int m = b.length / n;
        double[] c = new double[rows * m];
        for (int i = 0; i < rows; i++) {
            for (int k = 0; k < n; k++) {
                for (int j = 0; j < m; j++) {
                    c[i * m + j] += a[i * n + k] * b[k * m + j];
                }
            }
        }
        return c;
    }

    public static double[] transposed(double[] a, int n) {
        double[] t = new double[a.length];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                t[j * n + i] = a[i * n + j];
            }
        }
        return t;
    }

    /// Uniform over SO(3).
    public static double[] rotation(Random random) {
        double[] q = random.doubles(4, -1, 1).toArray();
        double norm = 0;
        for (double one : q) {
            norm += one * one;
        }
        return norm > 1 || norm < 0.01 ? rotation(random) : rotation(q[0], q[1], q[2], q[3]);
    }

    /// The rotation of a quaternion of any length.
    public static double[] rotation(double w, double x, double y, double z) {
        double s = 2 / (w * w + x * x + y * y + z * z);
        return new double[] {
            1 - s * (y * y + z * z),
            s * (x * y - w * z),
            s * (x * z + w * y),
            s * (x * y + w * z),
            1 - s * (x * x + z * z),
            s * (y * z - w * x),
            s * (x * z - w * y),
            s * (y * z + w * x),
            1 - s * (x * x + y * y)
        };
    }
}
