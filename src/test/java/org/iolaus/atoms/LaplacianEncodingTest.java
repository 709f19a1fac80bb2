package org.iolaus.atoms;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

final class LaplacianEncodingTest {

    /// Directed edges of one graph.
    private record Edges(int[] source, int[] target) {
        static Edges of(List<int[]> pairs) {
            List<int[]> both = new ArrayList<>(pairs);
            pairs.forEach(pair -> both.add(new int[] {pair[1], pair[0]}));
            return new Edges(
                    both.stream().mapToInt(pair -> pair[0]).toArray(),
                    both.stream().mapToInt(pair -> pair[1]).toArray());
        }

        static Edges random(SplittableRandom random, int atoms) {
            List<int[]> pairs = new ArrayList<>();
            for (int i = 0; i < atoms; i++) {
                for (int j = 0; j < i; j++) {
                    if (i == j + 1 || random.nextDouble() < 0.4) {
                        pairs.add(new int[] {i, j});
                    }
                }
            }
            return of(pairs);
        }

        double[][] laplacian(int atoms) {
            double[][] matrix = new double[atoms][atoms];
            double[] degree = new double[atoms];
            Arrays.stream(target).forEach(i -> degree[i]++);
            for (int e = 0; e < source.length; e++) {
                matrix[source[e]][target[e]] -= 1 / Math.sqrt(degree[source[e]] * degree[target[e]]);
            }
            for (int i = 0; i < atoms; i++) {
                matrix[i][i] += 1;
            }
            return matrix;
        }
    }

    private static double[] column(double[] encoding, int count, int k) {
        double[] column = new double[encoding.length / count];
        Arrays.setAll(column, i -> encoding[i * count + k]);
        return column;
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    @Test
    void columnsAreEigenvectorsOfRisingEigenvalues() {
        for (int atoms : new int[] {2, 7, 21, 60}) {
            Edges edges = Edges.random(new SplittableRandom(atoms), atoms);
            int count = atoms - 1;
            double[] encoding = LaplacianEncoding.of(atoms, edges.source(), edges.target(), count);
            double[][] matrix = edges.laplacian(atoms);
            double before = 0;
            for (int k = 0; k < count; k++) {
                double[] vector = column(encoding, count, k);
                double[] product = Arrays.stream(matrix)
                        .mapToDouble(row -> dot(row, vector))
                        .toArray();
                double eigenvalue = dot(product, vector);
                assertArrayEquals(Arrays.stream(vector).map(v -> eigenvalue * v).toArray(), product, 1e-12);
                assertTrue(eigenvalue > before - 1e-12);
                assertTrue(eigenvalue > 1e-6, "the constant one is left out");
                before = eigenvalue;
                for (int l = 0; l <= k; l++) {
                    assertEquals(l == k ? 1 : 0, dot(vector, column(encoding, count, l)), 1e-12);
                }
            }
        }
    }

    /// A chain of four: the first eigenvector is antisymmetric, so its first largest component is positive.
    @Test
    void signsFollowTheirRule() {
        Edges chain = Edges.of(List.of(new int[] {0, 1}, new int[] {1, 2}, new int[] {2, 3}));
        double[] encoding = LaplacianEncoding.of(4, chain.source(), chain.target(), 2);
        double end = Math.sqrt(1 / 3.0);
        double inner = Math.sqrt(1 / 6.0);
        assertArrayEquals(new double[] {end, inner, -inner, -end}, column(encoding, 2, 0), 1e-14);
        SplittableRandom random = new SplittableRandom(4);
        for (int trial = 0; trial < 20; trial++) {
            Edges edges = Edges.random(random, 9);
            double[] some = LaplacianEncoding.of(9, edges.source(), edges.target(), 4);
            for (int k = 0; k < 4; k++) {
                assertTrue(Arrays.stream(column(some, 4, k)).map(v -> v * v * v).sum() > -1e-9);
            }
        }
    }

    /// Where eigenvalues differ, encodings go with their atoms.
    @Test
    void doesNotCareHowAtomsAreNumbered() {
        SplittableRandom random = new SplittableRandom(8);
        int atoms = 12;
        Edges edges = Edges.random(random, atoms);
        int[] place = {4, 9, 0, 11, 2, 7, 5, 10, 1, 3, 8, 6};
        int[] source = Arrays.stream(edges.source()).map(i -> place[i]).toArray();
        int[] target = Arrays.stream(edges.target()).map(i -> place[i]).toArray();
        double[] before = LaplacianEncoding.of(atoms, edges.source(), edges.target(), 5);
        double[] after = LaplacianEncoding.of(atoms, source, target, 5);
        for (int i = 0; i < atoms; i++) {
            for (int k = 0; k < 5; k++) {
                assertEquals(before[5 * i + k], after[5 * place[i] + k], 1e-10);
            }
        }
    }

    @Test
    void whatIsMissingIsZero() {
        assertArrayEquals(new double[3], LaplacianEncoding.of(1, new int[0], new int[0], 3));
        double[] pair = LaplacianEncoding.of(2, new int[] {1, 0}, new int[] {0, 1}, 3);
        double r = Math.sqrt(0.5);
        assertArrayEquals(new double[] {r, 0, 0, -r, 0, 0}, pair, 1e-15);
    }

    /// Images: three edges between two atoms, edges of one with itself.
    @Test
    void imagesCountAndOwnOnesDoNot() {
        int[] source = {0, 1, 0, 1, 0, 0, 1, 2};
        int[] target = {1, 0, 1, 0, 0, 0, 2, 1};
        double[] encoding = LaplacianEncoding.of(3, source, target, 1);
        double coupling = 2 / Math.sqrt(2 * 3);
        double other = 1 / Math.sqrt(3);
        double[][] matrix = {{1, -coupling, 0}, {-coupling, 1, -other}, {0, -other, 1}};
        double[] product =
                Arrays.stream(matrix).mapToDouble(row -> dot(row, encoding)).toArray();
        assertArrayEquals(encoding, product, 1e-14);
    }

    private static Edges complete(int atoms) {
        List<int[]> pairs = new ArrayList<>();
        for (int i = 0; i < atoms; i++) {
            for (int j = 0; j < i; j++) {
                pairs.add(new int[] {i, j});
            }
        }
        return Edges.of(pairs);
    }

    /// All eigenvalues but the first of a complete graph are equal. The basis of their space follows its rule:
    /// atoms whose projections are equally long take turns in their order.
    @Test
    void equalEigenvaluesHaveTheBasisOfTheRule() {
        int atoms = 9;
        Edges edges = complete(atoms);
        double[] encoding = LaplacianEncoding.of(atoms, edges.source(), edges.target(), 4);
        for (int k = 0; k < 4; k++) {
            double[] expected = new double[atoms];
            int others = atoms - 1 - k;
            double length = Math.sqrt(others * (others + 1.0));
            Arrays.fill(expected, k + 1, atoms, -1 / length);
            expected[k] = others / length;
            assertArrayEquals(expected, column(encoding, 4, k), 1e-13);
        }
        assertArrayEquals(encoding, LaplacianEncoding.of(atoms, edges.source(), edges.target(), 4));
    }

    /// Graphs with many equal eigenvalues, and counts that end within and at the end of their spaces.
    @Test
    void columnsAreOrthonormalEigenvectorsWhereEigenvaluesAreEqual() {
        List<int[]> star = new ArrayList<>();
        List<int[]> ring = new ArrayList<>();
        List<int[]> lattice = new ArrayList<>();
        for (int i = 0; i < 64; i++) {
            star.add(new int[] {0, i + 1});
            ring.add(new int[] {i, (i + 1) % 65});
            for (int step : new int[] {1, 4, 16}) {
                int line = i - i / step % 4 * step;
                lattice.add(new int[] {i, line + (i / step + 1) % 4 * step});
            }
        }
        ring.add(new int[] {64, 0});
        List<Edges> graphs = List.of(complete(65), Edges.of(star), Edges.of(ring), Edges.of(lattice));
        for (Edges edges : graphs) {
            int atoms = 1 + Arrays.stream(edges.source()).max().orElseThrow();
            double[][] matrix = edges.laplacian(atoms);
            for (int count : new int[] {1, 2, 3, 6, 7, 30, atoms - 2, atoms - 1}) {
                double[] encoding = LaplacianEncoding.of(atoms, edges.source(), edges.target(), count);
                for (int k = 0; k < count; k++) {
                    double[] vector = column(encoding, count, k);
                    double[] product = Arrays.stream(matrix)
                            .mapToDouble(row -> dot(row, vector))
                            .toArray();
                    double eigenvalue = dot(product, vector);
                    assertArrayEquals(
                            Arrays.stream(vector).map(v -> eigenvalue * v).toArray(), product, 1e-12);
                    for (int l = 0; l <= k; l++) {
                        assertEquals(l == k ? 1 : 0, dot(vector, column(encoding, count, l)), 1e-12);
                    }
                }
            }
        }
    }
}
