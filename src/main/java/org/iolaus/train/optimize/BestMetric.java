package org.iolaus.train.optimize;

import org.iolaus.train.Checks;

/// Decides which epochs are worth keeping as the best model: those whose metric is not above any before. The first
/// `warmup - 1` epochs do not count (HydraGNN's `checkpoint_warmup`), unless the run is over and there is no other.
public final class BestMetric {
    /// Everything that changes from epoch to epoch.
    ///
    /// @param value the best metric so far, infinity if none
    /// @param epoch the epoch that gave it, counted from zero, -1 if none
    public record State(double value, int epoch) {}

    private final int warmup;
    private State state = new State(Double.POSITIVE_INFINITY, -1);

    public BestMetric(int warmup) {
        Checks.notNegative("BestMetric: warmup", warmup);
        this.warmup = warmup;
    }

    public State state() {
        return state;
    }

    public void load(State saved) {
        state = saved;
    }

    /// Takes the metric of an epoch, counted from zero.
    ///
    /// @param last whether the run ends with it
    /// @return whether it is the best so far; never for NaN
    public boolean offer(int epoch, double metric, boolean last) {
        boolean counts = epoch + 1 >= warmup || (last && state.epoch < 0);
        if (!counts || !(metric <= state.value)) {
            return false;
        }
        state = new State(metric, epoch);
        return true;
    }
}
