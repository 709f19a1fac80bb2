package org.iolaus.train.optimize;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.iolaus.nn.Parameters.Group;
import org.iolaus.tensor.Shape;
import org.junit.jupiter.api.Test;

/// Muon against its definition in plain Java, and what the definition promises.
class MuonTest {
    private static final Muon RULE = new Muon(0.95, 0.9, 0.99, 1e-8, 0.1);

    private final Random random = new Random(6);

    private double[] numbers(int count) {
        return random.doubles(count, -1, 1).toArray();
    }

    // plain Java, matrix by matrix

    private static double[] product(double[] a, double[] b, int m, int k, int n) {
        double[] c = new double[m * n];
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                for (int l = 0; l < k; l++) {
                    c[i * n + j] += a[i * k + l] * b[l * n + j];
                }
            }
        }
        return c;
    }

    private static double[] transposed(double[] a, int m, int n) {
        double[] t = new double[m * n];
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                t[j * m + i] = a[i * n + j];
            }
        }
        return t;
    }

    /// As PyTorch has it: transposed if there are more rows than columns.
    private static double[] orthogonal(double[] given, int rows, int columns) {
        boolean tall = rows > columns;
        int m = Math.min(rows, columns);
        int n = Math.max(rows, columns);
        double[] x = tall ? transposed(given, rows, columns) : given.clone();
        double norm = Math.max(1e-7, Math.sqrt(Arrays.stream(x).map(v -> v * v).sum()));
        x = Arrays.stream(x).map(v -> v / norm).toArray();
        for (int step = 0; step < 5; step++) {
            double[] gram = product(x, transposed(x, m, n), m, n, m);
            double[] square = product(gram, gram, m, m, m);
            double[] factor = new double[m * m];
            Arrays.setAll(factor, i -> -4.7750 * gram[i] + 2.0315 * square[i]);
            double[] more = product(factor, x, m, m, n);
            double[] old = x;
            x = new double[m * n];
            Arrays.setAll(x, i -> 3.4445 * old[i] + more[i]);
        }
        return tall ? transposed(x, m, n) : x;
    }

    private static final class Definition {
        private final double[] p;
        private final double[] mean;
        private final double[] square;
        private final int[] matrix;
        private final double decay;

        /// @param matrix rows and columns; empty for AdamW
        Definition(double[] p, double decay, int... matrix) {
            this.p = p.clone();
            this.mean = new double[p.length];
            this.square = new double[p.length];
            this.matrix = matrix;
            this.decay = decay;
        }

        void step(int t, double rate, double[] g) {
            double[] move = new double[p.length];
            double beta = matrix.length == 0 ? 0.9 : 0.95;
            for (int i = 0; i < p.length; i++) {
                mean[i] = beta * mean[i] + (1 - beta) * g[i];
                square[i] = 0.99 * square[i] + 0.01 * g[i] * g[i];
                move[i] = mean[i] / (1 - Math.pow(0.9, t)) / (Math.sqrt(square[i] / (1 - Math.pow(0.99, t))) + 1e-8);
            }
            if (matrix.length > 0) {
                int size = matrix[0] * matrix[1];
                double scale = 0.2 * Math.sqrt(Math.max(matrix[0], matrix[1]));
                for (int start = 0; start < p.length; start += size) {
                    double[] ahead = new double[size];
                    for (int i = 0; i < size; i++) {
                        ahead[i] = 0.05 * g[start + i] + 0.95 * mean[start + i];
                    }
                    double[] result = orthogonal(ahead, matrix[0], matrix[1]);
                    for (int i = 0; i < size; i++) {
                        move[start + i] = scale * result[i];
                    }
                }
            }
            for (int i = 0; i < p.length; i++) {
                p[i] = (1 - rate * decay) * p[i] - rate * move[i];
            }
        }
    }

    /// Wide, tall and square matrices, several of a size, such that fill rows and such that do not, weights that are
    /// several matrices; vectors and layers with one output by AdamW.
    @Test
    void followsTheDefinition() {
        List<Shape> shapes = List.of(
                Shape.of(70),
                Shape.of(5, 7),
                Shape.of(16, 8),
                Shape.of(8, 8),
                Shape.of(33),
                Shape.of(3, 8, 8),
                Shape.of(5, 7),
                Shape.of(2, 7, 5),
                Shape.of(1, 40),
                Shape.of(8, 8),
                Shape.of(9, 1));
        double[][] start = new double[shapes.size()][];
        Definition[] definitions = new Definition[shapes.size()];
        for (int i = 0; i < start.length; i++) {
            Shape shape = shapes.get(i);
            start[i] = numbers(shape.volume().intValue());
            boolean matrix =
                    shape.rank() > 1 && !shape.dim(-1).isOne() && !shape.dim(-2).isOne();
            int[] sizes =
                    matrix ? new int[] {shape.dim(-2).intValue(), shape.dim(-1).intValue()} : new int[0];
            definitions[i] = new Definition(start[i], shape.rank() == 1 && i > 0 ? 0 : 0.1, sizes);
        }
        HostRule run = new HostRule(RULE, List.of(Group.BIASES), shapes, start);
        for (int step = 1; step <= 4; step++) {
            double[][] gradients = new double[start.length][];
            Arrays.setAll(gradients, i -> numbers(start[i].length));
            run.step(0.03 * step, gradients);
            for (int i = 0; i < start.length; i++) {
                definitions[i].step(step, 0.03 * step, gradients[i]);
                assertArrayEquals(definitions[i].p, run.parameter(i), 1e-11, "parameter " + i + " " + shapes.get(i));
            }
        }
    }

    /// Columns of unit length, perpendicular to each other.
    private double[] basis(int size, int count) {
        double[] q = new double[size * count];
        for (int j = 0; j < count; j++) {
            double[] column = numbers(size);
            for (int k = 0; k < j; k++) {
                double along = 0;
                for (int i = 0; i < size; i++) {
                    along += column[i] * q[i * count + k];
                }
                for (int i = 0; i < size; i++) {
                    column[i] -= along * q[i * count + k];
                }
            }
            double length = Math.sqrt(Arrays.stream(column).map(v -> v * v).sum());
            for (int i = 0; i < size; i++) {
                q[i * count + j] = column[i] / length;
            }
        }
        return q;
    }

    /// `U diag(values) V^T`
    private static double[] matrix(double[] u, double[] values, double[] v, int m, int n) {
        int rank = values.length;
        double[] scaled = u.clone();
        for (int i = 0; i < scaled.length; i++) {
            scaled[i] *= values[i % rank];
        }
        return product(scaled, transposed(v, n, rank), m, rank, n);
    }

    /// The step of a matrix has its singular vectors, and singular values near one number.
    @Test
    void stepsAreNearlyOrthogonal() {
        int m = 12;
        int n = 20;
        double[] u = basis(m, m);
        double[] v = basis(n, m);
        double[] values = new double[m];
        Arrays.setAll(values, i -> Math.pow(1.4, i));
        double norm = Math.sqrt(Arrays.stream(values).map(s -> s * s).sum());
        double[] want = Arrays.stream(values).map(s -> s / norm).toArray();
        for (int step = 0; step < 5; step++) {
            want = Arrays.stream(want)
                    .map(s -> s * (3.4445 + s * s * (-4.7750 + s * s * 2.0315)))
                    .toArray();
        }
        assertTrue(Arrays.stream(want).allMatch(s -> s > 0.65 && s < 1.25), Arrays.toString(want));
        HostRule run =
                new HostRule(new Muon(0.95, 0.9, 0.99, 1e-8, 0), List.of(), List.of(Shape.of(m, n)), new double[m * n]);
        run.step(1, matrix(u, values, v, m, n));
        double[] step =
                matrix(u, Arrays.stream(want).map(s -> -0.2 * Math.sqrt(n) * s).toArray(), v, m, n);
        assertArrayEquals(step, run.parameter(0), 1e-10);
        double meanSquare = Arrays.stream(run.parameter(0)).map(x -> x * x).sum() / (m * n);
        assertEquals(0.2, Math.sqrt(meanSquare), 0.05, "as large as a step of AdamW");
    }

    @Test
    void aGradientOfNothingOnlyDecays() {
        double[] p = numbers(64);
        HostRule run = new HostRule(RULE, List.of(), List.of(Shape.of(8, 8)), p);
        run.step(0.5, new double[64]);
        assertArrayEquals(Arrays.stream(p).map(x -> 0.95 * x).toArray(), run.parameter(0), 1e-15);
    }
}
