package org.iolaus.verify;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.iolaus.grad.Gradient;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.ir.ProgramExecutor;
import org.iolaus.ir.Sample;
import org.iolaus.lower.Precision;
import org.iolaus.op.Expr;
import org.iolaus.op.Ops;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.Sizes;

/// Every operation's samples on a device against their definition, with first and second derivatives.
public final class OpVerification {
    /// The outcome for one operation.
    ///
    /// @param error largest |a-b| over the largest |b| of its arrays; NaN if a result is not a number
    /// @param repeats whether a second run gave the same bits
    public record Line(String operation, double error, boolean repeats, boolean ok) {}

    private OpVerification() {}

    /// Sums of some hundred terms and library functions of a few units in the last place lie well below these.
    public static double tolerance(Precision precision) {
        return switch (precision) {
            case FP64 -> 1e-12;
            case FP32, TF32X3 -> 2e-5;
            case TF32 -> 5e-3;
            case BF16 -> 4e-2;
        };
    }

    /// All operations in one program, so that the device compiles once.
    public static List<Line> run(Devices devices, double tolerance, long seed) {
        Samples samples = new Samples(seed);
        Program program = Program.of(samples.outputs);
        Map<String, HostTensor> want;
        try (ProgramExecutor cpu = Devices.cpu().executor(program)) {
            want = cpu.run(samples.floats, samples.indices, Map.of());
        }
        Map<String, HostTensor> got;
        Map<String, HostTensor> again;
        // samples are small: with bfloat16, all that may be is stored in it
        try (ProgramExecutor executor =
                devices.executor(program, devices.precision().lowPrecision().everywhere())) {
            got = executor.run(samples.floats, samples.indices, Map.of());
            again = executor.run(samples.floats, samples.indices, Map.of());
        }
        Map<String, Line> lines = new LinkedHashMap<>();
        want.forEach((name, tensor) -> {
            double[] mine = Objects.requireNonNull(got.get(name)).data();
            boolean repeats =
                    Arrays.equals(mine, Objects.requireNonNull(again.get(name)).data());
            double error = error(mine, tensor.data());
            String operation = name.substring(0, name.indexOf(' '));
            Line before = lines.getOrDefault(operation, new Line(operation, 0, true, true));
            lines.put(
                    operation,
                    new Line(
                            operation,
                            Math.max(before.error(), error),
                            before.repeats() && repeats,
                            before.ok() && repeats && error <= tolerance));
        });
        return List.copyOf(lines.values());
    }

    private static double error(double[] mine, double[] theirs) {
        double difference = 0;
        double size = 1e-30;
        for (int i = 0; i < theirs.length; i++) {
            double d = Math.abs(mine[i] - theirs[i]);
            difference = Double.isNaN(d) ? Double.NaN : Math.max(difference, d);
            size = Math.max(size, Math.abs(theirs[i]));
        }
        return difference / Math.max(size, 1e-3);
    }

    /// Every sample with random arguments: the result, gradients of a random projection, gradients of those.
    private static final class Samples {
        private final Map<String, HostTensor> floats = new LinkedHashMap<>();
        private final Map<String, Index> indices = new LinkedHashMap<>();
        private final Map<String, Node> outputs = new LinkedHashMap<>();
        private final Random random;
        private int count;

        Samples(long seed) {
            random = new Random(seed);
            Ops.ALL.forEach(op -> op.samples().forEach(this::add));
        }

        private void add(Sample sample) {
            String label = sample.op().name() + " " + count++ + " ";
            List<Node> inputs = new ArrayList<>();
            List<Node> variables = new ArrayList<>();
            for (Sample.Argument argument : sample.arguments()) {
                String name = label + "in" + inputs.size();
                switch (argument) {
                    case Sample.Floats f -> {
                        Node variable = variable(name, f.shape(), f.low(), f.high());
                        inputs.add(variable);
                        variables.add(variable);
                    }
                    case Sample.Indices i -> {
                        indices.put(name, draw(i));
                        inputs.add(Expr.index(name, Dim.of(i.length()), Dim.of(i.range())));
                    }
                }
            }
            Node result = Node.of(sample.op(), inputs);
            outputs.put(label + "result", result);
            Node weight = variable(label + "weight", result.shape(), -1, 1);
            variables.add(weight);
            List<Node> first = Gradient.of(Expr.sumAll(Expr.mul(result, weight)), variables);
            Node projection = Expr.constant(0);
            for (int i = 0; i < variables.size(); i++) {
                outputs.put(label + "d" + i, first.get(i));
                Node direction = variable(label + "direction" + i, first.get(i).shape(), -1, 1);
                projection = Expr.add(projection, Expr.sumAll(Expr.mul(first.get(i), direction)));
            }
            List<Node> second = Gradient.of(projection, variables);
            for (int i = 0; i < variables.size(); i++) {
                outputs.put(label + "dd" + i, second.get(i));
            }
        }

        private Node variable(String name, Shape shape, double low, double high) {
            int[] extents = shape.bind(Sizes.NONE);
            double[] data =
                    random.doubles(HostTensor.volume(extents), low, high).toArray();
            floats.put(name, new HostTensor(extents, data));
            return Expr.input(name, shape);
        }

        private Index draw(Sample.Indices wanted) {
            int[] values = random.ints(wanted.length(), 0, wanted.range())
                    .map(v -> v == 1 && wanted.range() > 2 ? 2 : v)
                    .toArray();
            if (wanted.sorted()) {
                Arrays.sort(values);
            }
            return new Index(values, wanted.range());
        }
    }
}
