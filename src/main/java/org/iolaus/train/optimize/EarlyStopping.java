package org.iolaus.train.optimize;

import org.iolaus.train.Checks;

/// Stops a run whose validation loss has been worse than its best for `patience` epochs in a row. As in HydraGNN an
/// equal loss starts the count anew; unlike there NaN is never the best.
public final class EarlyStopping {
    /// Everything that changes from epoch to epoch.
    public record State(double best, int badEpochs) {}

    private final int patience;
    private State state = new State(Double.POSITIVE_INFINITY, 0);

    /// @param patience epochs, HydraGNN's default being 10
    public EarlyStopping(int patience) {
        Checks.positive("EarlyStopping: patience", patience);
        this.patience = patience;
    }

    public State state() {
        return state;
    }

    public void load(State saved) {
        state = saved;
    }

    /// Takes the validation loss of the epoch that just ended.
    ///
    /// @return whether the run should stop
    public boolean step(double loss) {
        state = loss <= state.best ? new State(loss, 0) : new State(state.best, state.badEpochs + 1);
        return state.badEpochs >= patience;
    }
}
