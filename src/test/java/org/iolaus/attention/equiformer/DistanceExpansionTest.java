package org.iolaus.attention.equiformer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Map;
import java.util.Objects;
import java.util.function.DoubleBinaryOperator;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.nn.Parameters;
import org.iolaus.op.Expr;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Shape;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// The functions of a distance, one by one from their formulas.
final class DistanceExpansionTest {
    private static final int COUNT = 5;
    private static final double STOP = 4;
    private static final double WIDTH = 2;
    private static final double[] DISTANCES = {0.3, 1.7, 3.9, 6.0};

    private static double sigmoid(double t) {
        return 1 / (1 + Math.exp(-t));
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "SILU")
    void areThoseOfTheirFormulas(DistanceExpansion.Function function) {
        double step = STOP / (COUNT - 1);
        DoubleBinaryOperator formula = switch (function) {
            case GAUSSIAN -> (d, mu) -> Math.exp(-Math.pow((d - mu) / (WIDTH * step), 2) / 2);
            case SIGMOID -> (d, mu) -> sigmoid(WIDTH * (d - mu) / step);
            case LINEAR_SIGMOID -> (d, mu) -> sigmoid(WIDTH * (d - mu) / step) + 0.001 * WIDTH * (d - mu) / step;
            case SILU -> throw new AssertionError();
        };
        double[] got = expand(function, new Parameters(), Map.of());
        for (int i = 0; i < DISTANCES.length; i++) {
            for (int k = 0; k < COUNT; k++) {
                double want = formula.applyAsDouble(DISTANCES[i], k * step);
                assertEquals(want, got[i * COUNT + k], 1e-14);
            }
        }
    }

    @Test
    void siluIsThatOfALearnedLine() {
        double[] weight = {1, -2, 0.5, 3, -0.1, 0.2, 0, 1, 2, -3}; // (COUNT, 2): of the distance and of one
        double[] bias = {0.1, 0.2, 0.3, 0.4, 0.5};
        Map<String, HostTensor> values = Map.of(
                "fc1.weight", new HostTensor(new int[] {COUNT, 2}, weight),
                "fc1.bias", new HostTensor(new int[] {COUNT}, bias));
        double[] got = expand(DistanceExpansion.Function.SILU, new Parameters(), values);
        for (int i = 0; i < DISTANCES.length; i++) {
            for (int k = 0; k < COUNT; k++) {
                double line = weight[2 * k] * DISTANCES[i] + weight[2 * k + 1] + bias[k];
                assertEquals(line * sigmoid(line), got[i * COUNT + k], 1e-14);
            }
        }
    }

    private static double[] expand(
            DistanceExpansion.Function function, Parameters parameters, Map<String, HostTensor> values) {
        Node distance = Expr.input("distance", Shape.of("E", 1));
        DistanceExpansion.Settings settings = new DistanceExpansion.Settings(function, 0, STOP, COUNT, WIDTH);
        Node all = new DistanceExpansion(parameters.root(), settings).apply(distance);
        assertEquals(values.keySet(), parameters.specs().keySet());
        HostTensor input = new HostTensor(new int[] {DISTANCES.length, 1}, DISTANCES);
        try (CpuExecutor executor = new CpuExecutor(Program.of(Map.of("all", all)), CpuExecutor.Options.SINGLE)) {
            Map<String, HostTensor> results = executor.run(Map.of("distance", input), Map.of(), values);
            return Objects.requireNonNull(results.get("all")).data();
        }
    }
}
