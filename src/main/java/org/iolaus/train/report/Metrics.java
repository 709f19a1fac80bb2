package org.iolaus.train.report;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Losses and errors of one split of the data, accumulated batch by batch.
///
/// Everything is kept as sums in one flat array, so that one all-reduce of [#sums] gives the figures of all ranks.
/// Each quantity's error stands beside that of a trivial predictor (an energy from the composition alone, zero
/// forces): what a model has to beat.
public final class Metrics {
    /// Something predicted, for example `forces` in `eV/Å`; the unit may be empty.
    public record Quantity(String name, String unit) {}

    /// Errors of one quantity over all its numbers (components each); NaN when there were none.
    ///
    /// @param mae mean absolute error
    /// @param rmse root mean square error
    public record Errors(long count, double mae, double rmse, double trivialMae, double trivialRmse) {}

    private static final int COUNT = 0;
    private static final int ABSOLUTE = 1;
    private static final int SQUARED = 2;
    private static final int TRIVIAL_ABSOLUTE = 3;
    private static final int TRIVIAL_SQUARED = 4;
    private static final int FIELDS = 5;

    private final List<String> tasks;
    private final List<Quantity> quantities;
    /// weight, weighted loss, weighted loss of each task, then `FIELDS` sums per quantity
    private final double[] sums;

    /// @param tasks names of the terms of the loss
    public Metrics(List<String> tasks, List<Quantity> quantities) {
        this.tasks = List.copyOf(tasks);
        this.quantities = List.copyOf(quantities);
        this.sums = new double[2 + tasks.size() + FIELDS * quantities.size()];
    }

    public List<String> tasks() {
        return tasks;
    }

    public List<Quantity> quantities() {
        return quantities;
    }

    /// The accumulator itself: (K), to be summed over ranks in place or copied to a checkpoint.
    public double[] sums() {
        return sums;
    }

    /// Goes on from sums that a checkpoint held.
    public void load(double[] saved) {
        if (saved.length != sums.length) {
            throw new IllegalArgumentException("Metrics: want " + sums.length + " sums, got " + saved.length);
        }
        System.arraycopy(saved, 0, sums, 0, sums.length);
    }

    public void reset() {
        Arrays.fill(sums, 0);
    }

    /// Adds the loss of a batch.
    ///
    /// @param taskLosses one per task
    /// @param weight number of graphs in the batch: the loss of the split is the mean over graphs
    public void addLoss(double loss, double[] taskLosses, double weight) {
        if (taskLosses.length != tasks.size()) {
            throw new IllegalArgumentException("Metrics: want losses of " + tasks + ", got " + taskLosses.length);
        }
        sums[0] += weight;
        sums[1] += weight * loss;
        for (int task = 0; task < taskLosses.length; task++) {
            sums[2 + task] += weight * taskLosses[task];
        }
    }

    /// Adds predictions of one quantity.
    ///
    /// @param predicted its first `count` numbers count, likewise of the others
    /// @param trivial what the trivial predictor says; null for zeros
    public void add(int quantity, double[] predicted, double[] target, double @Nullable [] trivial, int count) {
        int at = at(quantity);
        double absolute = 0;
        double squared = 0;
        double trivialAbsolute = 0;
        double trivialSquared = 0;
        for (int i = 0; i < count; i++) {
            double error = predicted[i] - target[i];
            double trivialError = (trivial == null ? 0 : trivial[i]) - target[i];
            absolute += Math.abs(error);
            squared += error * error;
            trivialAbsolute += Math.abs(trivialError);
            trivialSquared += trivialError * trivialError;
        }
        sums[at + COUNT] += count;
        sums[at + ABSOLUTE] += absolute;
        sums[at + SQUARED] += squared;
        sums[at + TRIVIAL_ABSOLUTE] += trivialAbsolute;
        sums[at + TRIVIAL_SQUARED] += trivialSquared;
    }

    /// Mean loss over graphs; NaN when there were none.
    public double loss() {
        return sums[1] / sums[0];
    }

    /// Mean of one task's loss over graphs; NaN when there were none.
    public double taskLoss(int task) {
        return sums[2 + task] / sums[0];
    }

    public Errors errors(int quantity) {
        int at = at(quantity);
        double count = sums[at + COUNT];
        return new Errors(
                (long) count,
                sums[at + ABSOLUTE] / count,
                Math.sqrt(sums[at + SQUARED] / count),
                sums[at + TRIVIAL_ABSOLUTE] / count,
                Math.sqrt(sums[at + TRIVIAL_SQUARED] / count));
    }

    private int at(int quantity) {
        return 2 + tasks.size() + FIELDS * quantity;
    }
}
