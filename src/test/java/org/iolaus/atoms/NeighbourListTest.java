package org.iolaus.atoms;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class NeighbourListTest {
    private static final boolean[] NOWHERE = {false, false, false};
    private static final boolean[] EVERYWHERE = {true, true, true};

    /// One directed edge of the brute-force search.
    private record Pair(int source, int target, int n0, int n1, int n2, double square) {}

    private static final Comparator<Pair> ORDER = Comparator.comparingInt(Pair::target)
            .thenComparingInt(Pair::source)
            .thenComparingInt(Pair::n0)
            .thenComparingInt(Pair::n1)
            .thenComparingInt(Pair::n2);

    /// Tries every image within a range that is certainly wide enough, one target after the other.
    private static List<Pair> bruteForce(
            double[] positions, double[] cell, boolean[] periodic, double cutoff, int maxNeighbours) {
        int atoms = positions.length / 3;
        int[] range = imageRange(positions, cell, periodic, cutoff);
        List<Pair> kept = new ArrayList<>();
        for (int target = 0; target < atoms; target++) {
            List<Pair> near = new ArrayList<>();
            for (int source = 0; source < atoms; source++) {
                for (int a = -range[0]; a <= range[0]; a++) {
                    for (int b = -range[1]; b <= range[1]; b++) {
                        for (int c = -range[2]; c <= range[2]; c++) {
                            double square = 0;
                            for (int k = 0; k < 3; k++) {
                                double shift = a * cell[k] + b * cell[3 + k] + c * cell[6 + k];
                                double d = positions[3 * source + k] + shift - positions[3 * target + k];
                                square += d * d;
                            }
                            boolean itself = source == target && a == 0 && b == 0 && c == 0;
                            if (!itself && square <= cutoff * cutoff) {
                                near.add(new Pair(source, target, a, b, c, square));
                            }
                        }
                    }
                }
            }
            near.sort(Comparator.comparingDouble(Pair::square).thenComparing(ORDER));
            kept.addAll(near.subList(0, Math.min(maxNeighbours, near.size())));
        }
        kept.sort(ORDER);
        return kept;
    }

    /// Images along each direction that any pair within the cutoff may need: the longest distance over the
    /// distance between lattice planes, which is the volume over the area of the parallelogram of the other
    /// periodic vectors.
    private static int[] imageRange(double[] positions, double[] cell, boolean[] periodic, double cutoff) {
        double farthest = 0;
        for (double x : positions) {
            farthest = Math.max(farthest, Math.abs(x));
        }
        double reach = cutoff + 2 * Math.sqrt(3) * farthest;
        int[] range = new int[3];
        for (int d = 0; d < 3; d++) {
            if (periodic[d]) {
                // Gram-Schmidt: what is left of this vector when its parts along the other periodic vectors are taken
                // off
                List<double[]> basis = new ArrayList<>();
                for (int other = 0; other < 3; other++) {
                    if (other != d && periodic[other]) {
                        double[] rest = remainder(row(cell, other), basis);
                        double length = Math.sqrt(dot(rest, rest));
                        basis.add(new double[] {rest[0] / length, rest[1] / length, rest[2] / length});
                    }
                }
                double[] rest = remainder(row(cell, d), basis);
                range[d] = (int) Math.ceil(reach / Math.sqrt(dot(rest, rest))) + 1;
            }
        }
        return range;
    }

    private static double[] row(double[] cell, int d) {
        return new double[] {cell[3 * d], cell[3 * d + 1], cell[3 * d + 2]};
    }

    private static double dot(double[] a, double[] b) {
        return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    }

    private static double[] remainder(double[] v, List<double[]> basis) {
        double[] rest = v.clone();
        for (double[] e : basis) {
            double along = dot(rest, e);
            for (int k = 0; k < 3; k++) {
                rest[k] -= along * e[k];
            }
        }
        return rest;
    }

    private static void assertSame(List<Pair> want, Edges got, double[] cell, String seed) {
        assertEquals(want.size(), got.size(), seed);
        for (int e = 0; e < got.size(); e++) {
            Pair pair = want.get(e);
            assertEquals(pair.source(), got.source()[e], seed);
            assertEquals(pair.target(), got.target()[e], seed);
            int[] n = {pair.n0(), pair.n1(), pair.n2()};
            for (int k = 0; k < 3; k++) {
                assertEquals(n[k], got.cellOffset()[3 * e + k], seed);
                double shift = n[0] * cell[k] + n[1] * cell[3 + k] + n[2] * cell[6 + k];
                assertEquals(shift, got.shift()[3 * e + k], 1e-12, seed);
            }
        }
    }

    @Test
    void agreesWithBruteForceOnRandomCells() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        long edges = 0;
        for (int trial = 0; trial < 600; trial++) {
            boolean[] periodic = {random.nextBoolean(), random.nextBoolean(), random.nextBoolean()};
            double size = 1.2 + 8 * random.nextDouble();
            double skew = random.nextInt(3) == 0 ? 2 : 0.4;
            double[] cell = randomCell(random, periodic, size, skew);
            int atoms = 1 + random.nextInt(12);
            double outside = random.nextBoolean() ? 1 : 2.5;
            double[] positions = new double[3 * atoms];
            for (int i = 0; i < positions.length; i++) {
                positions[i] = size * outside * (random.nextDouble() - 0.3);
            }
            double cutoff = 0.5 + 3.5 * random.nextDouble();
            int maxNeighbours = random.nextBoolean() ? NeighbourList.UNLIMITED : 1 + random.nextInt(30);
            String where = "seed " + seed + ", trial " + trial;
            List<Pair> want = bruteForce(positions, cell, periodic, cutoff, maxNeighbours);
            if (want.stream().anyMatch(p -> p.square() < 1e-6)) {
                continue;
            }
            Edges got = NeighbourList.build(positions, cell, periodic, cutoff, maxNeighbours);
            assertSame(want, got, cell, where);
            edges += got.size();
        }
        assertTrue(edges > 10_000, "seed " + seed + ": the trials found only " + edges + " edges");
    }

    /// Vectors of directions that are not periodic are zero, parallel to another one, or just there.
    private static double[] randomCell(Random random, boolean[] periodic, double size, double skew) {
        while (true) {
            double[] cell = new double[9];
            for (int d = 0; d < 3; d++) {
                if (periodic[d] || random.nextInt(3) == 0) {
                    for (int k = 0; k < 3; k++) {
                        cell[3 * d + k] = (d == k ? size : 0) + skew * size * (random.nextDouble() - 0.5);
                    }
                }
            }
            boolean flat = false;
            try {
                for (double h : Cell.completed(cell, periodic).heights()) {
                    flat |= h < 0.8;
                }
            } catch (IllegalArgumentException e) {
                flat = true;
            }
            if (!flat) {
                return cell;
            }
        }
    }

    @Test
    void agreesWithBruteForceWhenManyBinsAreUsed() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int trial = 0; trial < 8; trial++) {
            boolean[] periodic = {trial % 2 == 0, trial / 2 % 2 == 0, trial / 4 == 0};
            double[] cell = {11, 0.5, -1, 4, 12, 0.3, -3, 2, 14};
            double[] positions = new double[3 * 250];
            for (int i = 0; i < positions.length; i++) {
                positions[i] = 14 * random.nextDouble() - 2;
            }
            Edges got = NeighbourList.build(positions, cell, periodic, 2.3, 20);
            assertSame(bruteForce(positions, cell, periodic, 2.3, 20), got, cell, "seed " + seed);
        }
    }

    @Test
    void countsTheShellsOfAFaceCentredCubicCrystal() {
        double a = 3.6;
        double[] primitive = {0, a / 2, a / 2, a / 2, 0, a / 2, a / 2, a / 2, 0};
        double[] origin = new double[3];
        assertEquals(
                12,
                NeighbourList.build(origin, primitive, EVERYWHERE, 0.75 * a, 99).size());
        assertEquals(
                18,
                NeighbourList.build(origin, primitive, EVERYWHERE, 1.01 * a, 99).size());
        assertEquals(
                42,
                NeighbourList.build(origin, primitive, EVERYWHERE, 1.23 * a, 99).size());
    }

    @Test
    void theCutoffIsInclusive() {
        double[] pair = {0, 0, 0, 2, 0, 0};
        assertEquals(2, NeighbourList.build(pair, null, NOWHERE, 2, 9).size());
        assertEquals(
                0,
                NeighbourList.build(pair, null, NOWHERE, Math.nextDown(2.0), 9).size());
        double[] cube = {2, 0, 0, 0, 2, 0, 0, 0, 2};
        assertEquals(
                6,
                NeighbourList.build(new double[] {0.1, 7, -3}, cube, EVERYWHERE, 2, 9)
                        .size());
    }

    @Test
    void equallyFarNeighboursAreKeptByIndex() {
        double[] square = {0, 0, 0, 1, 0, 0, 0, 1, 0, -1, 0, 0, 0, -1, 0};
        Edges edges = NeighbourList.build(square, null, NOWHERE, 1.2, 2);
        assertArrayEquals(new int[] {1, 2, 0, 0, 0, 0}, edges.source());
        assertArrayEquals(new int[] {0, 0, 1, 2, 3, 4}, edges.target());
        double[] cube = {1, 0, 0, 0, 1, 0, 0, 0, 1};
        Edges images = NeighbourList.build(new double[3], cube, EVERYWHERE, 1.2, 2);
        assertArrayEquals(new int[] {-1, 0, 0, 0, -1, 0}, images.cellOffset());
    }

    @Test
    void refusesWhatHasNoNeighbourList() {
        double[] pair = {0, 0, 0, 0.9, 1e-4, 0};
        double[] cube = {0.9, 0, 0, 0, 3, 0, 0, 0, 3};
        assertRefused("atoms 0 and 1: want at least 0.001 Å between them, got 1.0", pair, cube, EVERYWHERE);
        assertRefused("cell: want three linearly", pair, new double[] {1, 0, 0, 0, 1, 0, 1, 1, 0}, EVERYWHERE);
        assertRefused(
                "periodic direction 2, got (0, 0, 0)", pair, new double[] {1, 0, 0, 0, 1, 0, 0, 0, 0}, EVERYWHERE);
        assertRefused("cell: want one for periodic", pair, null, EVERYWHERE);
        assertRefused("position of atom 1", new double[] {0, 0, 0, 1, Double.NaN, 0}, null, NOWHERE);
        assertRefused("opposite faces, direction 0", pair, new double[] {1e-3, 0, 0, 0, 3, 0, 0, 0, 3}, EVERYWHERE);
    }

    private static void assertRefused(
            String message, double[] positions, double @Nullable [] cell, boolean[] periodic) {
        var e = assertThrows(
                IllegalArgumentException.class, () -> NeighbourList.build(positions, cell, periodic, 3, 99));
        assertTrue(e.toString().contains(message), e.toString());
    }

    @Test
    void noAtomsHaveNoEdges() {
        assertEquals(0, NeighbourList.build(new double[0], null, NOWHERE, 5, 9).size());
        assertEquals(
                0,
                NeighbourList.build(new double[] {1, 2, 3}, null, NOWHERE, 5, 9).size());
    }

    /// The work grows with N, not with N²: 100,000 atoms with about 50 neighbours each.
    @Test
    void aHundredThousandAtomsTakeSeconds() {
        Random random = new Random(1);
        int n = 47;
        double[] positions = new double[3 * n * n * n];
        for (int i = 0; i < positions.length / 3; i++) {
            positions[3 * i] = 2.2 * (i / (n * n) + 0.2 * random.nextDouble());
            positions[3 * i + 1] = 2.2 * (i / n % n + 0.2 * random.nextDouble());
            positions[3 * i + 2] = 2.2 * (i % n + 0.2 * random.nextDouble());
        }
        double[] cell = {2.2 * n, 0, 0, 0, 2.2 * n, 0, 0, 0, 2.2 * n};
        long start = System.nanoTime();
        Edges edges = NeighbourList.build(positions, cell, EVERYWHERE, 5, NeighbourList.UNLIMITED);
        double seconds = 1e-9 * (System.nanoTime() - start);
        assertTrue(edges.size() > 40 * n * n * n, "edges: " + edges.size());
        assertTrue(seconds < 20, "100,000 atoms took " + seconds + " s");
    }
}
