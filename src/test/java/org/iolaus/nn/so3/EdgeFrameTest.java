package org.iolaus.nn.so3;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.grad.Gradient;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.op.Expr;
import org.iolaus.so3.CoefficientMapping;
import org.iolaus.so3.Matrices;
import org.iolaus.so3.S2Grid;
import org.iolaus.so3.Wigner;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.Shape;
import org.junit.jupiter.api.Test;

final class EdgeFrameTest {
    private static final CoefficientMapping MAPPING = CoefficientMapping.of(4, 2);
    private static final int CHANNELS = 2;
    private static final double ZONE = EdgeFrame.ZONE;

    /// Directions where something could go wrong, and some others: on the poles and near, on the equator,
    /// on the rims of the zone.
    private static double[][] directions() {
        List<double[]> all = new ArrayList<>(List.of(
                new double[] {0, 1, 0},
                new double[] {0, -1, 0},
                new double[] {1e-9, -1, 1e-10},
                new double[] {-1e-5, 1, 2e-5},
                new double[] {3e-3, -1, 2e-3},
                new double[] {1, 0, 0},
                new double[] {0, 0, -1},
                new double[] {0.3, 1e-7, 0.8},
                new double[] {0.3, -1e-7, 0.8},
                at(ZONE, 0.4),
                at(-ZONE, 2),
                at(0.9 * ZONE, 2.5),
                at(-0.6 * ZONE, -1.1)));
        Random random = new Random(7);
        for (int i = 0; i < 8; i++) {
            all.add(random.doubles(3, -1.5, 1.5).toArray());
        }
        return all.toArray(double[][]::new);
    }

    private static double[] at(double height, double azimuth) {
        double radius = Math.sqrt(1 - height * height);
        return new double[] {radius * Math.sin(azimuth), height, radius * Math.cos(azimuth)};
    }

    private static HostTensor edges(double[]... vectors) {
        return new HostTensor(
                new int[] {vectors.length, 3},
                Arrays.stream(vectors).flatMapToDouble(Arrays::stream).toArray());
    }

    /// The rotation that a smooth frame takes for a direction, in the upper or the lower gauge.
    private static double[] rotation(double[] v, boolean lower) {
        double length = Math.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
        double x = v[0] / length;
        double y = v[1] / length;
        double z = v[2] / length;
        if (!lower) {
            return Matrices.rotation(1 + y, -z, 0, x);
        }
        double[] aligned = Matrices.rotation(1 - y, z, 0, x);
        return Matrices.product(aligned, new double[] {1, 0, 0, 0, -1, 0, 0, 0, -1});
    }

    private static double[] roll(double angle) {
        double c = Math.cos(angle);
        double s = Math.sin(angle);
        return new double[] {c, 0, s, 0, 1, 0, -s, 0, c};
    }

    private static Map<String, HostTensor> run(
            Map<String, Node> outputs, Map<String, HostTensor> floats, Map<String, Index> indices) {
        try (CpuExecutor executor = new CpuExecutor(Program.of(outputs), CpuExecutor.Options.SINGLE)) {
            return executor.run(floats, indices, Map.of());
        }
    }

    @Test
    void blocksAreThoseOfTheRotation() {
        double[][] directions = directions();
        double[] angles = new Random(3).doubles(directions.length, -4, 4).toArray();
        double[] matrices = IntStream.range(0, angles.length)
                .mapToObj(e -> Matrices.product(roll(angles[e]), rotation(directions[e], directions[e][1] < 0)))
                .flatMapToDouble(Arrays::stream)
                .toArray();
        for (int[] sizes : new int[][] {{0, 0}, {1, 0}, {1, 1}, {4, 2}, {6, 2}, {6, 6}, {8, 3}}) {
            CoefficientMapping mapping = CoefficientMapping.of(sizes[0], sizes[1]);
            Node vector = Expr.input("vector", Shape.of("E", 3));
            Node angle = Expr.input("roll", Shape.of("E", 1));
            Node matrix = Expr.input("rotation", Shape.of("E", 3, 3));
            Map<String, HostTensor> got = run(
                    Map.of(
                            "smooth", EdgeFrame.smooth(vector, mapping).wigner(),
                            "rolled", EdgeFrame.rolled(vector, angle, mapping).wigner(),
                            "given", EdgeFrame.given(matrix, mapping).wigner()),
                    Map.of(
                            "vector", edges(directions),
                            "roll", new HostTensor(new int[] {angles.length, 1}, angles),
                            "rotation", new HostTensor(new int[] {angles.length, 3, 3}, matrices)),
                    Map.of());
            int size = Wigner.packedSize(sizes[0], sizes[1]);
            for (int e = 0; e < directions.length; e++) {
                double[] r = rotation(directions[e], directions[e][1] < 0);
                String what = Arrays.toString(sizes) + " " + Arrays.toString(directions[e]);
                double[] smooth = Wigner.packed(sizes[0], sizes[1], r);
                double[] rolled = Wigner.packed(sizes[0], sizes[1], Matrices.product(roll(angles[e]), r));
                assertArrayEquals(smooth, part(got.get("smooth"), e, size), 1e-12, what);
                assertArrayEquals(rolled, part(got.get("rolled"), e, size), 1e-12, what);
                assertArrayEquals(rolled, part(got.get("given"), e, size), 1e-12, what);
            }
        }
    }

    private static double[] part(HostTensor tensor, int e, int size) {
        return Arrays.copyOfRange(tensor.data(), e * size, (e + 1) * size);
    }

    @Test
    void randomRollsAreUniformAndRepeat() {
        int edges = 4000;
        Node key = Expr.input("key", Shape.of(2));
        Map<String, Node> outputs = Map.of(
                "first", EdgeFrame.randomRoll(key, 1, Dim.of(edges)),
                "second", EdgeFrame.randomRoll(key, 2, Dim.of(edges)));
        Map<String, HostTensor> got =
                run(outputs, Map.of("key", new HostTensor(new int[] {2}, new double[] {5, 1})), Map.of());
        Map<String, HostTensor> again =
                run(outputs, Map.of("key", new HostTensor(new int[] {2}, new double[] {5, 1})), Map.of());
        Map<String, HostTensor> later =
                run(outputs, Map.of("key", new HostTensor(new int[] {2}, new double[] {5, 2})), Map.of());
        double[] angles = got.get("first").data();
        assertArrayEquals(angles, again.get("first").data());
        for (double[] other :
                List.of(got.get("second").data(), later.get("first").data())) {
            long equal =
                    IntStream.range(0, edges).filter(e -> angles[e] == other[e]).count();
            assertTrue(equal < 3, "equal angles: " + equal);
        }
        for (int k = 1; k <= 3; k++) {
            double real = 0;
            double imaginary = 0;
            for (double angle : angles) {
                assertTrue(0 <= angle && angle < 2 * Math.PI);
                real += Math.cos(k * angle) / edges;
                imaginary += Math.sin(k * angle) / edges;
            }
            assertTrue(Math.hypot(real, imaginary) < 4 / Math.sqrt(edges), "harmonic " + k);
        }
    }

    /// What a layer does on an edge: there, a map that keeps rolls, an activation on a grid, back.
    private static final class Layer {
        final Node vector = Expr.input("vector", Shape.of("E", 3));
        final Node x = Expr.input("x", Shape.of("E", MAPPING.fullSize(), CHANNELS));
        final Node weight = Expr.input("weight", Shape.of("E", MAPPING.fullSize(), CHANNELS));
        final Node direction = Expr.input("direction", Shape.of("E", 3));
        final Rotation rotation = new Rotation(MAPPING, Rotation.Order.M_MAJOR);
        final Map<String, Node> outputs = new LinkedHashMap<>();

        Layer(EdgeFrame frame, boolean onGrid) {
            build(frame, onGrid);
        }

        Layer(boolean onGrid) {
            build(EdgeFrame.smooth(vector, MAPPING), onGrid);
        }

        private void build(EdgeFrame frame, boolean onGrid) {
            Node inEdge = rotation.toEdge(frame.wigner(), x);
            Node gate = Expr.sigmoid(Expr.slice(inEdge, 1, 1, 1));
            Node gated = Expr.mul(inEdge, gate);
            Node acted = onGrid ? frame.activate(rotation, gated, this::onGrid) : gated;
            Node back = rotation.toGlobal(frame.wigner(), acted);
            Node product = Expr.mul(back, weight);
            Node energies = Expr.squeeze(Expr.squeeze(Expr.sum(product, 1, 2), 2), 1);
            Node energy = Expr.sumAll(energies);
            Node gradient = Gradient.of(energy, List.of(vector)).getFirst();
            Node slope = Expr.sumAll(Expr.mul(gradient, direction));
            List<Node> second = Gradient.of(slope, List.of(vector, x));
            outputs.put("energies", energies);
            outputs.put("gradient", gradient);
            outputs.put("second", second.get(0));
            outputs.put("mixed", second.get(1));
        }

        private Node onGrid(Node h) {
            S2Grid grid = S2Grid.of(MAPPING.lmax(), MAPPING.mmax());
            int r = MAPPING.reducedSize();
            int points = grid.points();
            int[] order = MAPPING.reducedOfMMajor();
            double[] to = new double[points * r];
            double[] from = new double[points * r];
            for (int point = 0; point < points; point++) {
                for (int k = 0; k < r; k++) {
                    to[point * r + k] = grid.to()[point * r + order[k]];
                    from[point * r + k] = grid.from()[point * r + order[k]];
                }
            }
            Dim rows = h.shape().dim(0);
            Node flat = Expr.reshape(Expr.transpose(h, 0, 2, 1), Shape.of(rows.times(Dim.of(CHANNELS)), r));
            Node values = Expr.matmul(flat, Expr.constant(Shape.of(points, r), to), false, true);
            Node acted = Expr.mul(values, Expr.sigmoid(values));
            Node coefficients = Expr.matmul(acted, Expr.constant(Shape.of(points, r), from));
            return Expr.transpose(Expr.reshape(coefficients, Shape.of(rows, CHANNELS, r)), 0, 2, 1);
        }

        Map<String, HostTensor> at(double[]... vectors) {
            int n = vectors.length;
            int size = MAPPING.fullSize() * CHANNELS;
            double[] one = new Random(21).doubles(size, -2, 2).toArray();
            double[] other = new Random(22).doubles(size, -1, 1).toArray();
            Map<String, HostTensor> floats = new HashMap<>();
            floats.put("vector", edges(vectors));
            floats.put("x", repeated(one, n));
            floats.put("weight", repeated(other, n));
            double[][] directions = new double[n][];
            Arrays.fill(directions, new double[] {0.4, -0.7, 0.9});
            floats.put("direction", edges(directions));
            return run(outputs, floats, Map.of());
        }

        private static HostTensor repeated(double[] one, int n) {
            double[] all = new double[one.length * n];
            for (int e = 0; e < n; e++) {
                System.arraycopy(one, 0, all, e * one.length, one.length);
            }
            return new HostTensor(new int[] {n, MAPPING.fullSize(), CHANNELS}, all);
        }
    }

    private static double[] moved(double[] v, double[] by, double step) {
        return new double[] {v[0] + step * by[0], v[1] + step * by[1], v[2] + step * by[2]};
    }

    /// First and second derivatives against fourth-order central differences, on the poles too.
    @Test
    void derivativesAreThoseOfTheEnergy() {
        for (boolean onGrid : new boolean[] {false, true}) {
            Layer layer = new Layer(onGrid);
            double[][] directions = directions();
            Map<String, HostTensor> here = layer.at(directions);
            double[] by = {0.4, -0.7, 0.9};
            double step = 2e-5;
            List<Map<String, HostTensor>> around = new ArrayList<>();
            for (double k : new double[] {-2, -1, 1, 2}) {
                around.add(layer.at(Arrays.stream(directions)
                        .map(v -> moved(v, by, k * step))
                        .toArray(double[][]::new)));
            }
            for (int e = 0; e < directions.length; e++) {
                String what = (onGrid ? "grid " : "gate ") + Arrays.toString(directions[e]);
                double[] gradient = part(here.get("gradient"), e, 3);
                double slope = by[0] * gradient[0] + by[1] * gradient[1] + by[2] * gradient[2];
                assertEquals(difference(around, "energies", e, 1, 0, step), slope, 3e-9, what);
                double[] second = part(here.get("second"), e, 3);
                for (int k = 0; k < 3; k++) {
                    assertEquals(difference(around, "gradient", e, 3, k, step), second[k], 3e-8, what + " second " + k);
                }
            }
        }
    }

    private static double difference(
            List<Map<String, HostTensor>> around, String name, int e, int width, int k, double step) {
        double[] f = around.stream()
                .mapToDouble(one -> one.get(name).data()[e * width + k])
                .toArray();
        return (8 * (f[2] - f[1]) - (f[3] - f[0])) / (12 * step);
    }

    /// Energy, gradient and second derivatives have one limit at the poles whatever the azimuth, and do not
    /// jump at the equator or at the rims of the zone.
    @Test
    void nothingJumps() {
        Layer layer = new Layer(true);
        double close = 1e-9;
        for (double pole : new double[] {1, -1}) {
            double[][] vectors = new double[9][];
            vectors[0] = new double[] {0, pole, 0};
            for (int i = 0; i < 8; i++) {
                vectors[i + 1] = new double[] {close * Math.sin(i), pole, close * Math.cos(i)};
            }
            assertAllClose(layer.at(vectors), vectors.length, 1e-6);
        }
        for (double height : new double[] {0, ZONE, -ZONE}) {
            for (double azimuth : new double[] {0, 1, 3, 5}) {
                assertAllClose(layer.at(at(height - close, azimuth), at(height + close, azimuth)), 2, 1e-6);
            }
        }
    }

    private static void assertAllClose(Map<String, HostTensor> got, int edges, double limit) {
        got.forEach((name, tensor) -> {
            int width = tensor.data().length / edges;
            for (int e = 1; e < edges; e++) {
                assertArrayEquals(part(tensor, 0, width), part(tensor, e, width), limit, name);
            }
        });
    }

    /// Without the second gauge the energy on the grid would depend on the azimuth at a pole: the test
    /// above can fail.
    @Test
    void oneGaugeAloneWouldJump() {
        double[][] vectors = {{1e-9, -1, 0}, {0.6e-9, -1, 0.8e-9}};
        Node angle = Expr.input("roll", Shape.of("E", 1));
        Node vector = Expr.input("vector", Shape.of("E", 3));
        Layer layer = new Layer(EdgeFrame.rolled(vector, angle, MAPPING), true);
        Map<String, HostTensor> floats = new HashMap<>();
        int size = MAPPING.fullSize() * CHANNELS;
        floats.put("vector", edges(vectors));
        floats.put("x", Layer.repeated(new Random(21).doubles(size, -2, 2).toArray(), 2));
        floats.put("weight", Layer.repeated(new Random(22).doubles(size, -1, 1).toArray(), 2));
        // from the lower gauge to the upper one: twice the azimuth
        floats.put("roll", new HostTensor(new int[] {2, 1}, new double[] {Math.PI, 2 * Math.atan2(0.6, 0.8)}));
        Map<String, Node> energies = Map.of("energies", layer.outputs.get("energies"));
        double[] got = run(energies, floats, Map.of()).get("energies").data();
        assertTrue(Math.abs(got[0] - got[1]) > 1e-3, "difference " + (got[0] - got[1]));
    }

    /// What keeps rolls does not depend on them.
    @Test
    void gateDoesNotDependOnTheRoll() {
        double[][] directions = directions();
        Layer smooth = new Layer(false);
        double[] want = smooth.at(directions).get("energies").data();
        Node angle = Expr.input("roll", Shape.of("E", 1));
        Node vector = Expr.input("vector", Shape.of("E", 3));
        Layer rolled = new Layer(EdgeFrame.rolled(vector, angle, MAPPING), false);
        int n = directions.length;
        int size = MAPPING.fullSize() * CHANNELS;
        double[] got = run(
                        Map.of("energies", rolled.outputs.get("energies")),
                        Map.of(
                                "vector", edges(directions),
                                "x",
                                        Layer.repeated(
                                                new Random(21)
                                                        .doubles(size, -2, 2)
                                                        .toArray(),
                                                n),
                                "weight",
                                        Layer.repeated(
                                                new Random(22)
                                                        .doubles(size, -1, 1)
                                                        .toArray(),
                                                n),
                                "roll",
                                        new HostTensor(
                                                new int[] {n, 1},
                                                new Random(5).doubles(n, 0, 6).toArray())),
                        Map.of())
                .get("energies")
                .data();
        assertArrayEquals(want, got, 1e-13);
    }
}
