package org.iolaus.train.engine;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.LongToDoubleFunction;
import java.util.function.Predicate;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.model.Model;
import org.iolaus.nn.Parameters;
import org.iolaus.nn.Parameters.Role;
import org.iolaus.nn.Parameters.Spec;
import org.iolaus.train.optimize.Update;

/// Where the numbers of a model stand in flat arrays, on the host and on a device: first all that is trained, in order
/// of creation, then frozen weights and buffers. Each begins at a multiple of [#ALIGNMENT] numbers; the gaps are 0.
///
/// Averages of the parameters have the same layout; gradients and the optimizer's state have that of what is trained.
final class FlatLayout {
    /// Numbers; a row of an optimizer's arrays belongs to one parameter.
    static final int ALIGNMENT = Update.ROW;

    /// The numbers from `start` (inclusive) to `end` (exclusive).
    record Range(long start, long end) {
        long size() {
            return end - start;
        }
    }

    private final Parameters parameters;
    private final Map<String, Range> ranges = new LinkedHashMap<>();
    private final long trained;
    private final long size;

    FlatLayout(Parameters parameters) {
        this.parameters = parameters;
        this.trained = place(0, spec -> spec.role() == Role.TRAINED);
        this.size = place(trained, spec -> spec.role() != Role.TRAINED);
    }

    private long place(long from, Predicate<Spec> wanted) {
        long end = from;
        for (Spec spec : parameters.specs().values()) {
            if (wanted.test(spec)) {
                ranges.put(spec.name(), new Range(end, end + spec.size()));
                end += aligned(spec.size());
            }
        }
        return end;
    }

    /// Numbers that an array of `n` occupies.
    static long aligned(long n) {
        return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    Parameters parameters() {
        return parameters;
    }

    /// Numbers of what is trained, with the gaps.
    long trained() {
        return trained;
    }

    /// Numbers of everything, with the gaps.
    long size() {
        return size;
    }

    /// Where a parameter or buffer stands.
    Range range(String name) {
        return Objects.requireNonNull(ranges.get(name), name);
    }

    /// A parameter or buffer.
    Spec spec(String name) {
        return Objects.requireNonNull(parameters.specs().get(name), name);
    }

    private List<Spec> trainedSpecs() {
        return parameters.specs().values().stream()
                .filter(spec -> spec.role() == Role.TRAINED)
                .toList();
    }

    /// What is trained, without the gaps.
    ///
    /// @param array in this layout
    double[] withoutGaps(LongToDoubleFunction array) {
        double[] values = new double[Math.toIntExact(parameters.count(Role.TRAINED))];
        int next = 0;
        for (Spec spec : trainedSpecs()) {
            for (long at = range(spec.name()).start; at < range(spec.name()).end; at++) {
                values[next++] = array.applyAsDouble(at);
            }
        }
        return values;
    }

    /// Receives numbers of a flat array.
    interface Target {
        void set(long at, double value);
    }

    /// The reverse of [#withoutGaps]; leaves the gaps as they are.
    void withGaps(double[] values, Target array) {
        int next = 0;
        for (Spec spec : trainedSpecs()) {
            for (long at = range(spec.name()).start; at < range(spec.name()).end; at++) {
                array.set(at, values[next++]);
            }
        }
    }

    /// What is trained, as an optimizer sees it.
    List<Update.Tensor> tensors() {
        return trainedSpecs().stream()
                .map(spec -> new Update.Tensor(
                        spec,
                        Math.toIntExact(range(spec.name()).start / ALIGNMENT),
                        Math.toIntExact(aligned(spec.size()) / ALIGNMENT)))
                .toList();
    }

    /// A stretch of a gradient that is summed over ranks in one message.
    ///
    /// @param outputs of the training program that fill it
    record GradientBucket(Range range, Set<String> outputs) {}

    /// The flat array that a training program fills and that is summed over ranks: the gradient of what is trained,
    /// behind it the loss and its terms, then the buffers that a step sets.
    ///
    /// @param places of the program's outputs
    /// @param buckets of the gradient, one after another; the last one holds what follows it
    /// @param losses the loss and its terms
    /// @param buffers those that a step sets, by their names in the model
    record Gradient(Map<String, Range> places, List<GradientBucket> buckets, Range losses, Map<String, Range> buffers) {
        Gradient {
            places = Collections.unmodifiableMap(new LinkedHashMap<>(places));
            buckets = List.copyOf(buckets);
            buffers = Collections.unmodifiableMap(new LinkedHashMap<>(buffers));
        }

        /// Where an output stands.
        Range place(String output) {
            return Objects.requireNonNull(places.get(output), output);
        }

        /// Numbers of all.
        long size() {
            return buckets.getLast().range.end;
        }

        /// Number of losses by task.
        int tasks() {
            return (int) place(Model.TASK_LOSSES).size();
        }
    }

    /// Where a training program's outputs stand.
    ///
    /// @param bucketNumbers numbers from which a bucket is full
    Gradient gradient(Program program, long bucketNumbers) {
        Map<String, Range> places = new LinkedHashMap<>();
        List<GradientBucket> buckets = new ArrayList<>();
        long start = 0;
        Set<String> outputs = new TreeSet<>();
        for (Spec spec : trainedSpecs()) {
            Range range = range(spec.name());
            if (range.start - start >= bucketNumbers && !outputs.isEmpty()) {
                buckets.add(new GradientBucket(new Range(start, range.start), outputs));
                start = range.start;
                outputs = new TreeSet<>();
            }
            outputs.add(Model.GRADIENT + spec.name());
            places.put(Model.GRADIENT + spec.name(), range);
        }
        buckets.add(new GradientBucket(new Range(start, trained), outputs));
        Map<String, Range> rest = new LinkedHashMap<>();
        long end = trained;
        for (String name : List.of(Model.LOSS, Model.TASK_LOSSES)) {
            end = place(rest, name, program, end);
        }
        Range losses = new Range(trained, end);
        Map<String, Range> buffers = new LinkedHashMap<>();
        for (String name : program.outputs().keySet()) {
            if (name.startsWith(Model.BUFFER_AFTER)) {
                end = place(rest, name, program, end);
                buffers.put(name.substring(Model.BUFFER_AFTER.length()), rest.get(name));
            }
        }
        buckets.add(new GradientBucket(new Range(trained, end), rest.keySet()));
        places.putAll(rest);
        return new Gradient(places, buckets, losses, buffers);
    }

    /// Places an output behind others.
    ///
    /// @return where the next one may begin
    private static long place(Map<String, Range> places, String output, Program program, long at) {
        Node node = Objects.requireNonNull(program.outputs().get(output));
        Range range = new Range(at, at + node.shape().volume().intValue());
        places.put(output, range);
        return aligned(range.end);
    }
}
