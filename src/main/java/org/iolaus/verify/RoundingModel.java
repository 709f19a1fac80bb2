package org.iolaus.verify;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Leaf;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Program;
import org.iolaus.ir.View;
import org.iolaus.lower.Lowering;
import org.iolaus.lower.Precision;
import org.iolaus.lower.Simplify;
import org.iolaus.op.Constant;
import org.iolaus.op.GridActivation;
import org.iolaus.op.MatMul;
import org.iolaus.op.Scale;
import org.iolaus.op.Shift;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// How far rounding may take each output of a program, from the number of roundings in it.
///
/// The model is the usual statistical one (Higham, Accuracy and Stability of Numerical Algorithms, section
/// 2.8): roundings are independent, of mean zero, and of the size of the unit roundoff u; n of them one after
/// another come to `u sqrt(n)`. Rounding by u here takes a number to one of its two neighbours among the
/// numbers of spacing 2 u, at random, the nearer one with the higher probability; what is such a number stays
/// (0 and 1 among them, so what saturates stays saturated).
///
/// - Inputs, parameters and constants are rounded by u, the unit roundoff of what is stored.
/// - The result of an operation with n roundings, its multiply-adds by [Op#cost], is rounded by `u sqrt(n)`.
/// - A sum of k terms meets partial sums that may be larger than its result: its terms are rounded by `u
/// sqrt(k)` before.
/// - What a device stores in bfloat16 is rounded by 2^-8. Then the program is the one that the device's schedule was
/// made from.
/// - The factors of a matrix product in TF32, and what an activation on a grid reads, are rounded by v, their
/// own unit roundoff.
///
/// What becomes of these at the outputs, where some cancel and others are amplified, is not estimated but
/// computed: the program runs in float64 with them in place, `RUNS` times, beside once without. The deviation
/// of an output is the root mean square over the runs of its largest change; the tolerance is `FACTOR` times
/// that. If nothing cancels and nothing is amplified, the deviation is about `u sqrt(n)` of the largest number,
/// n being the roundings on the longest path.
public final class RoundingModel {
    /// How many deviations a result may be off.
    public static final double FACTOR = 8;

    /// Unit roundoff of bfloat16.
    private static final double BF16_UNIT = 0x1p-8;

    /// The root mean square of so many runs is known to about an eighth.
    private static final int RUNS = 32;
    private static final long SEED = 0x10_1A05;

    private final Program program;
    private final Set<Node> bf16;
    private final ReferenceCase.Batch batch;
    private final Map<String, HostTensor> parameters;
    private final Sizes sizes;
    private final double unit;
    private final Precision precision;

    private RoundingModel(
            Lowering.Stored stored,
            ReferenceCase.Batch batch,
            Map<String, HostTensor> parameters,
            Precision precision) {
        this.program = stored.program();
        this.bf16 = stored.bf16();
        this.batch = batch;
        this.parameters = parameters;
        this.sizes = program.sizes(batch.floats(), batch.indices());
        this.unit = unit(precision);
        this.precision = precision;
    }

    /// The tolerances of all outputs: the largest differences that the model allows.
    public static Map<String, Double> of(
            Program program, ReferenceCase.Batch batch, Map<String, HostTensor> parameters, Precision precision) {
        Lowering.Stored stored = precision.lowPrecision().isBf16()
                ? Lowering.stored(program, precision.lowPrecision())
                : new Lowering.Stored(Simplify.run(program), Set.of());
        return new RoundingModel(stored, batch, parameters, precision).bounds();
    }

    /// Unit roundoff of what is stored in full: half the distance of neighbours, relative.
    private static double unit(Precision precision) {
        return precision == Precision.FP64 ? 0x1p-53 : 0x1p-24;
    }

    /// Unit roundoff of what an operation multiplies or takes functions of, where that has fewer digits than what is
    /// stored: the factors of matrix products, and what activations on grids take fast functions of.
    /// Factors that are stored in bfloat16 have been rounded before.
    private double factorUnit(Node node) {
        boolean few = precision.isFast();
        return switch (node.op()) {
            case MatMul _ when bf16.contains(node.input(0)) -> 0;
            case MatMul _, GridActivation _ when few -> 0x1p-11;
            default -> 0;
        };
    }

    private Map<String, Double> bounds() {
        Map<String, double[]> exact = run(null);
        Map<String, Double> squares = new HashMap<>();
        SplittableRandom random = new SplittableRandom(SEED);
        List<SplittableRandom> randoms =
                Stream.generate(random::split).limit(RUNS).toList();
        List<Map<String, Double>> changes =
                randoms.parallelStream().map(own -> changes(own, exact)).toList();
        changes.forEach(run -> run.forEach((name, change) -> squares.merge(name, change * change / RUNS, Double::sum)));
        Map<String, Double> bounds = new LinkedHashMap<>();
        squares.forEach((name, square) -> bounds.put(name, FACTOR * Math.sqrt(square)));
        return bounds;
    }

    /// The largest change of each output in one run.
    private Map<String, Double> changes(SplittableRandom random, Map<String, double[]> exact) {
        Map<String, Double> changes = new HashMap<>();
        run(random)
                .forEach((name, values) ->
                        changes.put(name, largestDifference(values, Objects.requireNonNull(exact.get(name)))));
        return changes;
    }

    private static double largestDifference(double[] a, double[] b) {
        double largest = 0;
        for (int i = 0; i < a.length; i++) {
            largest = Math.max(largest, Math.abs(a[i] - b[i]));
        }
        return largest;
    }

    /// Runs the program once.
    ///
    /// @param random of the roundings; null: none
    private Map<String, double[]> run(@Nullable SplittableRandom random) {
        Map<Node, Integer> users = new HashMap<>();
        program.nodes().forEach(node -> node.inputs().forEach(input -> users.merge(input, 1, Integer::sum)));
        program.outputs().values().forEach(node -> users.merge(node, 1, Integer::sum));
        Map<Node, HostCall.Argument> values = new HashMap<>();
        for (Node node : program.nodes()) {
            List<HostCall.Argument> arguments = new ArrayList<>();
            for (Node input : node.inputs()) {
                arguments.add(Objects.requireNonNull(values.get(input)));
                if (users.merge(input, -1, Integer::sum) == 0) {
                    values.remove(input);
                }
            }
            HostCall.Argument given = node.inputs().isEmpty() ? given(node) : null;
            if (given != null) {
                HostView view = given.view();
                values.put(
                        node,
                        view == null
                                ? given
                                : HostCall.Argument.of(random == null ? view : rounded(view, unit, random)));
            } else {
                apply(node, arguments, values, random);
            }
        }
        Map<String, double[]> outputs = new LinkedHashMap<>();
        program.outputs().forEach((name, node) -> {
            HostView view = Objects.requireNonNull(
                    Objects.requireNonNull(values.get(node)).view());
            outputs.put(name, Arrays.copyOfRange(view.data(), view.offset(), view.offset() + view.volume()));
        });
        return outputs;
    }

    /// A value that comes from outside or is constant; null for what is computed.
    private HostCall.@Nullable Argument given(Node node) {
        if (node.op() instanceof Constant constant) {
            double[] values =
                    constant.values().stream().mapToDouble(Double::doubleValue).toArray();
            return HostCall.Argument.of(new HostView(values, 0, node.shape().bind(sizes)));
        }
        if (!(node.op() instanceof Leaf leaf)) {
            return null;
        }
        if (node.type().isIndex()) {
            Index index = batch.indices().get(leaf.label());
            return HostCall.Argument.of(Objects.requireNonNull(index, leaf.label()));
        }
        HostTensor tensor =
                leaf.kind() == Leaf.Kind.INPUT ? batch.floats().get(leaf.label()) : parameters.get(leaf.label());
        return HostCall.Argument.of(new HostView(Objects.requireNonNull(tensor, leaf.label())));
    }

    /// Runs an operation with its roundings.
    private void apply(
            Node node,
            List<HostCall.Argument> arguments,
            Map<Node, HostCall.Argument> values,
            @Nullable SplittableRandom random) {
        int[] shape = node.shape().bind(sizes);
        HostView out = new HostView(new double[Math.toIntExact(HostTensor.volume(shape))], 0, shape);
        double own = roundings(node, out.volume());
        boolean adds = !(node.op() instanceof Pointwise) && own > 0;
        List<HostCall.Argument> terms = arguments;
        if (random != null && adds) {
            double factors = factorUnit(node);
            terms = new ArrayList<>();
            for (HostCall.Argument argument : arguments) {
                // one input's change is the change of each term; more would count it twice
                double size = Math.max(factors, terms.isEmpty() ? unit * Math.sqrt(own + 1.0) : 0);
                HostView view = argument.view();
                terms.add(view == null ? argument : HostCall.Argument.of(rounded(view, size, random)));
            }
        }
        Op op = random == null
                ? node.op()
                : switch (node.op()) {
                    case Scale scale -> new Scale(rounded(scale.factor(), Math.getExponent(unit), random));
                    case Shift shift -> new Shift(rounded(shift.offset(), Math.getExponent(unit), random));
                    default -> node.op();
                };
        op.cpu(new HostCall(out, terms));
        double stored = bf16.contains(node) ? BF16_UNIT : 0;
        HostView result = random == null ? out : rounded(out, Math.max(stored, unit * Math.sqrt(own)), random);
        values.put(node, HostCall.Argument.of(result));
    }

    /// How many roundings lie one after another in an element of the result: one of a function of single numbers, one
    /// for each multiply-add of a sum.
    private double roundings(Node node, int elements) {
        if (node.op() instanceof Pointwise) {
            return 1;
        }
        long flops = node.op() instanceof View ? 0 : node.op().cost(node, sizes).flops();
        return flops / 2.0 / Math.max(1, elements);
    }

    /// Numbers rounded by `size`, which is taken to the nearest power of 2.
    private static HostView rounded(HostView view, double size, SplittableRandom random) {
        if (size == 0) {
            return view;
        }
        int digits = (int) Math.rint(Math.log(size) / Math.log(2));
        double[] data = new double[view.volume()];
        for (int i = 0; i < data.length; i++) {
            data[i] = rounded(view.get(i), digits, random);
        }
        return new HostView(data, 0, view.shape());
    }

    /// A number rounded by `2^digits`.
    private static double rounded(double value, int digits, SplittableRandom random) {
        if (value == 0 || !Double.isFinite(value)) {
            return value;
        }
        double spacing = Math.scalb(1.0, Math.getExponent(value) + 1 + digits);
        return Math.floor(value / spacing + random.nextDouble()) * spacing;
    }
}
