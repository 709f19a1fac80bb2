package org.iolaus.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iolaus.grad.Gradient;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.lower.Precision;
import org.iolaus.op.BilinearTerms;
import org.iolaus.op.Expr;
import org.iolaus.op.ProductGrid;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.Sizes;
import org.junit.jupiter.api.Test;

/// What a program does before its first run.
final class DeviceProgramTest {

    /// Loops, bilinear maps there and back with their gradients, an activation on a grid.
    private static Program program() {
        Dim n = Dim.symbol("N");
        Dim e = Dim.symbol("E");
        BilinearTerms terms = new BilinearTerms(
                4, 3, 4, List.of(new BilinearTerms.Term(0, 1, 2, 0.5), new BilinearTerms.Term(3, 2, 1, -2)));
        ProductGrid grid =
                new ProductGrid(3, new int[] {0, 0, 1, -1}, new double[] {1, 2, 3, 4}, new double[] {4, 3, 2, 1});
        Node x = Expr.input("x", Shape.of(n, 4, 8));
        Node a = Expr.input("a", Shape.of(e, 3));
        Node source = Expr.index("source", e, n);
        Node there = Expr.bilinear(terms, a, Expr.gather(x, source));
        Node active = Expr.gridActivation(grid, there);
        Node back = Expr.segmentSum(Expr.bilinear(terms.transposed(), a, active), source);
        Node sum = Expr.sumAll(Expr.mul(Expr.sin(back), x));
        List<Node> gradients = Gradient.of(sum, List.of(x, a));
        Map<String, Node> outputs = new LinkedHashMap<>();
        outputs.put("sum", sum);
        outputs.put("x", gradients.get(0));
        outputs.put("a", gradients.get(1));
        return Program.of(outputs);
    }

    /// Addresses that nothing is ever put at.
    private static final class Nowhere implements DeviceProgram.Places {
        @Override
        public long arena() {
            return 1 << 20;
        }

        @Override
        public long workspace() {
            return 2 << 20;
        }

        @Override
        public long inputs() {
            return 3 << 20;
        }

        @Override
        public long parameter(String name) {
            return 4 << 20;
        }

        @Override
        public long output(String name) {
            return 5 << 20;
        }
    }

    @Test
    void generatedKernelsOfAllKindsAreCompiledAtOnceAndBeforeTheyAreNeeded() {
        List<Set<DeviceRuntime.Source>> compiled = new ArrayList<>();
        try (DeviceRuntime emulated = Emulated.runtime()) {
            DeviceRuntime watched = (DeviceRuntime) Proxy.newProxyInstance(
                    DeviceProgramTest.class.getClassLoader(),
                    new Class<?>[] {DeviceRuntime.class},
                    (self, method, arguments) -> {
                        if (method.getName().equals("compile") && arguments[0] instanceof List<?> sources) {
                            Set<DeviceRuntime.Source> all = new HashSet<>();
                            sources.forEach(source -> all.add((DeviceRuntime.Source) source));
                            compiled.add(all);
                        }
                        try {
                            return method.invoke(emulated, arguments);
                        } catch (InvocationTargetException e) {
                            throw e.getCause();
                        }
                    });
            try (DeviceProgram program = new DeviceProgram(watched, program(), Precision.FP32, null)) {
                assertEquals(0, compiled.size(), "room alone needs no kernels");
                program.load();
                assertEquals(1, compiled.size());
                Set<DeviceRuntime.Source> ahead = compiled.getFirst();
                for (String kind : List.of("fused loops", "bilinear map", "activation on a grid")) {
                    assertTrue(ahead.stream().anyMatch(source -> source.name().startsWith(kind)), kind);
                }
                for (int edges : new int[] {5, 40}) {
                    program.bind(new Sizes(Map.of("N", 3, "E", edges)), Set.of(), new Nowhere());
                }
                compiled.forEach(needed -> assertTrue(ahead.containsAll(needed)));
            }
        }
    }
}
