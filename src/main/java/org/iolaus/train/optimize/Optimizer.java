package org.iolaus.train.optimize;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.iolaus.train.Contract;

/// Applies an `UpdateRule` to the flat parameter vector, leaves frozen ranges untouched, and owns the rule's state:
/// one flat array (P) per slot. A frozen element neither moves (not by weight decay either) nor counts in the gradient
/// norm; an undecayed one follows the rule without its weight decay.
public final class Optimizer {
    /// The elements `start` (inclusive) to `end` (exclusive) of the flat vector.
    public record Range(int start, int end) {
        public Range {
            if (start < 0 || end < start) {
                throw new IllegalArgumentException(
                        "Optimizer.Range: want 0 <= start <= end, got " + start + " and " + end);
            }
        }
    }

    private final UpdateRule rule;
    private final int size;
    private final List<Range> trainable;
    private final List<Group> groups;
    private final double[][] state;
    private long steps;

    /// Elements that follow the same rule.
    private record Group(UpdateRule rule, List<Range> ranges) {}

    /// One whose parameters all decay.
    public Optimizer(UpdateRule rule, int size, List<Range> frozen) {
        this(rule, size, frozen, List.of());
    }

    /// @param size P, the number of parameters
    /// @param frozen ranges that stay as they are, in any order; they may overlap
    /// @param undecayed ranges without weight decay, likewise
    public Optimizer(UpdateRule rule, int size, List<Range> frozen, List<Range> undecayed) {
        this.rule = rule;
        this.size = size;
        this.trainable = complement(size, frozen);
        List<Range> decayed = complement(size, join(frozen, undecayed));
        this.groups = List.of(
                new Group(rule, decayed), new Group(rule.withoutDecay(), complement(size, join(frozen, decayed))));
        this.state = new double[rule.slots().size()][size];
        for (double[] slot : state) {
            Arrays.fill(slot, rule.initial());
        }
    }

    private static List<Range> join(List<Range> some, List<Range> others) {
        List<Range> all = new ArrayList<>(some);
        all.addAll(others);
        return all;
    }

    private static List<Range> complement(int size, List<Range> frozen) {
        List<Range> trainable = new ArrayList<>();
        int start = 0;
        for (Range range :
                frozen.stream().sorted(Comparator.comparingInt(Range::start)).toList()) {
            if (range.end() > size) {
                throw new IllegalArgumentException(
                        "Optimizer: want ranges within " + size + " parameters, got " + range);
            }
            if (range.start() > start) {
                trainable.add(new Range(start, range.start()));
            }
            start = Math.max(start, range.end());
        }
        if (start < size) {
            trainable.add(new Range(start, size));
        }
        return List.copyOf(trainable);
    }

    public UpdateRule rule() {
        return rule;
    }

    /// Number of steps made so far.
    public long steps() {
        return steps;
    }

    /// One step.
    ///
    /// @param parameters (P), overwritten
    /// @param gradients (P), mean over the whole batch of all ranks
    public void step(double[] parameters, double[] gradients, double learningRate) {
        requireRoom("parameters", parameters);
        requireRoom("gradients", gradients);
        steps++;
        for (Group group : groups) {
            for (Range range : group.ranges) {
                group.rule.update(parameters, gradients, state, range.start(), range.end(), steps, learningRate);
            }
        }
    }

    /// Euclidean norm of the trainable part of the gradient.
    public double gradientNorm(double[] gradients) {
        requireRoom("gradients", gradients);
        double sum = 0;
        for (Range range : trainable) {
            for (int i = range.start(); i < range.end(); i++) {
                sum += gradients[i] * gradients[i];
            }
        }
        return Math.sqrt(sum);
    }

    /// Scales the gradient so that its global norm is at most `maximumNorm` (PyTorch's `clip_grad_norm_`).
    ///
    /// @return the norm before clipping; when it is not finite the gradient is left as it is
    public double clip(double[] gradients, double maximumNorm) {
        Contract.positive("Optimizer: maximum gradient norm", maximumNorm);
        double norm = gradientNorm(gradients);
        double factor = maximumNorm / (norm + 1e-6);
        if (factor < 1 && norm < Double.POSITIVE_INFINITY) {
            for (Range range : trainable) {
                for (int i = range.start(); i < range.end(); i++) {
                    gradients[i] *= factor;
                }
            }
        }
        return norm;
    }

    /// A copy of the state: slot name to array (P).
    public Map<String, double[]> state() {
        Map<String, double[]> copy = new LinkedHashMap<>();
        for (int slot = 0; slot < state.length; slot++) {
            copy.put(rule.slots().get(slot), state[slot].clone());
        }
        return copy;
    }

    /// Continues from a state that `state` gave.
    ///
    /// @throws IllegalArgumentException when slots or sizes are not this optimizer's; nothing is changed then
    public void load(long steps, Map<String, double[]> saved) {
        if (steps < 0 || !saved.keySet().equals(Set.copyOf(rule.slots()))) {
            throw new IllegalArgumentException("Optimizer state: want " + rule.kind() + "'s slots " + rule.slots()
                    + " and steps >= 0, got " + saved.keySet() + " and " + steps);
        }
        saved.forEach(this::requireSize);
        for (int slot = 0; slot < state.length; slot++) {
            double[] values = Objects.requireNonNull(saved.get(rule.slots().get(slot)));
            System.arraycopy(values, 0, state[slot], 0, size);
        }
        this.steps = steps;
    }

    /// Others may follow the numbers that count.
    private void requireRoom(String what, double[] values) {
        if (values.length < size) {
            throw new IllegalArgumentException(
                    "Optimizer " + what + ": want at least " + size + " elements, got " + values.length);
        }
    }

    private void requireSize(String what, double[] values) {
        if (values.length != size) {
            throw new IllegalArgumentException(
                    "Optimizer " + what + ": want " + size + " elements, got " + values.length);
        }
    }
}
