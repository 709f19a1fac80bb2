package org.iolaus.attention.equiformer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.grad.Gradient;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.nn.Activation;
import org.iolaus.op.Expr;
import org.iolaus.so3.CoefficientMapping;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Shape;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The activation on a grid that is never written against its definition: to the grid, SiLU, and back, each
/// written; with derivatives to the third order.
final class S2ActivationTest {
    private static final int CHANNELS = 3;

    @ParameterizedTest
    @CsvSource({"6,2,18", "5,3,14", "4,4,0", "3,0,0", "0,0,0"})
    void agreesWithItsComposition(int lmax, int mmax, int resolution) {
        Integer points = resolution == 0 ? null : resolution;
        GridTransform edges = GridTransform.ofEdges(CoefficientMapping.of(lmax, mmax), points);
        int r = CoefficientMapping.of(lmax, mmax).reducedSize();
        check(edges, r);
        check(GridTransform.ofNodes(lmax, points), (lmax + 1) * (lmax + 1));
    }

    private static void check(GridTransform grid, int coefficients) {
        Random random = new Random(coefficients);
        Map<String, HostTensor> floats = new LinkedHashMap<>();
        for (String name : List.of("x", "first", "second", "third")) {
            int[] shape = {4, coefficients, CHANNELS};
            floats.put(
                    name,
                    new HostTensor(
                            shape,
                            random.doubles(HostTensor.volume(shape), -2, 2).toArray()));
        }
        Map<String, HostTensor> want = run(x -> grid.from(Activation.SILU.apply(grid.to(x))), coefficients, floats);
        Map<String, HostTensor> got = run(x -> S2Activation.plain(x, grid), coefficients, floats);
        want.forEach(
                (name, tensor) -> assertArrayEquals(tensor.data(), got.get(name).data(), 1e-10, name));
    }

    /// The result, and one directional derivative after another.
    private static Map<String, HostTensor> run(
            UnaryOperator<Node> activation, int coefficients, Map<String, HostTensor> floats) {
        Node x = Expr.input("x", Shape.of("E", coefficients, CHANNELS));
        Node value = activation.apply(x);
        Map<String, Node> outputs = new LinkedHashMap<>();
        outputs.put("value", value);
        for (String name : List.of("first", "second", "third")) {
            Node direction = Expr.input(name, Shape.of("E", coefficients, CHANNELS));
            value = Gradient.of(Expr.sumAll(Expr.mul(value, direction)), List.of(x))
                    .getFirst();
            outputs.put("after " + name, value);
        }
        try (CpuExecutor executor = new CpuExecutor(Program.of(outputs), CpuExecutor.Options.SINGLE)) {
            return executor.run(floats, Map.of(), Map.of());
        }
    }
}
