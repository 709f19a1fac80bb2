package org.iolaus.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.iolaus.grad.Gradient;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.lower.LowPrecision;
import org.iolaus.lower.Lowering;
import org.iolaus.lower.MemoryPlan;
import org.iolaus.lower.Precision;
import org.iolaus.lower.Schedule;
import org.iolaus.lower.Schedule.Call;
import org.iolaus.lower.Target;
import org.iolaus.lower.Tf32Operands;
import org.iolaus.op.Expr;
import org.iolaus.op.MatMul;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.Sizes;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Products of floats as products in TF32, on the emulated device against the definition.
final class Tf32x3Test {
    private static final Dim E = Dim.symbol("E");

    // the parts of a number

    private static double[] split(boolean other, double... values) {
        try (Emulated memory = new Emulated(4)) {
            long x = memory.numbers(values);
            long y = memory.empty(3L * values.length);
            memory.kernels.split(other, x, y, 1, values.length).forEach(memory.device::start);
            return memory.read(y, 3 * values.length);
        }
    }

    private static boolean isTf32(double value) {
        return (Float.floatToRawIntBits((float) value) & (1 << 13) - 1) == 0;
    }

    @Test
    void highAndLowAreTheNumber() {
        Random random = new Random(5);
        double[] values = random.doubles(997)
                .map(x -> (float) ((x - 0.5) * Math.scalb(1.0, random.nextInt(-100, 127))))
                .toArray();
        int n = values.length;
        double[] one = split(false, values);
        double[] other = split(true, values);
        double[] defined = new double[3 * n];
        new Tf32Operands(false, false)
                .cpu(new HostCall(
                        new HostView(defined, 0, new int[] {1, 3, n}),
                        List.of(HostCall.Argument.of(new HostView(values, 0, new int[] {1, n})))));
        assertArrayEquals(defined, one);
        boolean rounded = false;
        for (int i = 0; i < n; i++) {
            double high = one[i];
            double low = one[n + i];
            assertEquals(values[i], high + low, 0x1p-22 * Math.abs(values[i]), "high and low of " + values[i]);
            assertTrue(Math.abs(low) <= 0x1p-11 * Math.abs(high), high + " and " + low);
            assertTrue(isTf32(high) && isTf32(low), high + " and " + low);
            assertEquals(high, one[2 * n + i]);
            assertEquals(high, other[i]);
            assertEquals(high, other[n + i]);
            assertEquals(low, other[2 * n + i]);
            rounded |= high + low != values[i];
        }
        assertTrue(rounded, "some number has more digits than its parts");
    }

    @Test
    void theEndsOfTheRange() {
        double inf = Double.POSITIVE_INFINITY;
        double largest = Float.MAX_VALUE;
        double[] values = {inf, -inf, Double.NaN, largest, -largest, 0, Float.MIN_VALUE, 0x1p-130 + 0x1p-145};
        int n = values.length;
        double[] parts = split(false, values);
        for (int i = 0; i < 3; i++) {
            assertEquals(values[i], parts[i]);
            assertEquals(0, parts[n + i]);
            assertEquals(0, parts[2 * n + i]);
        }
        for (int i = 3; i < n; i++) {
            double bound = Math.max(0x1p-137, 0x1p-21 * Math.abs(values[i]));
            assertEquals(values[i], parts[i] + parts[n + i], bound);
            assertTrue(Double.isFinite(parts[i]) && Double.isFinite(parts[n + i]));
        }
    }

    // products

    @ParameterizedTest
    @CsvSource({"false, false", "false, true", "true, false", "true, true"})
    void productsAreAsGoodAsThoseOfFloats(boolean transposeA, boolean transposeB) {
        MatMul op = new MatMul(transposeA, transposeB);
        List<Tf32x3Products.Size> sizes = new ArrayList<>();
        for (int m : new int[] {1, 31, 127}) {
            for (int k : new int[] {2, 33, 700}) {
                sizes.add(new Tf32x3Products.Size(m, 32, k, 1));
                sizes.add(new Tf32x3Products.Size(m, 5, k, 3));
            }
        }
        sizes.add(new Tf32x3Products.Size(3, 5, 5000, 1)); // in several pieces
        try (DeviceRuntime device = Emulated.runtime()) {
            double largest = 0;
            for (Tf32x3Products.Size size : sizes) {
                double error = Tf32x3Products.error(device, Precision.TF32X3, op, size, size.n() == 5);
                assertTrue(error < 1, size + ": " + error);
                largest = Math.max(largest, error);
            }
            double fewer =
                    Tf32x3Products.error(device, Precision.TF32, op, new Tf32x3Products.Size(200, 160, 200, 1), false);
            assertTrue(fewer > 4, "TF32 alone is not as good: " + fewer);
            assertTrue(largest > 1e-3, "some rounding: " + largest);
        }
    }

    @Test
    void infinitiesAreThoseOfFloats() {
        double inf = Double.POSITIVE_INFINITY;
        HostTensor a = new HostTensor(new int[] {4, 2}, new double[] {inf, 1, -inf, 1, 3e30, 1.1, Double.NaN, 1});
        HostTensor b = new HostTensor(new int[] {2, 2}, new double[] {1, 1.1, 2, -1e30});
        HostTensor large = new HostTensor(new int[] {2, 2}, new double[] {3e30, 1.1e30, 2, -1e30});
        try (DeviceRuntime device = Emulated.runtime()) {
            for (boolean transposed : new boolean[] {false, true}) {
                MatMul op = new MatMul(false, transposed);
                double[] floats = Tf32x3Products.product(device, Precision.FP32, op, a, b);
                double[] parts = Tf32x3Products.product(device, Precision.TF32X3, op, a, b);
                for (int i = 0; i < floats.length; i++) {
                    double limit = Double.isFinite(floats[i]) ? 1e-6 * Math.abs(floats[i]) : 0;
                    assertEquals(floats[i], parts[i], limit, Arrays.toString(parts));
                }
                // what overflows may be no number, but is not finite
                double[] over = Tf32x3Products.product(device, Precision.TF32X3, op, a, large);
                assertTrue(!Double.isFinite(over[4]), Arrays.toString(over));
            }
        }
    }

    // which products

    /// Layers with a weight each, and the gradients of their sum by the weights.
    private static Program training(Dim rows, int width, int layers) {
        Node h = Expr.input("x", Shape.of(rows, Dim.of(width)));
        List<Node> weights = new ArrayList<>();
        for (int layer = 0; layer < layers; layer++) {
            weights.add(Expr.parameter("w" + layer, Shape.of(width, width)));
            h = Expr.tanh(Node.of(new MatMul(false, layer % 2 == 0), List.of(h, weights.getLast())));
        }
        Node loss = Expr.sumAll(Expr.square(h));
        List<Node> gradients = Gradient.of(loss, weights);
        Map<String, Node> outputs = new LinkedHashMap<>();
        outputs.put("loss", loss);
        for (int layer = 0; layer < layers; layer++) {
            outputs.put("w" + layer, gradients.get(layer));
        }
        return Program.of(outputs);
    }

    private static long count(Program program, Class<?> op) {
        return Lowering.run(program, Target.DEVICE, LowPrecision.TF32X3).steps().stream()
                .filter(step -> step instanceof Call call && op.isInstance(call.op()))
                .count();
    }

    @Test
    void largeProductsAreSplit() {
        assertTrue(count(training(E, 256, 2), Tf32Operands.class) > 0);
        assertTrue(count(training(Dim.of(256), 256, 2), Tf32Operands.class) > 0);
        assertEquals(0, count(training(E, 255, 2), Tf32Operands.class));
        assertEquals(0, count(training(Dim.symbol("G"), 256, 2), Tf32Operands.class));
    }

    /// Parts are shared by products that are near, and split again for the backward pass.
    @Test
    void partsAreNotKept() {
        int layers = 60;
        Program program = training(E, 256, layers);
        Schedule schedule = Lowering.run(program, Target.DEVICE, LowPrecision.TF32X3);
        List<Integer> parts = schedule.steps().stream()
                .filter(step -> step instanceof Call call && call.op() instanceof Tf32Operands)
                .map(step -> ((Call) step).out())
                .toList();
        long longest = parts.stream()
                .map(schedule.buffers()::get)
                .mapToLong(buffer -> buffer.death() - buffer.birth())
                .max()
                .orElseThrow();
        assertTrue(
                longest < schedule.steps().size() / 4,
                longest + " of " + schedule.steps().size() + " steps");
        // forward x and w; backward the cotangent, once where it is a left factor twice, x and w
        assertTrue(parts.size() <= 5 * layers, parts.size() + " splits");
        Sizes sizes = new Sizes(Map.of("E", 10_000));
        long kept = MemoryPlan.of(Lowering.run(program, Target.DEVICE), sizes).elements();
        long more = MemoryPlan.of(schedule, sizes).elements() - kept;
        assertTrue(more < 0.25 * kept, "more by " + (double) more / kept);
    }
}
