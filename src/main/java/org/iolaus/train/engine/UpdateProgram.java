package org.iolaus.train.engine;

import static org.iolaus.op.Expr.add;
import static org.iolaus.op.Expr.broadcast;
import static org.iolaus.op.Expr.constant;
import static org.iolaus.op.Expr.div;
import static org.iolaus.op.Expr.equal;
import static org.iolaus.op.Expr.isFinite;
import static org.iolaus.op.Expr.min;
import static org.iolaus.op.Expr.mul;
import static org.iolaus.op.Expr.parameter;
import static org.iolaus.op.Expr.reshape;
import static org.iolaus.op.Expr.scale;
import static org.iolaus.op.Expr.shift;
import static org.iolaus.op.Expr.sqrt;
import static org.iolaus.op.Expr.squareSums;
import static org.iolaus.op.Expr.sum;
import static org.iolaus.op.Expr.where;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.LongToDoubleFunction;
import java.util.stream.IntStream;
import org.iolaus.ir.Leaf;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.model.Model;
import org.iolaus.nn.Parameters;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.Shape;
import org.iolaus.train.Training;
import org.iolaus.train.engine.FlatLayout.Range;
import org.iolaus.train.optimize.OptimizerType;
import org.iolaus.train.optimize.Update;
import org.iolaus.train.optimize.UpdateRule;
import org.jspecify.annotations.Nullable;

/// What follows when a step's gradient is summed over the ranks, as one program over flat arrays for the host and for
/// devices: norm of the gradient, clipping, the optimizer, averages of the parameters, buffers, the record of losses.
///
/// Loss and norm have to be finite. If one is not, this step and all later ones change nothing but the
/// record: the model and the optimizer stay as they were before. All ranks compute with the same sums, so
/// they do alike.
///
/// Outputs have the names of the leaves whose memory they replace.
final class UpdateProgram {
    // the arrays; only the first two are the model's
    static final String VALUES = "values";
    static final String AVERAGES = "averages";
    static final String GRADIENT = "gradient";
    /// The gradient of earlier micro-batches of the step, with their losses.
    static final String EARLIER = "earlier";
    /// Buffers before the first micro-batch of the step.
    static final String BUFFERS_BEFORE = "buffers before";
    /// What the host says of each step.
    static final String NUMBERS = "numbers";
    /// A row for each of the last steps: the losses as they stand behind the gradient, in the first gap the norm.
    static final String HISTORY = "history";
    /// 1 until something was not finite.
    static final String GUARD = "guard";

    /// Leaves of a device begin at multiples of 16 bytes.
    private static final int NUMBER_STRIDE = 4;

    /// Of the gradient, whose squares are summed side by side.
    private static final int MOST_PARTS = 1024;

    private static final int NUMBERS_OF_A_PART = 1024;

    private static final String AVERAGED = "average parameters";
    private static final String ADDED = "added";
    /// Where in a row of the record the norm stands; a loss is one number, so the next one is a gap.
    static final int NORM = 1;

    /// Where a leaf begins.
    ///
    /// @param start number of the array
    record Place(String array, long start) {}

    /// Buffers that stand side by side in the model and behind the gradient.
    ///
    /// @param value where they stand in the model; likewise `after`, in the gradient
    private record Buffers(Range value, Range after) {
        Shape shape() {
            return rows(value.size());
        }
    }

    private final FlatLayout.Gradient gradientLayout;
    private final UpdateRule rule;
    private final Map<String, Place> places = new LinkedHashMap<>();
    private final Map<String, Long> arrays = new LinkedHashMap<>();
    private final List<Buffers> buffers = new ArrayList<>();
    private final Update update;
    private final Program program;

    /// What decides how a step ends.
    ///
    /// @param clipNorm largest norm of the gradient; null: no limit
    /// @param emaDecay of the averages; null: none are kept
    /// @param accumulates whether several micro-batches make a step
    /// @param history steps that the record holds
    record Settings(
            Training.Optimizer optimizer,
            @Nullable Double clipNorm,
            @Nullable Double emaDecay,
            boolean accumulates,
            int ranks,
            int history) {
        static Settings of(Training training, int ranks, int history) {
            boolean accumulates = training.gradientAccumulationSteps() > 1;
            return new Settings(
                    training.optimizer(),
                    training.gradientClipNorm(),
                    training.emaDecay(),
                    accumulates,
                    ranks,
                    history);
        }
    }

    UpdateProgram(FlatLayout layout, FlatLayout.Gradient gradientLayout, Settings settings) {
        this.gradientLayout = gradientLayout;
        this.rule = OptimizerType.rule(settings.optimizer);
        findBuffers(layout);
        arrays.put(GRADIENT, gradientLayout.size());
        rule.slots().forEach(slot -> arrays.put(slot, layout.trained()));
        arrays.put(HISTORY, settings.history * gradientLayout.losses().size());
        arrays.put(GUARD, (long) FlatLayout.ALIGNMENT);
        if (settings.accumulates) {
            arrays.put(EARLIER, gradientLayout.losses().end());
            arrays.put(
                    BUFFERS_BEFORE,
                    gradientLayout.size() - gradientLayout.losses().end());
        }

        Node gradient = leaf(GRADIENT, GRADIENT, 0, rows(layout.trained()));
        Node loss = leaf("loss", GRADIENT, gradientLayout.losses().start(), Shape.of(1, 1));
        Node numbers = reshape(gradient, Shape.of(layout.trained(), 1));
        int parts = Math.clamp(layout.trained() / NUMBERS_OF_A_PART, 1, MOST_PARTS);
        Node norm = sqrt(sum(squareSums(numbers, parts), 0));
        Node before = leaf(GUARD, GUARD, 0, Shape.of(1, 1));
        Node guard = mul(before, mul(isFinite(loss), isFinite(norm)));
        Double most = settings.clipNorm;
        Node clipped =
                most == null ? gradient : mul(gradient, min(div(constant(most), shift(norm, 1e-6)), constant(1)));
        List<Parameters.Group> undecayed = settings.optimizer.noDecay();
        this.update = new Update(layout.tensors(), spec -> !undecayed.contains(spec.group()), clipped, guard);
        places.put(Update.PARAMETERS, new Place(VALUES, 0));
        rule.slots().forEach(slot -> places.put(slot, new Place(slot, 0)));
        rule.update(update);
        Double decay = settings.emaDecay;
        if (decay != null) {
            Node average = leaf(AVERAGED, AVERAGES, 0, rows(layout.trained()));
            Node parameters = Objects.requireNonNull(update.stored().get(Update.PARAMETERS));
            update.store(AVERAGED, Update.lerp(average, parameters, 1 - decay), average);
        }
        storeBuffers(settings);
        Map<String, Node> outputs = new LinkedHashMap<>(update.stored());
        outputs.put(GUARD, guard);
        outputs.put(HISTORY, history(norm, settings.history));
        for (int i = 0; i < update.numberCount(); i++) {
            places.put(Update.numberName(i), new Place(NUMBERS, (long) NUMBER_STRIDE * i));
        }
        places.put(ADDED, new Place(NUMBERS, (long) NUMBER_STRIDE * update.numberCount()));
        this.program = Program.of(outputs);
    }

    /// A flat array in rows; gaps are part of it.
    private static Shape rows(long numbers) {
        return Shape.of(FlatLayout.aligned(numbers) / Update.ROW, Update.ROW);
    }

    private Node leaf(String name, String array, long start, Shape shape) {
        places.put(name, new Place(array, start));
        return parameter(name, shape);
    }

    private void findBuffers(FlatLayout layout) {
        gradientLayout.buffers().forEach((name, after) -> {
            Range value = layout.range(name);
            Buffers last = buffers.isEmpty() ? null : buffers.getLast();
            if (last != null
                    && FlatLayout.aligned(last.value.end()) == value.start()
                    && FlatLayout.aligned(last.after.end()) == after.start()) {
                buffers.removeLast();
                value = new Range(last.value.start(), value.end());
                after = new Range(last.after.start(), after.end());
            }
            buffers.add(new Buffers(value, after));
        });
    }

    /// Some buffers in the model or in the averages of it.
    private Node buffers(String array, int i) {
        return leaf(
                array + " buffers " + i,
                array,
                buffers.get(i).value.start(),
                buffers.get(i).shape());
    }

    /// The same as a step has set them, summed over the ranks.
    private Node buffersAfter(int i) {
        return leaf(
                "buffers after " + i,
                GRADIENT,
                buffers.get(i).after.start(),
                buffers.get(i).shape());
    }

    private Node buffersBefore(int i) {
        long start = buffers.get(i).after.start() - gradientLayout.losses().end();
        return leaf(
                BUFFERS_BEFORE + " " + i, BUFFERS_BEFORE, start, buffers.get(i).shape());
    }

    /// Buffers become the mean over the ranks, so that replicas stay equal.
    private void storeBuffers(Settings settings) {
        for (int i = 0; i < buffers.size(); i++) {
            Node after = buffersAfter(i);
            Node mean = settings.ranks == 1 ? after : scale(after, 1.0 / settings.ranks);
            Node value = buffers(VALUES, i);
            Node kept = settings.accumulates ? where(added(), buffersBefore(i), value) : value;
            update.store(label(value), mean, kept);
            if (settings.emaDecay != null) {
                Node average = buffers(AVERAGES, i);
                update.store(label(average), mean, average);
            }
        }
    }

    private static String label(Node leaf) {
        return ((Leaf) leaf.op()).label();
    }

    /// Whether earlier micro-batches of the step have left something: 1 or 0.
    private static Node added() {
        return parameter(ADDED, Shape.of(1, 1));
    }

    private Node history(Node norm, int steps) {
        long start = gradientLayout.losses().start();
        int width = Math.toIntExact(gradientLayout.losses().size());
        Shape shape = Shape.of(steps, width);
        Node losses = broadcast(leaf("losses", GRADIENT, start, Shape.of(1, width)), shape);
        Node now = update.number((step, _) -> (double) ((step - 1) % steps));
        Node isNow = equal(broadcast(count(steps, 1), shape), now);
        Node isNorm = equal(broadcast(count(1, width), shape), constant(NORM));
        return where(isNow, where(isNorm, norm, losses), leaf(HISTORY, HISTORY, 0, shape));
    }

    /// 0, 1, 2, ... along one of two axes.
    private static Node count(int rows, int columns) {
        return constant(
                Shape.of(rows, columns),
                IntStream.range(0, rows * columns).asDoubleStream().toArray());
    }

    // what precedes it where several micro-batches make a step

    /// Rows of a part of the gradient.
    static final String ROWS = "R";

    /// Leaf of a part of the gradient, and output; likewise `EARLIER_PART`, of what was kept of it.
    static final String PART = "part";

    static final String EARLIER_PART = "earlier part";

    private static Node part(String name) {
        return parameter(name, Shape.of(ROWS, Update.ROW));
    }

    /// Adds the gradient of earlier micro-batches to a part of the last one's.
    static Program addEarlier() {
        Node part = part(PART);
        return Program.of(Map.of(PART, where(added(), add(part, part(EARLIER_PART)), part)));
    }

    /// Numbers of the gradient that micro-batches add up: all but buffers.
    long accumulated() {
        return gradientLayout.losses().end();
    }

    boolean accumulates() {
        return arrays.containsKey(EARLIER);
    }

    /// Keeps the gradient of a micro-batch for the next one, and the buffers from before the first.
    Program keep() {
        Map<String, Node> outputs = new LinkedHashMap<>();
        Node part = part(PART);
        Node earlier = part(EARLIER_PART);
        outputs.put(EARLIER_PART, where(added(), add(earlier, part), part));
        for (int i = 0; i < buffers.size(); i++) {
            Node value = buffers(VALUES, i);
            Node before = buffersBefore(i);
            outputs.put(label(before), where(added(), before, value));
            outputs.put(label(value), buffersAfter(i));
        }
        return Program.of(outputs);
    }

    // what whoever runs it asks

    Program program() {
        return program;
    }

    UpdateRule rule() {
        return rule;
    }

    /// Index inputs, the same in each step.
    Map<String, Index> indices() {
        return update.indices();
    }

    /// The arrays other than the model's and [#NUMBERS], and how many numbers each holds. They are 0 at first but for
    /// the guard.
    Map<String, Long> arrays() {
        return Collections.unmodifiableMap(arrays);
    }

    /// Where a leaf begins.
    Place place(String leaf) {
        return Objects.requireNonNull(places.get(leaf), leaf);
    }

    /// [#NUMBERS] of a step.
    ///
    /// @param step number of the step, the first one being 1
    /// @param added whether earlier micro-batches have left something
    double[] numbers(long step, double learningRate, boolean added) {
        double[] ofUpdate = update.numbers(step, learningRate);
        double[] all = new double[numberCount()];
        for (int i = 0; i < ofUpdate.length; i++) {
            all[NUMBER_STRIDE * i] = ofUpdate[i];
        }
        all[NUMBER_STRIDE * ofUpdate.length] = added ? 1 : 0;
        return all;
    }

    /// Length of [#NUMBERS].
    int numberCount() {
        return NUMBER_STRIDE * (update.numberCount() + 1);
    }

    /// What a row of the record says.
    TrainingStep.Result result(LongToDoubleFunction row, double globalGraphs) {
        long start = gradientLayout.losses().start();
        long firstTask = gradientLayout.place(Model.TASK_LOSSES).start() - start;
        double[] tasks = new double[gradientLayout.tasks()];
        Arrays.setAll(tasks, task -> row.applyAsDouble(firstTask + task));
        return new TrainingStep.Result(row.applyAsDouble(0), row.applyAsDouble(NORM), tasks, globalGraphs);
    }
}
