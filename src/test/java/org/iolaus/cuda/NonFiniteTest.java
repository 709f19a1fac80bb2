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
import java.util.stream.Stream;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.grad.Gradient;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Program;
import org.iolaus.ir.ProgramExecutor;
import org.iolaus.lower.Precision;
import org.iolaus.nn.Activation;
import org.iolaus.nn.Cutoff;
import org.iolaus.nn.Loss;
import org.iolaus.nn.Parameters;
import org.iolaus.nn.Scope;
import org.iolaus.op.Definition;
import org.iolaus.op.Expr;
import org.iolaus.op.Ops;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.Sizes;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// What operations make of numbers that are not finite: in the definition, in loops on the host and on the device.
/// A NaN must reach the result and the gradients of first and second order, or a layer could die in silence.
final class NonFiniteTest {
    private static final int ROWS = 9;
    private static final Scope SCOPE = new Parameters().root();

    /// Operands whose NaN is no NaN in the result, and what the result is instead.
    private static final Map<String, Double> SWALLOWED =
            Map.of("Less 0", 0.0, "Less 1", 0.0, "Equal 0", 0.0, "Equal 1", 0.0, "IsFinite 0", 0.0, "Step 0", 1.0);

    /// The numbers of row 4 are NaN, those of all others are not.
    private static HostTensor withNan(Random random) {
        double[] values = random.doubles(ROWS, 0.3, 2).toArray();
        values[4] = Double.NaN;
        return HostTensor.of(new int[] {ROWS, 1}, values);
    }

    private static HostTensor finite(Random random) {
        return HostTensor.of(new int[] {ROWS, 1}, random.doubles(ROWS, 0.3, 2).toArray());
    }

    /// Runs a program everywhere; the results are in the order: definition, host, device in double, device in float.
    private static List<Map<String, HostTensor>> everywhere(Map<String, Node> outputs, Map<String, HostTensor> bound) {
        Program program = Program.of(outputs);
        List<Map<String, HostTensor>> results = new ArrayList<>();
        results.add(Definition.evaluate(program, bound, Map.of(), new Sizes(Map.of("N", ROWS))));
        try (CpuExecutor host = new CpuExecutor(program, CpuExecutor.Options.SINGLE);
                DeviceRuntime device = Emulated.runtime();
                ProgramExecutor full = new DeviceExecutor(device, program, Precision.FP64);
                ProgramExecutor single = new DeviceExecutor(device, program, Precision.FP32)) {
            for (ProgramExecutor executor : List.of(host, full, single)) {
                results.add(executor.run(bound, Map.of(), Map.of()));
            }
        }
        return results;
    }

    private static Stream<Op> pointwise() {
        return Ops.ALL.stream().filter(Pointwise.class::isInstance);
    }

    @Test
    void nanInAnyOperandIsNanInTheResult() {
        Random random = new Random(3);
        Map<String, HostTensor> bound = new LinkedHashMap<>();
        Map<String, Node> outputs = new LinkedHashMap<>();
        bound.put("zero", HostTensor.of(new int[] {ROWS, 1}, new double[ROWS]));
        pointwise().forEach(op -> {
            int operands = op.samples().getFirst().arguments().size();
            for (int nan = 0; nan < operands; nan++) {
                List<Node> inputs = new ArrayList<>();
                for (int i = 0; i < operands; i++) {
                    // of Where, the operand that has the NaN is chosen
                    boolean unchosen = op.name().equals("Where") && i == 0 && nan == 2;
                    String name = unchosen ? "zero" : op.name() + nan + i;
                    bound.putIfAbsent(name, i == nan ? withNan(random) : finite(random));
                    inputs.add(Expr.input(name, Shape.of("N", 1)));
                }
                if (!(op.name().equals("Where") && nan == 0)) {
                    outputs.put(
                            op.name() + " " + nan,
                            Node.of(op.samples().getFirst().op(), inputs));
                }
            }
        });
        assertTrue(outputs.size() > 25, outputs::toString);
        for (Map<String, HostTensor> result : everywhere(outputs, bound)) {
            result.forEach((name, tensor) -> {
                double want = SWALLOWED.getOrDefault(name, Double.NaN);
                assertEquals(want, tensor.data()[4], name + " of NaN");
                for (int row = 0; row < ROWS; row++) {
                    assertTrue(row == 4 || Double.isFinite(tensor.data()[row]), name + ", row " + row);
                }
            });
        }
    }

    @Test
    void whereTakesNanForTrueAndIgnoresWhatItDoesNotChoose() {
        Node a = Expr.input("a", Shape.of("N", 1));
        Node b = Expr.input("b", Shape.of("N", 1));
        Node zero = Expr.input("zero", Shape.of("N", 1));
        Random random = new Random(4);
        HostTensor whole = finite(random);
        Map<String, HostTensor> bound =
                Map.of("a", withNan(random), "b", whole, "zero", HostTensor.of(new int[] {ROWS, 1}, new double[ROWS]));
        Map<String, Node> outputs = new LinkedHashMap<>();
        outputs.put("by NaN", Expr.where(a, b, zero));
        outputs.put("unchosen", Expr.where(zero, a, b));
        for (Map<String, HostTensor> result : everywhere(outputs, bound)) {
            result.forEach((name, tensor) -> assertArrayEquals(whole.data(), tensor.data(), 1e-6, name));
        }
    }

    /// Functions of one argument that models are made of.
    private static Map<String, Node> functions(Node x) {
        Map<String, Node> made = new LinkedHashMap<>();
        for (Activation.Type type : Activation.Type.values()) {
            if (type != Activation.Type.PRELU) { // as LRELU, with a slope that is learned
                made.put(type.name(), Activation.of(type, SCOPE).apply(x));
            }
        }
        made.put("shifted softplus", Activation.SHIFTED_SOFTPLUS.apply(x));
        made.put("clamp", Expr.clamp(x, -1, 1));
        made.put("cosine cutoff", Cutoff.cosine(x, 3));
        made.put("polynomial cutoff", Cutoff.polynomial(x, 3, 5));
        for (Loss loss : Loss.values()) {
            Node one = Expr.full(x.shape(), 1);
            made.put(loss.name(), loss.apply(x, one, one, one, Expr.constant(ROWS), Expr.constant(1)));
        }
        pointwise().forEach(op -> {
            Op sample = op.samples().getFirst().op();
            if (sample.samples().getFirst().arguments().size() == 1) {
                made.put(op.name(), Node.of(sample, x));
            } else if (!op.name().equals("Where")) {
                Node half = Expr.full(x.shape(), 0.5);
                made.put(op.name() + " left", Node.of(sample, x, half));
                made.put(op.name() + " right", Node.of(sample, half, x));
            }
        });
        return made;
    }

    /// `sum of (f(x))^2`, its gradient and that of the gradient's squares are NaN where x is, as a loss has them.
    @Test
    void nanReachesGradientsOfBothOrders() {
        Random random = new Random(5);
        Map<String, HostTensor> bound = new LinkedHashMap<>();
        Map<String, Node> outputs = new LinkedHashMap<>();
        functions(Expr.input("x", Shape.of("N", 1))).keySet().forEach(name -> {
            Node x = Expr.input(name, Shape.of("N", 1));
            Node loss = Expr.sumAll(Expr.square(functions(x).get(name)));
            if (Gradient.depends(loss, x) && !isConstantInPieces(name)) {
                bound.put(name, withNan(random));
                Node first = Gradient.of(loss, List.of(x)).getFirst();
                outputs.put(name + ", value", loss);
                outputs.put(name + ", first order", first);
                outputs.put(
                        name + ", second order",
                        Gradient.of(Expr.sumAll(Expr.square(first)), List.of(x)).getFirst());
            }
        });
        assertTrue(outputs.size() > 100, outputs::toString);
        for (Map<String, HostTensor> result : everywhere(outputs, bound)) {
            result.forEach((name, tensor) -> assertTrue(
                    Double.isNaN(tensor.data()[tensor.data().length == 1 ? 0 : 4]),
                    () -> name + ": " + Arrays.toString(tensor.data())));
        }
    }

    /// Functions without a gradient.
    private static boolean isConstantInPieces(String name) {
        return List.of("Sign", "Step", "IsFinite", "Detach", "Less left", "Less right", "Equal left", "Equal right")
                .contains(name);
    }

    @ParameterizedTest
    @EnumSource(
            value = Precision.class,
            names = {"FP64", "FP32"})
    void isFiniteIsZeroForNanAndInfinities(Precision precision) {
        Node x = Expr.input("x", Shape.of("N", 1));
        Program program = Program.of(Map.of("finite", Expr.isFinite(x)));
        double[] values = {
            Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 0, -0.0, Float.MAX_VALUE, Float.MIN_VALUE
        };
        double[] want = {0, 0, 0, 1, 1, 1, 1};
        Map<String, HostTensor> bound = Map.of("x", HostTensor.of(new int[] {values.length, 1}, values));
        Sizes sizes = new Sizes(Map.of("N", values.length));
        Map<String, HostTensor> defined = Definition.evaluate(program, bound, Map.of(), sizes);
        assertArrayEquals(want, defined.get("finite").data(), "definition");
        try (CpuExecutor host = new CpuExecutor(program, CpuExecutor.Options.SINGLE)) {
            assertArrayEquals(
                    want, host.run(bound, Map.of(), Map.of()).get("finite").data(), "host");
        }
        try (DeviceRuntime device = Emulated.runtime();
                DeviceExecutor executor = new DeviceExecutor(device, program, precision)) {
            assertArrayEquals(
                    want, executor.run(bound, Map.of(), Map.of()).get("finite").data(), "device");
        }
    }
}
