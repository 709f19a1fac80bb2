package org.iolaus.attention.equiformer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
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
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The network as a whole, beyond what reference files show: its frames, its heads, several resolutions.
final class EquiformerV2Test {
    private static final CoefficientMapping ONE = CoefficientMapping.of(3, 2);
    private static final CoefficientMapping TWO = new CoefficientMapping(List.of(3, 2), List.of(2, 1));
    private static final int ATOMS = 7;
    private static final Dim N = Dim.symbol("N");
    private static final Dim E = Dim.symbol("E");

    private static EquiformerV2.Settings settings(CoefficientMapping mapping, boolean gate, @Nullable Integer grid) {
        return settings(mapping, gate, grid, EquiformerV2.AtomEdges.OWN, null);
    }

    private static EquiformerV2.Settings settings(
            CoefficientMapping mapping,
            boolean gate,
            @Nullable Integer grid,
            EquiformerV2.AtomEdges atomEdges,
            @Nullable Double layerScale) {
        return new EquiformerV2.Settings(
                mapping,
                2,
                6,
                10,
                5,
                0,
                atomEdges,
                new DistanceExpansion.Settings(DistanceExpansion.Function.GAUSSIAN, 0, 5, 12, 2),
                new EquiformerV2.Attention(4, 2, 3, 2, false, true, NonLinearity.of(gate, true), 0),
                5,
                FeedForwardNetwork.Form.of(!gate, gate, true),
                EquivariantNorm.Type.LAYER_NORM_SH,
                grid,
                WeightInit.UNIFORM,
                0,
                0,
                layerScale,
                3,
                2);
    }

    /// All pairs of some atoms in space, turned by a matrix, in frames that are rolled by random angles.
    private static Map<String, double[]> run(EquiformerV2.Settings settings, double[] turn, long rolls) {
        Parameters parameters = new Parameters();
        EquiformerV2 network = new EquiformerV2(parameters.root(), settings, true, true);
        Node vectors = Expr.input("vectors", Shape.of(E, 3));
        Node elements = Expr.index("elements", N, Dim.of(10));
        Node graph = Expr.index("graph", N, Dim.symbol("G"));
        EdgeFrame frame = EdgeFrame.rolled(vectors, Expr.input("roll", Shape.of(E, 1)), settings.mapping());
        EdgeSet edges = network.edges(
                Expr.index("source", E, N),
                Expr.index("target", E, N),
                elements,
                new EdgeFrames(frame, settings.mapping()),
                Expr.sqrt(Expr.sum(Expr.square(vectors), 1)),
                null,
                null);
        ForwardContext context = new ForwardContext(false, false, Expr.constant(1));
        So3Embedding x = network.apply(edges, graph, context);
        Map<String, Node> outputs = new LinkedHashMap<>();
        outputs.put("energy", network.energies(x, graph));
        outputs.put("forces", network.forces(x, edges, context));
        SplittableRandom random = new SplittableRandom(4);
        double[] positions = random.doubles(3 * ATOMS, 0, 4).toArray();
        int count = ATOMS * (ATOMS - 1);
        int[] source = new int[count];
        int[] target = new int[count];
        double[] vector = new double[3 * count];
        int e = 0;
        for (int i = 0; i < ATOMS; i++) {
            for (int j = 0; j < ATOMS; j++) {
                if (i != j) {
                    source[e] = j;
                    target[e] = i;
                    for (int k = 0; k < 3; k++) {
                        for (int m = 0; m < 3; m++) {
                            vector[3 * e + k] += turn[3 * k + m] * (positions[3 * j + m] - positions[3 * i + m]);
                        }
                    }
                    e++;
                }
            }
        }
        double[] roll =
                new SplittableRandom(rolls).doubles(count, 0, 2 * Math.PI).toArray();
        Map<String, HostTensor> floats = Map.of(
                "vectors",
                new HostTensor(new int[] {count, 3}, vector),
                "roll",
                new HostTensor(new int[] {count, 1}, roll));
        Map<String, Index> indices = Map.of(
                "source", new Index(source, ATOMS),
                "target", new Index(target, ATOMS),
                "elements", new Index(new int[] {1, 6, 8, 1, 7, 6, 9}, 10),
                "graph", new Index(new int[ATOMS], 1));
        Map<String, HostTensor> values = parameters.initial(5);
        values.forEach(EquiformerV2Test::disturb);
        Map<String, double[]> results = new HashMap<>();
        try (CpuExecutor executor = new CpuExecutor(Program.of(outputs), CpuExecutor.Options.SINGLE)) {
            executor.run(floats, indices, values).forEach((name, value) -> results.put(name, value.data()));
        }
        return results;
    }

    /// The same for each parameter, and for each embedding of the elements at the ends of edges; layer scales stay.
    private static void disturb(String name, HostTensor value) {
        boolean embedding = name.matches(".*(source|target)_embedding.*");
        String key = embedding ? name.replaceAll(".*(source|target)_embedding", "$1") : name;
        SplittableRandom random = new SplittableRandom(key.hashCode());
        if (!name.contains("layer_scale")) {
            double kept = embedding ? 0 : 1;
            Arrays.setAll(value.data(), i -> kept * value.data()[i] + 0.1 * random.nextGaussian());
        }
    }

    private static final double[] UNTURNED = {1, 0, 0, 0, 1, 0, 0, 0, 1};

    /// A rotation about no particular axis.
    private static double[] turn() {
        double a = 0.7;
        double b = 1.9;
        double[] x = {1, 0, 0, 0, Math.cos(a), -Math.sin(a), 0, Math.sin(a), Math.cos(a)};
        double[] z = {Math.cos(b), -Math.sin(b), 0, Math.sin(b), Math.cos(b), 0, 0, 0, 1};
        double[] product = new double[9];
        for (int i = 0; i < 9; i++) {
            for (int k = 0; k < 3; k++) {
                product[i] += x[i / 3 * 3 + k] * z[3 * k + i % 3];
            }
        }
        return product;
    }

    /// Largest difference of energies and forces between a system and the same one turned, in other frames,
    /// relative to the largest.
    private static double error(EquiformerV2.Settings settings, double[] turn) {
        Map<String, double[]> before = run(settings, UNTURNED, 1);
        Map<String, double[]> after = run(settings, turn, 2);
        double[] forces = get(before, "forces");
        double[] turned = new double[forces.length];
        for (int i = 0; i < forces.length; i++) {
            for (int k = 0; k < 3; k++) {
                turned[i] += turn[3 * (i % 3) + k] * forces[i / 3 * 3 + k];
            }
        }
        return Math.max(
                difference(get(before, "energy"), get(after, "energy")), difference(turned, get(after, "forces")));
    }

    private static double[] get(Map<String, double[]> values, String name) {
        return values.getOrDefault(name, new double[0]);
    }

    private static double difference(double[] a, double[] b) {
        double size = Arrays.stream(a).map(Math::abs).max().orElse(0);
        double largest = 0;
        for (int i = 0; i < a.length; i++) {
            largest = Math.max(largest, Math.abs(a[i] - b[i]));
        }
        assertTrue(size > 1e-3 && a.length > 0 && a.length == b.length);
        return largest / size;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void withGatesNeitherFramesNorTurnsMatter(int resolutions) {
        EquiformerV2.Settings settings = settings(resolutions == 1 ? ONE : TWO, true, null);
        assertEquals(0, error(settings, UNTURNED), 1e-12);
        assertEquals(0, error(settings, turn()), 1e-12);
    }

    /// Measured for this network (L = 3): 8e-3 on 8 x 8 points, 3e-5 on 14 x 14, 2e-9 on 26 x 26.
    @Test
    void onTheGridTheyMatterLessTheFinerItIs() {
        double[] errors = Arrays.stream(new int[] {8, 14, 26})
                .mapToDouble(grid -> Math.max(
                        error(settings(ONE, false, grid), UNTURNED), error(settings(ONE, false, grid), turn())))
                .toArray();
        assertTrue(
                errors[0] > 1e-9 && errors[1] < errors[0] / 5 && errors[2] < errors[1] / 20, Arrays.toString(errors));
    }

    /// One embedding of the elements for all layers does what equal ones of each layer do.
    @Test
    void sharedEmbeddingsAreEqualOnes() {
        Map<String, double[]> own = run(settings(TWO, true, null, EquiformerV2.AtomEdges.OWN, null), UNTURNED, 1);
        Map<String, double[]> shared = run(settings(TWO, true, null, EquiformerV2.AtomEdges.SHARED, null), UNTURNED, 1);
        Map<String, double[]> none = run(settings(TWO, true, null, EquiformerV2.AtomEdges.NONE, null), UNTURNED, 1);
        assertEquals(0, difference(get(own, "forces"), get(shared, "forces")), 1e-13);
        assertTrue(difference(get(own, "forces"), get(none, "forces")) > 1e-3);
    }

    /// At 1 layer scale changes nothing; at 0 no block does anything, so that other frames show nowhere.
    @Test
    void layerScaleMultipliesBranches() {
        double[] plain = get(run(settings(TWO, false, 8), UNTURNED, 1), "energy");
        double[] one = get(run(scaled(1), UNTURNED, 1), "energy");
        double[] zero = get(run(scaled(0), UNTURNED, 1), "energy");
        assertEquals(0, difference(plain, one), 1e-13);
        assertTrue(difference(plain, zero) > 1e-3);
        assertTrue(difference(plain, get(run(settings(TWO, false, 8), UNTURNED, 2), "energy")) > 1e-9);
        assertEquals(0, difference(zero, get(run(scaled(0), UNTURNED, 2), "energy")), 1e-13);
    }

    private static EquiformerV2.Settings scaled(double layerScale) {
        return settings(TWO, false, 8, EquiformerV2.AtomEdges.OWN, layerScale);
    }

    /// The heads leave out what nobody reads.
    @ParameterizedTest
    @EnumSource
    void energyHeadIsTheNetworkWhereDegreeIsZero(FeedForwardNetwork.Form form) {
        Parameters parameters = new Parameters();
        FeedForwardNetwork network = new FeedForwardNetwork(
                parameters.root(), TWO, 4, 3, new FeedForwardNetwork.Settings(5, form, null, WeightInit.UNIFORM));
        Node x = Expr.input("x", Shape.of(N, TWO.fullSize(), 4));
        So3Embedding features = So3Embedding.split(x, TWO);
        List<Node> parts = Expr.split(network.apply(features).scalars(), 1, 2);
        same(parameters, x, Expr.add(parts.get(0), parts.get(1)), network.scalars(features));
    }

    @ParameterizedTest
    @EnumSource
    void forceHeadIsAttentionWhereDegreeIsOne(NonLinearity nonLinearity) {
        Parameters parameters = new Parameters();
        So2EquivariantGraphAttention attention = new So2EquivariantGraphAttention(
                parameters.root(),
                TWO,
                4,
                3,
                new So2EquivariantGraphAttention.Settings(
                        5,
                        2,
                        3,
                        2,
                        new EdgeChannels(3, 5, 5, 0),
                        false,
                        true,
                        nonLinearity,
                        null,
                        0,
                        WeightInit.UNIFORM));
        Node x = Expr.input("x", Shape.of(N, TWO.fullSize(), 4));
        So3Embedding features = So3Embedding.split(x, TWO);
        Node vectors = Expr.slice(Expr.squeeze(Expr.slice(x, 1, 1, 1), 1), 1, 0, 3);
        Node all = Expr.index("all", N, N);
        EdgeSet edges = new EdgeSet(
                all,
                Expr.index("other", N, N),
                all,
                new EdgeFrames(EdgeFrame.smooth(vectors, TWO), TWO),
                EdgeScalars.of(vectors),
                null);
        ForwardContext context = new ForwardContext(false, false, Expr.constant(1));
        Node whole = attention.apply(features, edges, context).vectors();
        Node sum = Expr.add(Expr.slice(whole, 2, 0, 3), Expr.slice(whole, 2, 3, 3));
        same(parameters, x, sum, attention.vectors(features, edges, context));
    }

    private static void same(Parameters parameters, Node x, Node want, Node got) {
        Map<String, HostTensor> values = parameters.initial(6);
        SplittableRandom random = new SplittableRandom(7);
        values.values()
                .forEach(value -> Arrays.setAll(value.data(), i -> value.data()[i] + 0.1 * random.nextGaussian()));
        int width = x.shape().dim(1).intValue() * x.shape().dim(2).intValue();
        HostTensor input = new HostTensor(
                new int[] {ATOMS, x.shape().dim(1).intValue(), x.shape().dim(2).intValue()},
                random.doubles((long) ATOMS * width, -1, 1).toArray());
        Map<String, Index> indices = Map.of(
                "all", new Index(new int[] {0, 1, 2, 3, 4, 5, 6}, ATOMS),
                "other", new Index(new int[] {2, 3, 4, 4, 4, 1, 0}, ATOMS));
        try (CpuExecutor executor =
                new CpuExecutor(Program.of(Map.of("want", want, "got", got)), CpuExecutor.Options.SINGLE)) {
            Map<String, HostTensor> results = executor.run(Map.of("x", input), indices, values);
            double[] expected =
                    results.getOrDefault("want", HostTensor.scalar(0)).data();
            assertTrue(expected.length >= ATOMS * 3 && Arrays.stream(expected).anyMatch(v -> Math.abs(v) > 1e-3));
            assertArrayEquals(
                    expected, results.getOrDefault("got", HostTensor.scalar(0)).data(), 1e-12);
        }
    }
}
