package org.iolaus.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Program;
import org.iolaus.ir.Sample;
import org.iolaus.lower.BilinearSegmentSum;
import org.iolaus.lower.GatherBilinear;
import org.iolaus.lower.LowPrecision;
import org.iolaus.lower.Lowering;
import org.iolaus.lower.Precision;
import org.iolaus.lower.Schedule;
import org.iolaus.lower.Schedule.Buffer;
import org.iolaus.lower.Schedule.Call;
import org.iolaus.lower.Schedule.Storage;
import org.iolaus.lower.Target;
import org.iolaus.op.BilinearOuter;
import org.iolaus.op.BilinearProduct;
import org.iolaus.op.Definition;
import org.iolaus.op.Expr;
import org.iolaus.op.GridActivation;
import org.iolaus.op.MatMul;
import org.iolaus.op.Ops;
import org.iolaus.op.Sum;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.Sizes;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Which arrays are stored in bfloat16, and the kernels' forms for it, on the emulated device against the definition.
final class Bf16Test {
    private static final Dim E = Dim.symbol("E");
    /// Unit roundoff of bfloat16.
    private static final double UNIT = 0x1p-8;

    // what is bf16

    private static boolean isBf16(Schedule schedule, Class<?> op) {
        List<Boolean> results = schedule.steps().stream()
                .filter(step -> step instanceof Call call && op.isInstance(call.op()))
                .map(step -> schedule.buffers().get(((Call) step).out()).bf16())
                .distinct()
                .toList();
        assertEquals(1, results.size(), schedule.toString());
        return results.getFirst();
    }

    private static Schedule product(Shape rows, int width, boolean output) {
        Node x = Expr.input("x", rows);
        Node w = Expr.parameter("w", Shape.of(rows.dim(1), Dim.of(width)));
        Node y = Expr.matmul(x, w);
        Node out = output ? y : Expr.sumAll(Expr.mul(Expr.tanh(y), y));
        return Lowering.run(Program.of(Map.of("y", out)), Target.DEVICE, LowPrecision.BF16);
    }

    @Test
    void largeLearnedArraysAreBf16() {
        assertTrue(isBf16(product(Shape.of(E, 20), 16, false), MatMul.class));
        // fewer than 16 numbers for each edge, graphs, outputs
        assertTrue(!isBf16(product(Shape.of(E, 20), 15, false), MatMul.class));
        assertTrue(!isBf16(product(Shape.of(Dim.symbol("G"), 20), 16, false), MatMul.class));
        assertTrue(!isBf16(product(Shape.of(E, 20), 16, true), MatMul.class));
        // the operands are rounded once each, also where the result is not bf16
        for (Schedule schedule : List.of(product(Shape.of(E, 20), 16, false), product(Shape.of(E, 20), 16, true))) {
            long copies = schedule.buffers().stream().filter(Buffer::bf16).count();
            assertEquals(isBf16(schedule, MatMul.class) ? 3 : 2, copies, schedule.toString());
        }
        Schedule graphs = product(Shape.of(Dim.symbol("G"), 20), 16, false);
        assertTrue(graphs.buffers().stream().noneMatch(Buffer::bf16), graphs.toString());
    }

    /// What follows from positions alone is stored in full, even where a bf16 product reads it too.
    @Test
    void geometryIsNotBf16() {
        Node x = Expr.input("x", Shape.of(E, 20));
        Node w = Expr.parameter("w", Shape.of(20, 20));
        Node basis = Expr.exp(Expr.gather(x, Expr.index("index", E, E)));
        Node y = Expr.add(Expr.matmul(basis, w), Expr.gather(basis, Expr.index("index", E, E)));
        Program program = Program.of(Map.of("y", Expr.sumAll(Expr.square(y))));
        Lowering.Stored stored = Lowering.stored(program, LowPrecision.BF16);
        for (Node node : stored.program().nodes()) {
            assertTrue(!node.op().equals(basis.op()) || !stored.bf16().contains(node), "narrow radial basis: " + node);
        }
        assertEquals(3, stored.bf16().size(), "both operands and the product: " + stored.bf16());
    }

    @Test
    void bf16ArraysTakeHalfTheMemoryAndTraffic() {
        Sizes sizes = new Sizes(Map.of("E", 1000));
        Schedule schedule = product(Shape.of(E, 32), 64, false);
        Buffer result = schedule.buffers().stream()
                .filter(buffer -> buffer.storage() == Storage.ARENA
                        && buffer.type().shape().equals(Shape.of(E, 64)))
                .findFirst()
                .orElseThrow();
        assertEquals(32_000, result.elements(sizes));
        Call call = (Call) schedule.steps().stream()
                .filter(Call.class::isInstance)
                .findFirst()
                .orElseThrow();
        assertEquals(
                (1000 * 32 + 32 * 64 + 1000 * 64) / 2,
                schedule.cost(call, sizes).elements());
    }

    // how it is computed

    private static double[] run(
            Program program,
            Map<String, HostTensor> floats,
            Map<String, Index> indices,
            Precision precision,
            LowPrecision lowPrecision) {
        try (DeviceRuntime device = Emulated.runtime();
                DeviceExecutor executor = new DeviceExecutor(device, program, precision, lowPrecision)) {
            return executor.run(floats, indices, Map.of()).get("y").data();
        }
    }

    /// Multiples of 1/32 up to 2, which bfloat16 holds, and so do their doubles.
    private static HostTensor short32(Random random, int... shape) {
        return new HostTensor(
                shape,
                random.ints(HostTensor.volume(shape), -64, 65)
                        .mapToDouble(i -> i / 32.0)
                        .toArray());
    }

    /// An operation of inputs that are first stored in bfloat16 without loss: in full, its result is right to float
    /// arithmetic; stored bf16, to one more rounding.
    private static void check(
            Node made, Map<String, HostTensor> floats, Map<String, Index> indices, Sizes sizes, Class<?> op) {
        for (boolean bf16 : new boolean[] {false, true}) {
            Program program = Program.of(Map.of("y", bf16 ? Expr.neg(made) : made));
            Schedule schedule = Lowering.run(program, Target.DEVICE, LowPrecision.BF16_EVERYWHERE);
            boolean may = op != BilinearOuter.class && op != Sum.class;
            assertEquals(bf16 && may, isBf16(schedule, op), schedule.toString());
            assertTrue(
                    schedule.steps().stream()
                            .filter(step -> step instanceof Call call && op.isInstance(call.op()))
                            .allMatch(step -> schedule.buffers()
                                    .get(((Call) step).inputs().get(features(op)))
                                    .bf16()),
                    schedule.toString());
            // an activation on a grid takes the same tangent of 11 bits with TF32
            double[] want = op == GridActivation.class
                    ? run(program, floats, indices, Precision.TF32, LowPrecision.NONE)
                    : Definition.evaluate(program, floats, indices, sizes)
                            .get("y")
                            .data();
            double[] got = run(program, floats, indices, Precision.BF16, LowPrecision.BF16_EVERYWHERE);
            double arithmetic = 1e-5 * Arrays.stream(want).map(Math::abs).max().orElse(0);
            for (int i = 0; i < want.length; i++) {
                double limit = arithmetic + (bf16 && may ? 1.01 * UNIT * Math.abs(want[i]) : 0);
                assertEquals(want[i], got[i], limit, op.getSimpleName() + ", element " + i + ", bf16 " + bf16);
            }
        }
    }

    /// Which input of an operation holds features.
    private static int features(Class<?> op) {
        return op == Sum.class || op == GridActivation.class ? 0 : 1;
    }

    private static Node stored(String name, Shape shape) {
        return Expr.scale(Expr.input(name, shape), 2);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3})
    void products(int code) {
        boolean transposeA = (code & 1) != 0;
        boolean transposeB = (code & 2) != 0;
        Random random = new Random(code);
        int n = 33;
        Node a = stored("a", transposeA ? Shape.of(7, "N") : Shape.of("N", 7));
        Node b = stored("b", transposeB ? Shape.of(70, 7) : Shape.of(7, 70));
        check(
                Expr.matmul(a, b, transposeA, transposeB),
                Map.of(
                        "a", transposeA ? short32(random, 7, n) : short32(random, n, 7),
                        "b", transposeB ? short32(random, 70, 7) : short32(random, 7, 70)),
                Map.of(),
                new Sizes(Map.of("N", n)),
                MatMul.class);
    }

    /// A rotation of gathered rows, and the sum of rotated rows by segment.
    @ParameterizedTest
    @ValueSource(ints = {1, 8, 33})
    void bilinearMapsBetweenAtomsAndEdges(int channels) {
        BilinearProduct product = (BilinearProduct) Ops.ALL.stream()
                .filter(BilinearProduct.class::isInstance)
                .map(op -> op.samples().getFirst().op())
                .findFirst()
                .orElseThrow();
        Random random = new Random(channels);
        Node index = Expr.index("index", E, Dim.symbol("N"));
        Node a = Expr.input("a", Shape.of(E, product.terms().entries()));
        Node atoms = stored("atoms", Shape.of(Dim.symbol("N"), product.terms().columns(), channels));
        Node edges = stored("edges", Shape.of(E, product.terms().columns(), channels));
        Map<String, HostTensor> floats = Map.of(
                "a", short32(random, 20, product.terms().entries()),
                "atoms", short32(random, 5, product.terms().columns(), channels),
                "edges", short32(random, 20, product.terms().columns(), channels));
        Map<String, Index> indices =
                Map.of("index", new Index(random.ints(20, 0, 5).toArray(), 5));
        Node gathered = Node.of(product, List.of(a, Expr.gather(atoms, index)));
        Node summed = Expr.segmentSum(Node.of(product, List.of(a, edges)), index);
        check(gathered, floats, indices, new Sizes(Map.of("N", 5, "E", 20)), GatherBilinear.class);
        check(summed, floats, indices, new Sizes(Map.of("N", 5, "E", 20)), BilinearSegmentSum.class);
    }

    /// Samples of bilinear maps and of activations on grids, and long sums: rows that no pack of 4 divides among them.
    @Test
    void operationsOverRows() {
        Random random = new Random(3);
        List<Op> ops = List.of(
                Ops.ALL.stream()
                        .filter(BilinearProduct.class::isInstance)
                        .findFirst()
                        .orElseThrow(),
                Ops.ALL.stream()
                        .filter(BilinearOuter.class::isInstance)
                        .findFirst()
                        .orElseThrow(),
                Ops.ALL.stream()
                        .filter(GridActivation.class::isInstance)
                        .findFirst()
                        .orElseThrow());
        for (Op op : ops) {
            for (Sample sample : op.samples()) {
                check(sample.op(), sample.arguments(), random);
            }
        }
        check(
                new Sum(List.of(1)),
                Sample.of(new Sum(List.of(1)), Sample.floats(5, 600)).arguments(),
                random);
        check(
                new Sum(List.of(1)),
                Sample.of(new Sum(List.of(1)), Sample.floats(3, 1027, 5)).arguments(),
                random);
    }

    private static void check(Op op, List<Sample.Argument> arguments, Random random) {
        List<Node> inputs = new ArrayList<>();
        Map<String, HostTensor> floats = new LinkedHashMap<>();
        for (Sample.Argument argument : arguments) {
            String name = "in" + inputs.size();
            Shape shape = ((Sample.Floats) argument).shape();
            inputs.add(stored(name, shape));
            floats.put(name, short32(random, shape.bind(Sizes.NONE)));
        }
        check(Node.of(op, inputs), floats, Map.of(), Sizes.NONE, op.getClass());
    }
}
