package org.iolaus.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.Map;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.lower.Precision;
import org.iolaus.op.Definition;
import org.iolaus.op.Expr;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.Sizes;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// What operations make of numbers that are not finite, in the definition, in loops on the host and on the device.
final class NonFiniteTest {

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
