package org.iolaus.lower;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.grad.Gradient;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.op.Definition;
import org.iolaus.op.Expr;
import org.iolaus.op.MatMul;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;
import org.iolaus.tensor.Sizes;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Lowered programs against the node-by-node definition, on random programs with gradients of gradients.
final class LoweringTest {
    private static final Dim N = Dim.symbol("N");
    private static final Dim E = Dim.symbol("E");
    private static final int C = 6;

    private static HostTensor random(Random random, int... shape) {
        return new HostTensor(
                shape, random.doubles(HostTensor.volume(shape), -1, 1).toArray());
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
    void agreesWithDefinition(long seed) {
        Random random = new Random(seed);
        Program program = Program.of(RandomPrograms.outputs(random, C));
        Map<String, HostTensor> weight = Map.of("w", random(random, C, C), "b", random(random, C, 1));
        try (CpuExecutor executor = new CpuExecutor(program, new CpuExecutor.Options(2, null))) {
            for (int[] size : new int[][] {{5, 11}, {1, 0}, {40, 333}, {5, 11}}) {
                Map<String, HostTensor> floats = new LinkedHashMap<>();
                floats.put("x", random(random, size[0], C));
                floats.put("y", random(random, size[0], C));
                floats.put("e", random(random, size[1], C));
                floats.put("column", random(random, size[1], 1));
                floats.put("vector", random(random, size[1], 3));
                Map<String, Index> indices = Map.of(
                        "source",
                        index(random, size[1], size[0], false),
                        "target",
                        index(random, size[1], size[0], true));
                poison(executor, floats, indices, weight);
                Map<String, HostTensor> bound = new LinkedHashMap<>(floats);
                bound.putAll(weight);
                Map<String, HostTensor> want =
                        Definition.evaluate(program, bound, indices, new Sizes(Map.of("N", size[0], "E", size[1])));
                Map<String, HostTensor> got = executor.run(floats, indices, weight);
                want.forEach((name, tensor) -> {
                    double scale =
                            Arrays.stream(tensor.data()).map(Math::abs).max().orElse(0);
                    assertArrayEquals(
                            tensor.data(),
                            got.get(name).data(),
                            1e-11 * Math.max(1, scale),
                            name + ", seed " + seed + "\n" + executor.schedule());
                });
            }
        }
    }

    /// Leaves NaN all over the arena: whatever is read before it is written shows.
    private static void poison(
            CpuExecutor executor,
            Map<String, HostTensor> floats,
            Map<String, Index> indices,
            Map<String, HostTensor> parameters) {
        Map<String, HostTensor> poisoned = new LinkedHashMap<>();
        floats.forEach((name, tensor) -> {
            double[] data = new double[tensor.data().length];
            Arrays.fill(data, Double.NaN);
            poisoned.put(name, new HostTensor(tensor.shape(), data));
        });
        executor.run(poisoned, indices, parameters);
    }

    private static Index index(Random random, int length, int range, boolean sorted) {
        int[] values = random.ints(length, 0, range).toArray();
        if (sorted) {
            Arrays.sort(values);
        }
        return new Index(values, range);
    }

    @ParameterizedTest
    @ValueSource(longs = {21, 22, 23})
    void buffersThatLiveTogetherDoNotOverlap(long seed) {
        Schedule schedule = Lowering.run(Program.of(RandomPrograms.outputs(new Random(seed), C)), Target.HOST);
        Sizes sizes = new Sizes(Map.of("N", 7, "E", 29));
        MemoryPlan plan = MemoryPlan.of(schedule, sizes);
        List<Schedule.Buffer> arena = schedule.buffers().stream()
                .filter(buffer -> buffer.storage() == Schedule.Storage.ARENA)
                .toList();
        for (Schedule.Buffer a : arena) {
            for (Schedule.Buffer b : arena) {
                boolean together = a.number() < b.number() && a.birth() <= b.death() && b.birth() <= a.death();
                if (together) {
                    long startA = plan.offset()[a.number()];
                    long startB = plan.offset()[b.number()];
                    long endA = startA + a.type().shape().volume().value(sizes);
                    long endB = startB + b.type().shape().volume().value(sizes);
                    assertTrue(endA <= startB || endB <= startA, a + " and " + b + ", seed " + seed);
                }
            }
        }
        assertTrue(plan.live() <= plan.elements());
        long sum = arena.stream()
                .mapToLong(buffer -> buffer.type().shape().volume().value(sizes))
                .sum();
        assertTrue(plan.elements() < sum, "memory is used again: " + plan.elements() + " of " + sum);
    }

    @Test
    void pointwiseChainIsOneLoop() {
        Node x = Expr.input("x", Shape.of(N, C));
        Node g = Expr.gather(x, Expr.index("i", E, N));
        Node y = Expr.scale(Expr.mul(Expr.sin(g), Expr.shift(Expr.input("column", Shape.of(E, 1)), 1)), 3);
        Schedule schedule = Lowering.run(Program.of(Map.of("y", y)), Target.HOST);
        assertEquals(2, schedule.steps().size(), schedule.toString());
    }

    /// The gather can't be read through the transposition, which must be written for it, and before it.
    @Test
    void rowsOfATransposedArrayAreGathered() {
        Node x = Expr.input("x", Shape.of(N, 2, 3));
        Node turned = Expr.scale(Expr.transpose(x, 1, 0, 2), 3);
        Node rows = Expr.gather(Expr.transpose(turned, 1, 0, 2), Expr.index("i", E, N));
        Program program = Program.of(Map.of(
                "y", Expr.matmul(Expr.reshape(rows, Shape.of(E, C)), Expr.parameter("w", Shape.of(C, C)))));
        Random random = new Random(31);
        Map<String, HostTensor> floats = Map.of("x", random(random, 5, 2, 3));
        Map<String, HostTensor> weight = Map.of("w", random(random, C, C));
        Map<String, Index> indices = Map.of("i", index(random, 9, 5, false));
        Map<String, HostTensor> bound = new LinkedHashMap<>(floats);
        bound.putAll(weight);
        HostTensor want = Definition.evaluate(program, bound, indices, new Sizes(Map.of("N", 5, "E", 9)))
                .get("y");
        try (CpuExecutor executor = new CpuExecutor(program, CpuExecutor.Options.SINGLE)) {
            HostTensor got = executor.run(floats, indices, weight).get("y");
            assertArrayEquals(want.data(), got.data(), 1e-12);
        }
    }

    @Test
    void equalSubexpressionsAreComputedOnce() {
        Node x = Expr.input("x", Shape.of(N, C));
        Node again = Expr.input("x", Shape.of(N, C));
        Node w = Expr.parameter("w", Shape.of(C, C));
        Program program = Simplify.run(Program.of(Map.of(
                "y",
                Expr.add(Expr.matmul(x, w), Expr.matmul(again, w)),
                "unused",
                Expr.mul(x, Expr.zeros(x.shape())))));
        long products = program.nodes().stream()
                .filter(node -> node.op().name().equals("MatMul"))
                .count();
        assertEquals(1, products, program.toString());
    }

    /// Three gates from one weight matrix: one product forward, one for the gradient of each operand.
    @Test
    void partsOfALayerAreOneProductOnDevices() {
        Node x = Expr.input("x", Shape.of(N, C));
        Node weight = Expr.parameter("w", Shape.of(3 * C, C));
        Node sum = Expr.constant(0);
        for (int i = 0; i < 3; i++) {
            Node gate = Expr.linear(x, Expr.slice(weight, 0, i * C, C), null);
            sum = Expr.add(sum, Expr.sumAll(Expr.mul(Expr.sin(gate), Expr.tanh(Expr.scale(gate, i + 1)))));
        }
        List<Node> gradients = Gradient.of(sum, List.of(x, weight));
        Program program = Program.of(Map.of("sum", sum, "dx", gradients.get(0), "dw", gradients.get(1)));
        assertEquals(9, products(Lowering.run(program, Target.HOST)));
        Schedule schedule = Lowering.run(program, Target.DEVICE);
        assertEquals(3, products(schedule), schedule.toString());
    }

    private static long products(Schedule schedule) {
        return schedule.steps().stream()
                .filter(step -> step instanceof Schedule.Call call && call.op() instanceof MatMul)
                .count();
    }

    @Test
    void wrongInputIsNamed() {
        Program program = Program.of(Map.of("y", Expr.sin(Expr.input("x", Shape.of(N, C)))));
        try (CpuExecutor executor = new CpuExecutor(program, CpuExecutor.Options.SINGLE)) {
            ShapeException missing =
                    assertThrows(ShapeException.class, () -> executor.run(Map.of(), Map.of(), Map.of()));
            assertTrue(missing.getMessage().contains("input x"), missing.getMessage());
            ShapeException wrong = assertThrows(
                    ShapeException.class,
                    () -> executor.run(Map.of("x", HostTensor.of(new int[] {1, 2}, 0, 0)), Map.of(), Map.of()));
            assertTrue(wrong.getMessage().contains("(N, 6)"), wrong.getMessage());
        }
    }

    @Test
    void schedulesAreFoundOnce() {
        Program program = Program.of(RandomPrograms.outputs(new Random(3), 4));
        Schedule device = Lowering.run(program, Target.DEVICE);
        assertSame(device, Lowering.run(program, Target.DEVICE));
        assertNotSame(device, Lowering.run(program, Target.HOST));
        assertNotSame(device, Lowering.run(Program.of(program.outputs()), Target.DEVICE));
    }

    /// Two layers as those of EquiformerV2: a narrow product, what follows of it element by element, a wide product.
    private static Program layers(boolean recomputing) {
        Map<String, Node> outputs = new LinkedHashMap<>();
        Node x = Expr.input("x", Shape.of(E, 64));
        List<Node> weights = new ArrayList<>();
        for (int layer = 0; layer < 2; layer++) {
            Node narrow = Expr.parameter("narrow" + layer, Shape.of(64, 512));
            Node wide = Expr.parameter("wide" + layer, Shape.of(512, 64));
            Node gate = Expr.parameter("gate" + layer, Shape.of(512, 512));
            weights.addAll(List.of(narrow, gate, wide));
            Node h = Expr.matmul(x, narrow);
            Node scaled = Expr.mul(h, Expr.sigmoid(h));
            x = Expr.matmul(Expr.tanh(Expr.matmul(scaled, gate)), wide);
        }
        outputs.put("loss", Expr.sumAll(Expr.square(x)));
        List<Node> gradients = Gradient.of(outputs.get("loss"), weights);
        for (int i = 0; i < weights.size(); i++) {
            outputs.put("gradient" + i, gradients.get(i));
        }
        Program program = Program.of(outputs);
        return recomputing ? program.recomputing("loss") : program;
    }

    private static long products(Schedule schedule, int depth, int columns) {
        return schedule.steps().stream()
                .filter(step -> step instanceof Schedule.Call call
                        && call.op().equals(new MatMul(false, false))
                        && call.node().shape().dim(1).equals(Dim.of(columns))
                        && call.node().input(0).shape().dim(1).equals(Dim.of(depth)))
                .count();
    }

    /// Of each layer, the gated array and the hyperbolic tangent are computed again, and the narrow product that the
    /// gated array follows from; the wide product is kept.
    @Test
    void whatIsCheapIsComputedAgain() {
        Sizes sizes = new Sizes(Map.of("E", 1000));
        Schedule kept = Lowering.run(layers(false), Target.DEVICE);
        Schedule again = Lowering.run(layers(true), Target.DEVICE);
        assertEquals(2, products(kept, 64, 512));
        assertEquals(4, products(again, 64, 512));
        assertEquals(2, products(kept, 512, 512));
        assertEquals(2, products(again, 512, 512));
        assertEquals(2, products(again, 512, 64));
        long before = MemoryPlan.of(kept, sizes).live();
        long after = MemoryPlan.of(again, sizes).live();
        String text = before + " and " + after + "\n" + again;
        assertTrue(before >= 4 * 2 * 512_000, text);
        assertTrue(after <= before - 2 * 512_000, text);
    }

    /// The sum of all layers so far follows from more and more arrays; it is kept, not summed up again.
    @Test
    void longSumsAreKept() {
        Node x = Expr.input("x", Shape.of(E, 512));
        List<Node> weights = new ArrayList<>();
        for (int layer = 0; layer < 6; layer++) {
            Node weight = Expr.parameter("w" + layer, Shape.of(512, 512));
            weights.add(weight);
            x = Expr.add(x, Expr.matmul(Expr.tanh(x), weight));
        }
        Map<String, Node> outputs = new LinkedHashMap<>();
        outputs.put("loss", Expr.sumAll(Expr.square(x)));
        List<Node> gradients = Gradient.of(outputs.get("loss"), weights);
        for (int i = 0; i < weights.size(); i++) {
            outputs.put("gradient" + i, gradients.get(i));
        }
        Schedule schedule = Lowering.run(Program.of(outputs).recomputing("loss"), Target.DEVICE);
        Sizes sizes = new Sizes(Map.of("E", 1000));
        long most = schedule.steps().stream()
                .filter(Schedule.Fused.class::isInstance)
                .mapToLong(step -> schedule.cost(step, sizes).elements())
                .max()
                .orElseThrow();
        assertTrue(most <= 5 * 512_000, most + "\n" + schedule);
    }

    /// Zeros beside what is computed are written when they are needed, not all at the beginning.
    @Test
    void whatWaitsForNothingComesLate() {
        Node x = Expr.input("x", Shape.of(E, 64));
        Node zeros = Expr.full(Shape.of(E, 64), 0);
        Node weight = Expr.parameter("w", Shape.of(128, 64));
        for (int layer = 0; layer < 4; layer++) {
            x = Expr.matmul(Expr.concat(1, List.of(zeros, Expr.tanh(x))), weight);
        }
        Schedule schedule = Lowering.run(Program.of(Map.of("y", x)), Target.DEVICE);
        long live = MemoryPlan.of(schedule, new Sizes(Map.of("E", 1000))).live();
        assertTrue(live <= 2 * 128_000, live + "\n" + schedule);
    }

    /// What only a sum over the batch reads does not wait in memory for those of the others.
    @Test
    void sumsComeEarly() {
        Node x = Expr.input("x", Shape.of(E, 64));
        List<Node> products = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            products.add(Expr.matmul(x, Expr.parameter("w" + i, Shape.of(64, 128))));
        }
        Map<String, Node> outputs = new LinkedHashMap<>();
        products.forEach(product -> outputs.put("y" + outputs.size(), Expr.matmul(x, product, true, false)));
        Schedule schedule = Lowering.run(Program.of(outputs), Target.HOST);
        long live = MemoryPlan.of(schedule, new Sizes(Map.of("E", 1000))).live();
        assertTrue(live <= 2 * 128_000, live + "\n" + schedule);
    }

    /// Loops at the end of a program are one step where they are alike, but not with one that they wait for.
    @Test
    void loopsAtTheEndStayBehindLoopsAtTheBeginning() {
        Node w = Expr.parameter("w", Shape.of(64, 64));
        Node first = Expr.tanh(w);
        Node last = Expr.tanh(Expr.matmul(first, first));
        Schedule schedule = Lowering.run(Program.of(Map.of("y", last)), Target.DEVICE);
        assertEquals(3, schedule.steps().size(), schedule::toString);
    }
}
