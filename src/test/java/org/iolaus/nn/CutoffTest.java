package org.iolaus.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.grad.Gradient;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.op.Expr;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Shape;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class CutoffTest {

    private static Map<String, HostTensor> at(int exponent, double... distances) {
        Node d = Expr.input("d", Shape.of("E", 1));
        Node value = Cutoff.polynomial(d, 5, exponent);
        Node slope = Gradient.of(Expr.sumAll(value), List.of(d)).getFirst();
        Node curvature = Gradient.of(Expr.sumAll(slope), List.of(d)).getFirst();
        Map<String, Node> outputs = new LinkedHashMap<>();
        outputs.put("value", value);
        outputs.put("slope", slope);
        outputs.put("curvature", curvature);
        try (CpuExecutor executor = new CpuExecutor(Program.of(outputs), CpuExecutor.Options.SINGLE)) {
            HostTensor input = new HostTensor(new int[] {distances.length, 1}, distances);
            return executor.run(Map.of("d", input), Map.of(), Map.of());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 5, 6, 9})
    void polynomialVanishesSmoothly(int exponent) {
        double[] near = {5 - 1e-6, 5, 5 + 1e-6, 7};
        at(exponent, near).forEach((name, tensor) -> assertArrayEquals(new double[4], tensor.data(), 1e-4, name));
        double[] values = at(exponent, 0.01, 1, 2.5, 4, 4.9).get("value").data();
        assertEquals(1, values[0], exponent == 2 ? 3e-5 : 1e-6);
        for (int i = 1; i < values.length; i++) {
            assertTrue(0 < values[i] && values[i] < values[i - 1]);
        }
        double x = 0.8;
        double p = exponent;
        double want = 1
                - (p + 1) * (p + 2) / 2 * Math.pow(x, p)
                + p * (p + 2) * Math.pow(x, p + 1)
                - p * (p + 1) / 2 * Math.pow(x, p + 2);
        assertEquals(want, values[3], 1e-13);
    }

    @Test
    void exponentIsChecked() {
        assertThrows(IllegalArgumentException.class, () -> at(0, 1));
    }
}
