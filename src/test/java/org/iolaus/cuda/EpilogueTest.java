package org.iolaus.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.iolaus.cuda.DeviceExecutor.Precision;
import org.iolaus.grad.Gradient;
import org.iolaus.ir.Leaf;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.lower.Epilogue;
import org.iolaus.lower.Lowering;
import org.iolaus.lower.Narrowing;
import org.iolaus.lower.Schedule;
import org.iolaus.lower.Schedule.Call;
import org.iolaus.lower.Target;
import org.iolaus.op.Definition;
import org.iolaus.op.Expr;
import org.iolaus.op.MatMul;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.Sizes;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Small products with the loops that follow them, on the emulated device against the definition.
final class EpilogueTest {
    private static final Dim N = Dim.symbol("N");

    private static Node silu(Node x) {
        return Expr.mul(x, Expr.sigmoid(x));
    }

    /// A layer in the manner of PAINN and its gradients: products whose results are read whole, in runs of columns and
    /// in
    /// every third row, sums of two products, products of factors and of transposed ones.
    private static Program layer(int depth, int width) {
        Node x = Expr.input("x", Shape.of(N, depth));
        Node z = Expr.input("z", Shape.of(N, width));
        Node weight = Expr.input("weight", Shape.of(N, 1));
        Node v = Expr.input("v", Shape.of(N, 3, width));
        Node first = Expr.parameter("first", Shape.of(depth, width));
        Node bias = Expr.parameter("bias", Shape.of(width));
        Node second = Expr.parameter("second", Shape.of(width, 3 * width));
        Node across = Expr.parameter("across", Shape.of(width, width));
        Node along = Expr.parameter("along", Shape.of(width, width));
        Node hidden =
                silu(Expr.add(Expr.matmul(x, first), Expr.broadcast(Expr.unsqueeze(bias, 0), Shape.of(N, width))));
        Node three = Expr.matmul(hidden, second);
        Node rows = Expr.reshape(v, Shape.of(Dim.of(3).times(N), Dim.of(width)));
        Node turned = Expr.reshape(Expr.matmul(rows, across), Shape.of(N, 3, width));
        Node length = Expr.sqrt(Expr.shift(Expr.squeeze(Expr.sum(Expr.square(turned), 1), 1), 1));
        Node gate = Expr.add(
                Expr.mul(Expr.slice(three, 1, 0, width), z),
                Expr.mul(Expr.tanh(Expr.slice(three, 1, width, width)), Expr.slice(three, 1, 2 * width, width)));
        Node moved = Expr.mul(v, Expr.unsqueeze(gate, 1));
        Node movedRows = Expr.reshape(moved, Shape.of(Dim.of(3).times(N), Dim.of(width)));
        Node again = Expr.reshape(Expr.matmul(movedRows, along), Shape.of(N, 3, width));
        Node norm =
                Expr.mul(Expr.squeeze(Expr.sum(Expr.square(Expr.scale(again, 1.0 / (width * width))), 1), 1), weight);
        Node end =
                Expr.sin(Expr.add(Expr.matmul(Expr.mul(norm, z), across), Expr.matmul(Expr.mul(norm, length), along)));
        Node sum = Expr.sumAll(end);
        Map<String, Node> outputs = new LinkedHashMap<>();
        outputs.put("end", end);
        List<Node> of = List.of(x, z, v, first, bias, second, across, along);
        List<Node> gradients = Gradient.of(sum, of);
        for (int i = 0; i < gradients.size(); i++) {
            outputs.put("gradient of " + ((Leaf) of.get(i).op()).label(), gradients.get(i));
        }
        return Program.of(outputs);
    }

    @ParameterizedTest
    @CsvSource({
        "FP32, 50, 17",
        "FP32, 100, 20",
        "FP32, 64, 40",
        "TF32, 64, 33",
        "BF16, 64, 40",
        "BF16, 20, 18",
        "FP64, 20, 20"
    })
    void productsWithLoopsAgreeWithTheirDefinition(Precision precision, int depth, int width) {
        Program program = layer(depth, width);
        Narrowing narrowing = precision == Precision.BF16 ? Narrowing.ALL : Narrowing.NONE;
        Schedule schedule = Lowering.run(program, Target.DEVICE, narrowing);
        Collection<Epilogue> epilogues = Epilogue.of(schedule).values();
        String all = schedule + "\n" + epilogues;
        for (int parts = 1; parts <= 3; parts++) {
            int count = parts;
            assertTrue(epilogues.stream().anyMatch(one -> one.parts().size() == count), all);
        }
        assertTrue(epilogues.stream().anyMatch(one -> one.products().size() == 2), all);
        assertTrue(epilogues.stream().anyMatch(one -> one.written().isEmpty()), all);
        assertTrue(epilogues.stream().anyMatch(one -> !one.written().isEmpty()), all);
        assertTrue(epilogues.stream().anyMatch(one -> one.rest() != null), all);
        assertTrue(epilogues.stream().anyMatch(one -> one.parts().stream().anyMatch(part -> part.every() == 3)), all);
        for (boolean transposed : new boolean[] {false, true}) {
            assertTrue(
                    epilogues.stream()
                            .flatMap(one -> one.products().stream())
                            .anyMatch(step ->
                                    ((MatMul) ((Call) schedule.steps().get(step)).op()).transposeB() == transposed),
                    all);
        }
        Random random = new Random(width);
        Map<String, HostTensor> parameters = new LinkedHashMap<>();
        program.parameters()
                .forEach((name, type) ->
                        parameters.put(name, random(random, type.shape().bind(Sizes.NONE))));
        try (DeviceRuntime device = Emulated.runtime();
                DeviceExecutor executor = new DeviceExecutor(device, program, precision, narrowing)) {
            for (int atoms : new int[] {1, 70, 0, 33}) {
                Sizes sizes = new Sizes(Map.of("N", atoms));
                Map<String, HostTensor> floats = new LinkedHashMap<>();
                program.inputs()
                        .forEach((name, type) ->
                                floats.put(name, random(random, type.shape().bind(sizes))));
                Map<String, HostTensor> bound = new LinkedHashMap<>(floats);
                bound.putAll(parameters);
                Map<String, HostTensor> want = Definition.evaluate(program, bound, Map.of(), sizes);
                Map<String, HostTensor> got = executor.run(floats, Map.of(), parameters);
                Map<String, HostTensor> again = executor.run(floats, Map.of(), parameters);
                // a dozen roundings follow one another, of sums of up to 3 x 70 terms of both signs
                double unit = precision == Precision.FP64
                        ? 0x1p-53
                        : precision == Precision.BF16 ? 0x1p-9 : precision == Precision.TF32 ? 0x1p-11 : 0x1p-24;
                want.forEach((name, tensor) -> {
                    double scale =
                            Arrays.stream(tensor.data()).map(Math::abs).max().orElse(0);
                    for (int i = 0; i < tensor.data().length; i++) {
                        String what = name + "[" + i + "] of " + atoms + " atoms\n" + all;
                        assertEquals(tensor.data()[i], got.get(name).data()[i], 24 * unit * Math.max(1, scale), what);
                        assertEquals(got.get(name).data()[i], again.get(name).data()[i], what);
                    }
                });
            }
        }
    }

    private static HostTensor random(Random random, int... shape) {
        double[] values = random.doubles(HostTensor.volume(shape), -1, 1)
                .map(value -> (float) value)
                .toArray();
        return new HostTensor(shape, values);
    }
}
