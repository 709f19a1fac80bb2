package org.iolaus.op;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.grad.Gradient;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Program;
import org.iolaus.ir.Sample;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.Sizes;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Every operation on its own samples: the executor against the definition, first- and second-order vector-Jacobian
/// products against central differences in random directions.
final class OpContractTest {
    private static final double STEP = 1e-5;
    private static final Pattern IMPLEMENTS = Pattern.compile(" implements (Op|Pointwise|View) ");

    /// Operations through which no gradient flows. All others are held against differences: a smooth operation whose
    /// vjp is null must not pass.
    private static final Set<String> WITHOUT_GRADIENT =
            Set.of("Constant", "Less", "Equal", "Sign", "Step", "IsFinite", "Detach", "DropoutMask");

    /// Added to the seed of every sample: `-Dops.seed=1` draws other numbers. A failure prints the seed.
    private static final long SEED = Long.getLong("ops.seed", 0);

    static Stream<Sample> samples() {
        return Ops.ALL.stream().flatMap(op -> op.samples().stream());
    }

    /// A sample as a program: `value = sum(op(inputs) * weight)`, its gradients and the gradients of those.
    private static final class Bench {
        final long seed;
        final Map<String, HostTensor> floats = new LinkedHashMap<>();
        final Map<String, Index> indices = new LinkedHashMap<>();
        final List<Node> variables = new ArrayList<>();
        final Map<String, Node> outputs = new LinkedHashMap<>();

        Bench(Sample sample, long seed) {
            this.seed = seed;
            Random random = new Random(seed);
            List<Node> inputs = new ArrayList<>();
            for (Sample.Argument argument : sample.arguments()) {
                String name = "in" + inputs.size();
                inputs.add(
                        switch (argument) {
                            case Sample.Floats f -> variable(name, f.shape(), f.low(), f.high(), random);
                            case Sample.Indices i -> {
                                indices.put(name, draw(i, random));
                                yield Expr.index(name, Dim.of(i.length()), Dim.of(i.range()));
                            }
                        });
            }
            Node result = Node.of(sample.op(), inputs);
            outputs.put("result", result);
            Node weight = variable("weight", result.shape(), -1, 1, random);
            Node value = Expr.sumAll(Expr.mul(result, weight));
            outputs.put("value", value);
            boolean flows = sample.op().vjp(result, weight).stream().anyMatch(Objects::nonNull);
            assertEquals(
                    !WITHOUT_GRADIENT.contains(sample.op().name()),
                    flows,
                    sample.op() + ": want a vjp, or the operation among those without a gradient");
            List<Node> first = Gradient.of(value, variables);
            Node second = Expr.constant(0);
            for (int i = 0; i < variables.size(); i++) {
                outputs.put("d " + i, first.get(i));
                Node direction = Expr.input("direction" + i, variables.get(i).shape());
                floats.put("direction" + i, uniform(variables.get(i).shape(), -1, 1, random));
                second = Expr.add(second, Expr.sumAll(Expr.mul(first.get(i), direction)));
            }
            outputs.put("slope", second);
            List<Node> gradients = Gradient.of(second, variables);
            for (int i = 0; i < variables.size(); i++) {
                outputs.put("dd " + i, gradients.get(i));
            }
        }

        private Node variable(String name, Shape shape, double low, double high, Random random) {
            floats.put(name, uniform(shape, low, high, random));
            Node node = Expr.input(name, shape);
            variables.add(node);
            return node;
        }

        Map<String, HostTensor> at(double step, Map<String, double[]> directions) {
            Map<String, HostTensor> moved = new LinkedHashMap<>(floats);
            directions.forEach((name, direction) -> {
                double[] data = floats.get(name).data().clone();
                for (int i = 0; i < data.length; i++) {
                    data[i] += step * direction[i];
                }
                moved.put(name, new HostTensor(floats.get(name).shape(), data));
            });
            return moved;
        }
    }

    private static HostTensor uniform(Shape shape, double low, double high, Random random) {
        int[] extents = shape.bind(Sizes.NONE);
        double[] data = random.doubles(HostTensor.volume(extents), low, high).toArray();
        return new HostTensor(extents, data);
    }

    private static Index draw(Sample.Indices indices, Random random) {
        int[] values = random.ints(indices.length(), 0, indices.range())
                .map(v -> v == 1 && indices.range() > 2 ? 2 : v)
                .toArray();
        if (indices.sorted()) {
            java.util.Arrays.sort(values);
        }
        return new Index(values, indices.range());
    }

    @ParameterizedTest
    @MethodSource("samples")
    void executorAgreesWithDefinition(Sample sample) {
        Bench bench = new Bench(sample, 7);
        Program program = Program.of(bench.outputs);
        Map<String, HostTensor> want = Definition.evaluate(program, bench.floats, bench.indices, Sizes.NONE);
        for (int threads : new int[] {1, 2}) {
            try (CpuExecutor executor = new CpuExecutor(program, new CpuExecutor.Options(threads, null))) {
                Map<String, HostTensor> got = executor.run(bench.floats, bench.indices, Map.of());
                want.forEach((name, tensor) ->
                        assertArrayEquals(tensor.data(), got.get(name).data(), 1e-12, sample + " " + name));
                Map<String, HostTensor> again = executor.run(bench.floats, bench.indices, Map.of());
                got.forEach((name, tensor) ->
                        assertArrayEquals(tensor.data(), again.get(name).data(), 0, sample + " twice: " + name));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("samples")
    void gradientsAgreeWithDifferences(Sample sample) {
        long seed = SEED + sample.toString().hashCode();
        Bench bench = new Bench(sample, seed);
        if (sample.op() instanceof Detach) {
            return; // whose differences are not its gradient: that is its purpose
        }
        Program program = Program.of(bench.outputs);
        Random random = new Random(seed);
        Map<String, double[]> directions = new LinkedHashMap<>();
        bench.variables.forEach(node -> directions.put(
                ((Input) node.op()).label(),
                random.doubles(node.shape().volume().longValue(), -1, 1).toArray()));
        try (CpuExecutor executor = new CpuExecutor(program, CpuExecutor.Options.SINGLE)) {
            Map<String, HostTensor> here = executor.run(bench.floats, bench.indices, Map.of());
            Map<String, HostTensor> ahead = executor.run(bench.at(STEP, directions), bench.indices, Map.of());
            Map<String, HostTensor> behind = executor.run(bench.at(-STEP, directions), bench.indices, Map.of());
            check(sample, seed, "first", "value", "d ", bench, directions, here, ahead, behind);
            check(sample, seed, "second", "slope", "dd ", bench, directions, here, ahead, behind);
        }
    }

    private static void check(
            Sample sample,
            long seed,
            String order,
            String value,
            String gradient,
            Bench bench,
            Map<String, double[]> directions,
            Map<String, HostTensor> here,
            Map<String, HostTensor> ahead,
            Map<String, HostTensor> behind) {
        double difference = (ahead.get(value).data()[0] - behind.get(value).data()[0]) / (2 * STEP);
        double slope = 0;
        double scale = 1;
        for (int i = 0; i < bench.variables.size(); i++) {
            double[] g = here.get(gradient + i).data();
            double[] d = directions.get(((Input) bench.variables.get(i).op()).label());
            for (int k = 0; k < g.length; k++) {
                slope += g[k] * d[k];
                scale += Math.abs(g[k] * d[k]);
            }
        }
        assertEquals(
                difference,
                slope,
                3e-8 * scale,
                sample + ", " + order + " order, seed " + seed + " (-Dops.seed=" + SEED + ")");
    }

    @Test
    void listIsComplete() throws IOException {
        TreeSet<String> listed = new TreeSet<>();
        Ops.ALL.forEach(op -> listed.add(op.name()));
        Path folder = Path.of("src/main/java/org/iolaus/op");
        TreeSet<String> written = new TreeSet<>();
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.toList()) {
                String text = Files.readString(file);
                if (IMPLEMENTS.matcher(text).find()) {
                    written.add(file.getFileName().toString().replace(".java", ""));
                }
            }
        }
        assertEquals(written, listed);
        for (Op op : Ops.ALL) {
            assertFalse(op.samples().isEmpty(), op + " has samples");
        }
        assertTrue(listed.size() > 30);
    }
}
