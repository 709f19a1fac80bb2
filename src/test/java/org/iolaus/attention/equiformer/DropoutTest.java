package org.iolaus.attention.equiformer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.iolaus.attention.equiformer.So2EquivariantGraphAttention.NonLinearity;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.nn.ForwardContext;
import org.iolaus.nn.Parameters;
import org.iolaus.nn.so3.EdgeFrame;
import org.iolaus.op.Expr;
import org.iolaus.so3.CoefficientMapping;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.Shape;
import org.junit.jupiter.api.Test;

/// What is left out in training: whole graphs, channels of atoms, attention weights; and nothing in evaluation.
final class DropoutTest {
    private static final CoefficientMapping MAPPING = CoefficientMapping.of(2, 1);
    private static final int CHANNELS = 4;
    private static final int GRAPHS = 120;
    private static final int ATOMS = 3 * GRAPHS;
    private static final int COEFFICIENTS = 9;

    /// A block over chains of three atoms, all edges along their own directions.
    private static final class Run {
        private final Parameters parameters = new Parameters();
        private final Program program;
        private final Map<String, HostTensor> values;
        private final Map<String, HostTensor> floats = new HashMap<>();
        private final Map<String, Index> indices = new HashMap<>();

        Run(boolean training, double dropPath, double projection, double alpha) {
            EdgeChannels edge = new EdgeChannels(3, 5, 5, 0);
            TransBlockV2.Settings settings = new TransBlockV2.Settings(
                    new So2EquivariantGraphAttention.Settings(
                            4, 2, 3, 2, edge, false, true, NonLinearity.GATE, null, alpha, WeightInit.UNIFORM),
                    new FeedForwardNetwork.Settings(5, FeedForwardNetwork.Form.GATE, null, WeightInit.UNIFORM),
                    EquivariantNorm.Type.RMS_NORM_SH,
                    dropPath,
                    projection,
                    null);
            TransBlockV2 block = new TransBlockV2(parameters.root(), MAPPING, CHANNELS, CHANNELS, settings);
            Node vectors = Expr.input("vectors", Shape.of("E", 3));
            Dim n = Dim.symbol("N");
            EdgeSet edges = new EdgeSet(
                    Expr.index("source", Dim.symbol("E"), n),
                    Expr.index("target", Dim.symbol("E"), n),
                    Expr.index("elements", n, Dim.of(2)),
                    new EdgeFrames(EdgeFrame.smooth(vectors, MAPPING), MAPPING),
                    EdgeScalars.of(vectors),
                    null);
            Node x = Expr.input("x", Shape.of(n, COEFFICIENTS, CHANNELS));
            ForwardContext context =
                    new ForwardContext(training, false, Expr.constant(1), Expr.input("key", Shape.of(2)));
            Node graph = Expr.index("graph", n, Dim.symbol("G"));
            Node y = block.apply(So3Embedding.split(x, MAPPING), edges, graph, context)
                    .joined();
            program = Program.of(Map.of("y", y));
            values = parameters.initial(3);
            SplittableRandom random = new SplittableRandom(8);
            values.values()
                    .forEach(value -> Arrays.setAll(value.data(), i -> value.data()[i] + 0.1 * random.nextGaussian()));
            floats.put("x", random(random, ATOMS, COEFFICIENTS, CHANNELS));
            floats.put("vectors", random(random, 2 * GRAPHS, 3));
            int[] source = IntStream.range(0, 2 * GRAPHS)
                    .map(e -> e / 2 * 3 + (e % 2 == 0 ? 0 : 2))
                    .toArray();
            int[] target =
                    IntStream.range(0, 2 * GRAPHS).map(e -> e / 2 * 3 + 1).toArray();
            indices.put("source", new Index(source, ATOMS));
            indices.put("target", new Index(target, ATOMS));
            indices.put(
                    "graph", new Index(IntStream.range(0, ATOMS).map(i -> i / 3).toArray(), GRAPHS));
        }

        private static HostTensor random(SplittableRandom random, int... shape) {
            double[] data = new double[(int) HostTensor.volume(shape)];
            Arrays.setAll(data, i -> random.nextGaussian());
            return new HostTensor(shape, data);
        }

        double[] x() {
            return floats.getOrDefault("x", HostTensor.scalar(0)).data();
        }

        double[] y(double step) {
            floats.put("key", HostTensor.of(new int[] {2}, 11, step));
            try (CpuExecutor executor = new CpuExecutor(program, CpuExecutor.Options.SINGLE)) {
                return executor.run(floats, indices, values)
                        .getOrDefault("y", HostTensor.scalar(0))
                        .data();
            }
        }
    }

    @Test
    void evaluationLeavesNothingOut() {
        double[] plain = new Run(false, 0, 0, 0).y(0);
        assertArrayEquals(plain, new Run(false, 0.5, 0.5, 0.5).y(0));
        assertArrayEquals(plain, new Run(true, 0, 0, 0).y(0));
    }

    @Test
    void dropPathLeavesOutABranchOfAWholeGraph() {
        Run run = new Run(true, 0.5, 0, 0);
        double[] y = run.y(0);
        assertArrayEquals(y, run.y(0));
        assertFalse(Arrays.equals(y, run.y(1)), "another step, another choice");
        int unchanged = 0;
        int width = 3 * COEFFICIENTS * CHANNELS;
        for (int g = 0; g < GRAPHS; g++) {
            boolean whole = true;
            boolean some = false;
            for (int atom = 0; atom < 3; atom++) {
                int from = g * width + atom * COEFFICIENTS * CHANNELS;
                int to = from + COEFFICIENTS * CHANNELS;
                boolean same = Arrays.equals(run.x(), from, to, y, from, to);
                whole &= same;
                some |= same;
            }
            assertEquals(whole, some, "all atoms of graph " + g + " alike");
            unchanged += whole ? 1 : 0;
        }
        // both branches with probability 1/4: 30 of 120, standard deviation 4.7
        assertTrue(unchanged > 15 && unchanged < 45, () -> "graphs without either branch");
    }

    @Test
    void projectionDropoutLeavesOutAllCoefficientsOfAChannel() {
        Run run = new Run(true, 0, 0.5, 0);
        double[] y = run.y(0);
        int left = 0;
        for (int atom = 0; atom < ATOMS; atom++) {
            if (atom % 3 == 1) {
                continue; // receives messages; the others' degrees above 0 change by the feed-forward branch alone
            }
            for (int c = 0; c < CHANNELS; c++) {
                int equal = 0;
                for (int k = 1; k < COEFFICIENTS; k++) {
                    int at = (atom * COEFFICIENTS + k) * CHANNELS + c;
                    equal += run.x()[at] == y[at] ? 1 : 0;
                }
                assertTrue(equal == 0 || equal == COEFFICIENTS - 1, "coefficients of a channel alike");
                left += equal == 0 ? 0 : 1;
            }
        }
        // 960 channels, half of them, standard deviation 15.5
        assertTrue(Math.abs(left - 480) < 80, "half of the channels: " + left);
    }

    /// The mean over many steps is what evaluation gives, since attention is linear in its weights.
    @Test
    void alphaDropoutKeepsTheMean() {
        double[] plain = attention(new Run(false, 0, 0, 0), 1);
        double[] mean = attention(new Run(true, 0, 0, 0.3), 1500);
        double[] once = attention(new Run(true, 0, 0, 0.3), 1);
        double scale = norm(plain);
        assertTrue(distance(plain, once) > 0.2 * scale, "one step differs");
        assertTrue(distance(plain, mean) < 0.05 * scale, () -> "mean " + distance(plain, mean) / scale);
    }

    /// What messages add to the atoms in the middle where l > 0, before the feed-forward network: taken from
    /// runs whose feed-forward network gives nothing.
    private static double[] attention(Run run, int steps) {
        run.values.forEach((name, value) -> {
            if (name.startsWith("ffn.so3_linear_2")) {
                Arrays.fill(value.data(), 0);
            }
        });
        double[] sum = new double[ATOMS * COEFFICIENTS * CHANNELS];
        try (CpuExecutor executor = new CpuExecutor(run.program, CpuExecutor.Options.SINGLE)) {
            for (int step = 0; step < steps; step++) {
                run.floats.put("key", HostTensor.of(new int[] {2}, 11, step));
                double[] y = executor.run(run.floats, run.indices, run.values)
                        .getOrDefault("y", HostTensor.scalar(0))
                        .data();
                Arrays.setAll(sum, i -> sum[i] + (y[i] - run.x()[i]) / steps);
            }
        }
        return sum;
    }

    private static double norm(double[] a) {
        return Math.sqrt(Arrays.stream(a).map(v -> v * v).sum());
    }

    private static double distance(double[] a, double[] b) {
        return norm(IntStream.range(0, a.length).mapToDouble(i -> a[i] - b[i]).toArray());
    }
}
