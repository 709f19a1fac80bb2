package org.iolaus.atoms;

import java.util.Arrays;

/// A box: three lattice vectors as the rows of a matrix, `cartesian = fractional @ rows`.
///
/// @param rows `(3, 3)` Å, row-major, not singular
@SuppressWarnings("ArrayRecordComponent")
public record Cell(double[] rows) {
    /// A box counts as flat when its volume is below this fraction of the product of its edges.
    private static final double FLAT = 1e-9;

    /// Checks the box.
    ///
    /// @throws IllegalArgumentException unless `rows` holds nine finite numbers that span a volume
    public Cell {
        if (rows.length != 9 || !Arrays.stream(rows).allMatch(Double::isFinite)) {
            throw new IllegalArgumentException("cell: want 9 finite numbers, got " + Arrays.toString(rows));
        }
        double edges = length(rows, 0) * length(rows, 1) * length(rows, 2);
        if (!(Math.abs(determinant(rows)) > FLAT * edges)) {
            throw new IllegalArgumentException(
                    "cell: want three linearly independent lattice vectors, got " + Arrays.toString(rows));
        }
    }

    /// The box that a neighbour search works in: the periodic lattice vectors as they are, and an orthonormal
    /// complement for the other directions, whose vectors may be anything.
    ///
    /// @throws IllegalArgumentException if the periodic vectors do not span a line, a plane or a volume
    public static Cell completed(double[] rows, boolean[] periodic) {
        double[] full = new double[9];
        for (int d = 0; d < 3; d++) {
            if (periodic[d]) {
                if (!(length(rows, d) > 0)) {
                    throw new IllegalArgumentException(
                            "cell: want a lattice vector in periodic direction " + d + ", got (0, 0, 0)");
                }
                System.arraycopy(rows, 3 * d, full, 3 * d, 3);
            }
        }
        boolean[] set = periodic.clone();
        for (int d = 0; d < 3; d++) {
            if (!set[d]) {
                complement(full, set, d);
                set[d] = true;
            }
        }
        return new Cell(full);
    }

    /// Sets row `d` to a unit vector orthogonal to the rows that are set.
    private static void complement(double[] rows, boolean[] set, int d) {
        int next = (d + 1) % 3;
        int last = (d + 2) % 3;
        double[] v;
        if (set[next] && set[last]) {
            v = cross(rows, next, last);
        } else if (set[next] || set[last]) {
            int given = 3 * (set[next] ? next : last);
            int axis = 0;
            for (int k = 1; k < 3; k++) {
                axis = Math.abs(rows[given + k]) < Math.abs(rows[given + axis]) ? k : axis;
            }
            double[] pair = {rows[given], rows[given + 1], rows[given + 2], 0, 0, 0};
            pair[3 + axis] = 1;
            v = cross(pair, 0, 1);
        } else {
            v = new double[3];
            v[d] = 1;
        }
        double length = length(v, 0);
        if (!(length > 0)) {
            throw new IllegalArgumentException(
                    "cell: want linearly independent periodic lattice vectors, got " + Arrays.toString(rows));
        }
        for (int k = 0; k < 3; k++) {
            rows[3 * d + k] = v[k] / length;
        }
    }

    /// The volume, Å³, never negative.
    public double volume() {
        return Math.abs(determinant(rows));
    }

    /// `(3, 3)` so that `fractional = cartesian @ inverse`.
    public double[] inverse() {
        double determinant = determinant(rows);
        double[] inverse = new double[9];
        for (int d = 0; d < 3; d++) {
            double[] normal = cross(rows, (d + 1) % 3, (d + 2) % 3);
            for (int k = 0; k < 3; k++) {
                inverse[3 * k + d] = normal[k] / determinant;
            }
        }
        return inverse;
    }

    /// The distances between opposite faces, Å: direction `d` repeats after at least `heights()[d]`.
    public double[] heights() {
        double[] inverse = inverse();
        double[] heights = new double[3];
        for (int d = 0; d < 3; d++) {
            heights[d] = 1 / Math.sqrt(square(inverse[d]) + square(inverse[3 + d]) + square(inverse[6 + d]));
        }
        return heights;
    }

    /// `(N, 3)` Å to `(N, 3)` multiples of the lattice vectors.
    public double[] fractional(double[] positions) {
        return multiply(positions, inverse());
    }

    /// `(N, 3)` multiples of the lattice vectors to `(N, 3)` Å.
    public double[] cartesian(double[] fractional) {
        return multiply(fractional, rows);
    }

    /// `(N, 3)` Å, moved by lattice vectors of the periodic directions into the box.
    public double[] wrap(double[] positions, boolean[] periodic) {
        double[] fractional = fractional(positions);
        double[] wrapped = positions.clone();
        for (int i = 0; i < positions.length; i++) {
            double shift = Math.floor(fractional[i]);
            if (periodic[i % 3] && shift != 0) {
                for (int k = 0; k < 3; k++) {
                    wrapped[i - i % 3 + k] -= shift * rows[3 * (i % 3) + k];
                }
            }
        }
        return wrapped;
    }

    private static double[] multiply(double[] vectors, double[] matrix) {
        double[] product = new double[vectors.length];
        for (int i = 0; i < vectors.length; i += 3) {
            for (int k = 0; k < 3; k++) {
                product[i + k] =
                        vectors[i] * matrix[k] + vectors[i + 1] * matrix[3 + k] + vectors[i + 2] * matrix[6 + k];
            }
        }
        return product;
    }

    private static double determinant(double[] rows) {
        double[] normal = cross(rows, 1, 2);
        return rows[0] * normal[0] + rows[1] * normal[1] + rows[2] * normal[2];
    }

    private static double[] cross(double[] rows, int a, int b) {
        int i = 3 * a;
        int j = 3 * b;
        return new double[] {
            rows[i + 1] * rows[j + 2] - rows[i + 2] * rows[j + 1],
            rows[i + 2] * rows[j] - rows[i] * rows[j + 2],
            rows[i] * rows[j + 1] - rows[i + 1] * rows[j]
        };
    }

    private static double length(double[] rows, int d) {
        return Math.sqrt(square(rows[3 * d]) + square(rows[3 * d + 1]) + square(rows[3 * d + 2]));
    }

    private static double square(double x) {
        return x * x;
    }
}
