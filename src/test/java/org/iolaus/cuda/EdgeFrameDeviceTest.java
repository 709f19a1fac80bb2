package org.iolaus.cuda;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.grad.Gradient;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.lower.Precision;
import org.iolaus.nn.so3.EdgeFrame;
import org.iolaus.nn.so3.Rotation;
import org.iolaus.op.Expr;
import org.iolaus.so3.CoefficientMapping;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Shape;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// The frames of edges, rotations and their derivatives on the emulated device: in double as on the CPU, in
/// float with errors of single rounding steps, at the poles too.
final class EdgeFrameDeviceTest {
    private static final int EDGES = 40;

    @ParameterizedTest
    @EnumSource(names = {"FP64", "FP32"})
    void agreesWithTheCpu(Precision precision) {
        CoefficientMapping mapping = CoefficientMapping.of(4, 2);
        Rotation rotation = new Rotation(mapping, Rotation.Order.M_MAJOR);
        Node vector = Expr.input("vector", Shape.of("E", 3));
        Node x = Expr.input("x", Shape.of("E", mapping.fullSize(), 8));
        Node key = Expr.input("key", Shape.of(2));
        EdgeFrame smooth = EdgeFrame.smooth(vector, mapping);
        Node roll = EdgeFrame.randomRoll(key, 3, Dim.symbol("E"));
        Node there = rotation.toEdge(smooth.wigner(), x);
        Node back = rotation.toGlobal(smooth.wigner(), smooth.activate(rotation, there, Expr::tanh));
        Node energy = Expr.sumAll(Expr.mul(back, x));
        Node gradient = Gradient.of(energy, List.of(vector)).getFirst();
        Map<String, Node> outputs = new LinkedHashMap<>();
        outputs.put("wigner", smooth.wigner());
        outputs.put("rolled", EdgeFrame.rolled(vector, roll, mapping).wigner());
        outputs.put("there", there);
        outputs.put("back", back);
        outputs.put("gradient", gradient);
        outputs.put(
                "second",
                Gradient.of(Expr.sumAll(Expr.square(gradient)), List.of(vector)).getFirst());
        Program program = Program.of(outputs);

        Random random = new Random(4);
        double[] vectors = random.doubles(EDGES * 3L, -2, 2).map(v -> (float) v).toArray();
        System.arraycopy(new double[] {0, 1.5, 0, 0, -1.5, 0, 1e-6, -1, 2e-6}, 0, vectors, 0, 9);
        double[] coefficients = random.doubles((long) EDGES * mapping.fullSize() * 8, -1, 1)
                .map(v -> (float) v)
                .toArray();
        Map<String, HostTensor> floats = Map.of(
                "vector", new HostTensor(new int[] {EDGES, 3}, vectors),
                "x", new HostTensor(new int[] {EDGES, mapping.fullSize(), 8}, coefficients),
                "key", new HostTensor(new int[] {2}, new double[] {17, 4}));
        Map<String, HostTensor> want;
        try (CpuExecutor cpu = new CpuExecutor(program, CpuExecutor.Options.SINGLE)) {
            want = cpu.run(floats, Map.of(), Map.of());
        }
        try (EmulatedRuntime runtime = Emulated.runtime();
                DeviceExecutor executor = new DeviceExecutor(runtime, program, precision)) {
            Map<String, HostTensor> got = executor.run(floats, Map.of(), Map.of());
            double unit = precision == Precision.FP64 ? 0x1p-53 : 0x1p-24;
            want.forEach((name, tensor) -> {
                double size = Arrays.stream(tensor.data()).map(Math::abs).max().orElseThrow();
                double error = 0;
                for (int i = 0; i < tensor.data().length; i++) {
                    error = Math.max(
                            error, Math.abs(tensor.data()[i] - got.get(name).data()[i]));
                }
                // the direction's rounding reaches harmonics of degree l with a factor l, and again with each
                // derivative
                int order = name.equals("second") ? 2 : name.equals("gradient") ? 1 : 0;
                double limit = 32 * Math.pow(mapping.lmax(), order) * unit;
                assertTrue(error <= limit * size, name + ": want at most " + limit + ", got " + error / size);
            });
        }
    }
}
