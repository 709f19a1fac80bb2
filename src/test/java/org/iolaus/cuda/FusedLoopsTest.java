package org.iolaus.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.iolaus.grad.Gradient;
import org.iolaus.ir.Leaf;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.lower.Lowering;
import org.iolaus.lower.Precision;
import org.iolaus.lower.RandomPrograms;
import org.iolaus.lower.Schedule;
import org.iolaus.lower.Target;
import org.iolaus.op.BilinearTerms;
import org.iolaus.op.Definition;
import org.iolaus.op.Expr;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.Sizes;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Programs as they are fused for devices, on the emulated one, against the node-by-node definition.
final class FusedLoopsTest {

    @ParameterizedTest
    @CsvSource({"1, 4", "2, 6", "3, 3", "4, 8", "5, 33", "8, 128", "9, 5"})
    void randomProgramsAgreeWithTheirDefinition(long seed, int columns) {
        Random random = new Random(seed);
        Program program = Program.of(RandomPrograms.outputs(random, columns));
        Schedule schedule = Lowering.run(program, Target.DEVICE);
        Map<String, HostTensor> parameters =
                Map.of("w", random(random, columns, columns), "b", random(random, columns, 1));
        try (DeviceRuntime device = Emulated.runtime();
                DeviceExecutor executor = new DeviceExecutor(device, program, Precision.FP64)) {
            for (int[] size : new int[][] {{5, 11}, {1, 0}, {3, 150}}) {
                Map<String, HostTensor> floats = new LinkedHashMap<>();
                floats.put("x", random(random, size[0], columns));
                floats.put("y", random(random, size[0], columns));
                floats.put("e", random(random, size[1], columns));
                floats.put("column", random(random, size[1], 1));
                floats.put("vector", random(random, size[1], 3));
                Map<String, Index> indices = Map.of(
                        "source", index(random, size[1], size[0], false),
                        "target", index(random, size[1], size[0], true));
                Map<String, HostTensor> bound = new LinkedHashMap<>(floats);
                bound.putAll(parameters);
                Map<String, HostTensor> want =
                        Definition.evaluate(program, bound, indices, new Sizes(Map.of("N", size[0], "E", size[1])));
                Map<String, HostTensor> got = executor.run(floats, indices, parameters);
                Map<String, HostTensor> again = executor.run(floats, indices, parameters);
                want.forEach((name, tensor) -> {
                    String what = name + ", seed " + seed + ", sizes " + Arrays.toString(size) + "\n" + schedule;
                    double scale =
                            Arrays.stream(tensor.data()).map(Math::abs).max().orElse(0);
                    assertArrayEquals(tensor.data(), got.get(name).data(), 1e-11 * Math.max(1, scale), what);
                    assertArrayEquals(got.get(name).data(), again.get(name).data(), 0, what);
                });
            }
        }
    }

    /// A concatenation that the backward pass computes again has parts that the forward pass keeps.
    @Test
    void partsOfTwoConcatenationsAreInBoth() {
        Random random = new Random(6);
        Node x = Expr.input("x", Shape.of("N", 32));
        Node w = Expr.parameter("w", Shape.of(32, 256));
        Node v = Expr.parameter("v", Shape.of(288, 4));
        Node gate = Expr.reshape(Expr.mul(x, Expr.sigmoid(x)), Shape.of("N", 1, 32));
        Node rest = Expr.reshape(Expr.matmul(x, w), Shape.of("N", 8, 32));
        Node both = Expr.reshape(Expr.concat(1, List.of(gate, rest)), Shape.of("N", 288));
        Node loss = Expr.sumAll(Expr.square(Expr.matmul(both, v)));
        List<Node> gradients = Gradient.of(loss, List.of(w, v));
        Map<String, Node> outputs = new LinkedHashMap<>();
        outputs.put("loss", loss);
        outputs.put("w", gradients.get(0));
        outputs.put("v", gradients.get(1));
        Program program = Program.of(outputs).recomputing("loss");
        Map<String, HostTensor> floats = Map.of("x", random(random, 7, 32));
        Map<String, HostTensor> parameters = Map.of("w", random(random, 32, 256), "v", random(random, 288, 4));
        Map<String, HostTensor> bound = new LinkedHashMap<>(floats);
        bound.putAll(parameters);
        Map<String, HostTensor> want = Definition.evaluate(program, bound, Map.of(), new Sizes(Map.of("N", 7)));
        try (DeviceRuntime device = Emulated.runtime();
                DeviceExecutor executor = new DeviceExecutor(device, program, Precision.FP64)) {
            Map<String, HostTensor> got = executor.run(floats, Map.of(), parameters);
            want.forEach((name, tensor) -> {
                double scale = Arrays.stream(tensor.data()).map(Math::abs).max().orElse(0);
                assertArrayEquals(tensor.data(), got.get(name).data(), 1e-12 * scale, name);
            });
        }
    }

    /// An index of constant length, one number for each: a pack of numbers would have one index.
    @Test
    void numbersAreGatheredOneByOne() {
        Random random = new Random(7);
        Node x = Expr.parameter("x", Shape.of(9, 1));
        Node y = Expr.square(Expr.gather(x, Expr.index("index", Dim.of(64), Dim.of(9))));
        Program program = Program.of(Map.of("y", y));
        Map<String, HostTensor> parameters = Map.of("x", random(random, 9, 1));
        Map<String, Index> indices = Map.of("index", index(random, 64, 9, false));
        HostTensor want =
                Definition.evaluate(program, parameters, indices, Sizes.NONE).get("y");
        try (DeviceRuntime device = Emulated.runtime();
                DeviceExecutor executor = new DeviceExecutor(device, program, Precision.FP64)) {
            HostTensor got = executor.run(Map.of(), indices, parameters).get("y");
            assertArrayEquals(want.data(), got.data(), 0.0);
        }
    }

    /// Each kind of sum with what it is fused with: nothing but loops remains, and plain arithmetic's error holds.
    @ParameterizedTest
    @CsvSource({
        "FP64, 1, true",
        "FP64, 3, false",
        "FP64, 33, true",
        "FP64, 128, false",
        "FP32, 1, false",
        "FP32, 3, true",
        "FP32, 33, false",
        "FP32, 128, true",
        "FP32, 520, true"
    })
    void sumsAreFusedWithTheirTerms(Precision precision, int columns, boolean sorted) {
        Dim n = Dim.symbol("N");
        Dim e = Dim.symbol("E");
        Node x = Expr.input("x", Shape.of(n, columns));
        Node w = Expr.input("w", Shape.of(e, columns));
        Node f = Expr.input("f", Shape.of(e, columns));
        Node vector = Expr.input("vector", Shape.of(e, 3, 1));
        Node index = Expr.index("index", e, n);
        Node product = Expr.mul(Expr.gather(x, index), w);
        Map<String, Node> outputs = new LinkedHashMap<>();
        outputs.put("segments", Expr.add(Expr.segmentSum(product, index), x));
        outputs.put("vectors", Expr.segmentSum(Expr.mul(Expr.unsqueeze(f, 1), vector), index));
        outputs.put("lengths", Expr.sum(Expr.square(vector), 1));
        outputs.put("columns", Expr.scale(Expr.sum(Expr.mul(f, w), 1), 0.5));
        outputs.put("rows", Expr.add(Expr.sum(Expr.mul(f, w), 0), Expr.sum(w, 0)));
        outputs.put("all", Expr.sumAll(Expr.mul(f, w)));
        Program program = Program.of(outputs);
        Schedule schedule = Lowering.run(program, Target.DEVICE);
        Random random = new Random(columns);
        try (DeviceRuntime device = Emulated.runtime();
                DeviceExecutor executor = new DeviceExecutor(device, program, precision)) {
            long calls = schedule.steps().stream()
                    .filter(Schedule.Call.class::isInstance)
                    .count();
            assertEquals(columns > 512 ? 2 : 0, calls, schedule.toString());
            for (int[] size : new int[][] {{7, 31}, {3, 0}, {4, 300}, {300, 400}}) {
                Map<String, HostTensor> floats = new LinkedHashMap<>();
                program.inputs().forEach((name, type) -> {
                    if (!type.isIndex()) {
                        floats.put(name, stored(precision, random(random, bind(type.shape(), size))));
                    }
                });
                Map<String, Index> indices = Map.of("index", index(random, size[1], size[0], sorted));
                Sizes sizes = new Sizes(Map.of("N", size[0], "E", size[1]));
                Map<String, HostTensor> want = Definition.evaluate(program, floats, indices, sizes);
                Map<String, HostTensor> positive = new LinkedHashMap<>();
                floats.forEach((name, tensor) -> positive.put(
                        name,
                        new HostTensor(
                                tensor.shape(),
                                Arrays.stream(tensor.data()).map(Math::abs).toArray())));
                Map<String, HostTensor> bound = Definition.evaluate(program, positive, indices, sizes);
                Map<String, HostTensor> got = executor.run(floats, indices, Map.of());
                double unit = precision == Precision.FP64 ? 0x1p-53 : 0x1p-24;
                // n additions of rounded terms: (n + 2) units of the sum of sizes; n is at most all rows and columns
                double factor = 2 * unit * (size[1] + columns + 2);
                want.forEach((name, tensor) -> {
                    for (int i = 0; i < tensor.data().length; i++) {
                        assertEquals(
                                tensor.data()[i],
                                got.get(name).data()[i],
                                factor * bound.get(name).data()[i],
                                name + "[" + i + "], sizes " + Arrays.toString(size) + "\n" + schedule);
                    }
                });
            }
        }
    }

    /// A bilinear map there and back between atoms and edges, with its gradients: what edges have as atoms have it is
    /// never written.
    @ParameterizedTest
    @CsvSource({"1, true", "8, false"})
    void bilinearMapsJoinTheirGathersAndSums(int channels, boolean sorted) {
        Dim n = Dim.symbol("N");
        Dim e = Dim.symbol("E");
        List<BilinearTerms.Term> list = new ArrayList<>();
        for (int t = 0; t < 11; t++) {
            list.add(new BilinearTerms.Term(t % 4, t % 3, t % 7, 0.5 * t - 2));
        }
        BilinearTerms terms = new BilinearTerms(4, 3, 7, list);
        Node x = Expr.input("x", Shape.of(n, 7, channels));
        Node a = Expr.input("a", Shape.of(e, 3));
        Node source = Expr.index("source", e, n);
        Node target = Expr.index("target", e, n);
        Node there = Expr.bilinear(terms, a, Expr.gather(x, source));
        Node back = Expr.segmentSum(Expr.bilinear(terms.transposed(), a, Expr.sin(there)), target);
        Node sum = Expr.sumAll(Expr.mul(Expr.sin(back), x));
        Program program =
                Program.of(Map.of("sum", sum, "dx", Gradient.of(sum, List.of(x)).getFirst()));
        Schedule schedule = Lowering.run(program, Target.DEVICE);
        assertEquals(
                0,
                schedule.buffers().stream()
                        .filter(buffer -> buffer.type().shape().equals(Shape.of(e, 7, channels)))
                        .count(),
                schedule.toString());
        Random random = new Random(channels);
        try (DeviceRuntime device = Emulated.runtime();
                DeviceExecutor executor = new DeviceExecutor(device, program, Precision.FP64)) {
            for (int[] size : new int[][] {{7, 31}, {3, 0}, {1, 9}}) {
                Map<String, HostTensor> floats =
                        Map.of("x", random(random, size[0], 7, channels), "a", random(random, size[1], 3));
                Map<String, Index> indices = Map.of(
                        "source", index(random, size[1], size[0], false),
                        "target", index(random, size[1], size[0], sorted));
                Map<String, HostTensor> want =
                        Definition.evaluate(program, floats, indices, new Sizes(Map.of("N", size[0], "E", size[1])));
                Map<String, HostTensor> got = executor.run(floats, indices, Map.of());
                want.forEach((name, tensor) -> assertArrayEquals(
                        tensor.data(), got.get(name).data(), 1e-11, name + ", sizes " + Arrays.toString(size)));
            }
        }
    }

    /// A product's result plus bias, taken apart, weighs what two maps give for channels side by side; the
    /// parts go into further products. Nothing is only copied, neither there nor in the gradients.
    @ParameterizedTest
    @CsvSource({"1, 3", "4, 2"})
    void partsAreComputedWhereTheyStand(int channels, int heads) {
        Dim e = Dim.symbol("E");
        int width = 2 * channels * heads;
        Node x = Expr.input("x", Shape.of(e, 6));
        Node left = Expr.input("left", Shape.of(e, 5 * channels * heads));
        Node right = Expr.input("right", Shape.of(e, 5 * channels * heads));
        Node weight = Expr.parameter("w", Shape.of(6, 3 * width));
        Node bias = Expr.parameter("b", Shape.of(3 * width));
        Node factors = Expr.add(Expr.matmul(x, weight), Expr.reshape(bias, Shape.of(1, 3 * width)));
        Shape rows = Shape.of(e, 5, channels * heads);
        Node sides = Expr.concat(2, Expr.reshape(left, rows), Expr.reshape(right, rows));
        Node first = Expr.mul(
                Expr.slice(sides, 1, 0, 1), Expr.reshape(Expr.slice(factors, 1, 0, width), Shape.of(e, 1, width)));
        Node pair = Expr.reshape(Expr.slice(sides, 1, 1, 4), Shape.of(e, 2, 2, width));
        Node second = Expr.mul(pair, Expr.reshape(Expr.slice(factors, 1, width, 2 * width), Shape.of(e, 1, 2, width)));
        Node out = Expr.parameter("out", Shape.of(4 * width, 5 * channels * heads));
        Node product = Expr.matmul(Expr.reshape(second, Shape.of(e, 4 * width)), out);
        Node split = Expr.reshape(product, Shape.of(e, 5, heads, channels));
        Node alpha = Expr.input("alpha", Shape.of(e, heads));
        Node joined = Expr.concat(
                1,
                Expr.reshape(Expr.mul(split, Expr.reshape(alpha, Shape.of(e, 1, heads, 1))), rows),
                Expr.sin(Expr.reshape(left, rows)));
        Node last = Expr.parameter("last", Shape.of(10 * channels * heads, 8));
        Node sum = Expr.add(
                Expr.sumAll(Expr.square(Expr.matmul(Expr.reshape(joined, Shape.of(e, 10 * channels * heads)), last))),
                Expr.sumAll(Expr.square(
                        Expr.matmul(Expr.reshape(first, Shape.of(e, width)), Expr.slice(last, 0, 0, width)))));
        List<Node> of = List.of(x, left, right, alpha, weight, bias, out);
        Map<String, Node> outputs = new LinkedHashMap<>(Map.of("sum", sum));
        List<Node> gradients = Gradient.of(sum, of);
        for (int i = 0; i < of.size(); i++) {
            outputs.put("gradient" + i, gradients.get(i));
        }
        Program program = Program.of(outputs);
        Schedule schedule = Lowering.run(program, Target.DEVICE);
        long copies = schedule.steps().stream()
                .filter(step -> step instanceof Schedule.Fused fused
                        && !fused.loops().getFirst().iteration().volume().isConstant()
                        && fused.loops().getFirst().sums().isEmpty()
                        && fused.loops().getFirst().instructions().isEmpty())
                .count();
        assertEquals(0, copies, schedule.toString());
        Random random = new Random(channels);
        Map<String, HostTensor> parameters = new LinkedHashMap<>();
        for (Node node : List.of(weight, bias, out, last)) {
            parameters.put(
                    ((Leaf) node.op()).label(), random(random, node.shape().bind(Sizes.NONE)));
        }
        try (DeviceRuntime device = Emulated.runtime();
                DeviceExecutor executor = new DeviceExecutor(device, program, Precision.FP64)) {
            for (int edges : new int[] {31, 1, 0}) {
                Map<String, HostTensor> floats = Map.of(
                        "x", random(random, edges, 6),
                        "alpha", random(random, edges, heads),
                        "left", random(random, edges, 5 * channels * heads),
                        "right", random(random, edges, 5 * channels * heads));
                Map<String, HostTensor> bound = new LinkedHashMap<>(floats);
                bound.putAll(parameters);
                Map<String, HostTensor> want =
                        Definition.evaluate(program, bound, Map.of(), new Sizes(Map.of("E", edges)));
                Map<String, HostTensor> got = executor.run(floats, Map.of(), parameters);
                want.forEach((name, tensor) -> {
                    double scale =
                            Arrays.stream(tensor.data()).map(Math::abs).max().orElse(0);
                    assertArrayEquals(
                            tensor.data(),
                            got.get(name).data(),
                            1e-11 * Math.max(1, scale),
                            name + ", " + edges + " edges\n" + schedule);
                });
            }
        }
    }

    private static int[] bind(Shape shape, int[] size) {
        return shape.bind(new Sizes(Map.of("N", size[0], "E", size[1])));
    }

    private static HostTensor stored(Precision precision, HostTensor tensor) {
        return precision == Precision.FP64
                ? tensor
                : new HostTensor(
                        tensor.shape(),
                        Arrays.stream(tensor.data()).map(v -> (float) v).toArray());
    }

    private static HostTensor random(Random random, int... shape) {
        return new HostTensor(
                shape, random.doubles(HostTensor.volume(shape), -1, 1).toArray());
    }

    private static Index index(Random random, int length, int range, boolean sorted) {
        int[] values = random.ints(length, 0, range).toArray();
        if (sorted) {
            Arrays.sort(values);
        }
        return new Index(values, range);
    }
}
