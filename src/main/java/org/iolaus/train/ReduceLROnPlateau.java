package org.iolaus.train;

/// Multiplies the learning rate by `factor` when the metric (smaller is better) has not improved for more than
/// `patience` epochs: PyTorch's scheduler of the same name in mode "min" with a relative threshold.
public final class ReduceLROnPlateau {
    /// The settings; `HYDRAGNN` are the ones that HydraGNN trains with.
    ///
    /// @param threshold an improvement is a metric below `best * (1 - threshold)`
    /// @param cooldown epochs after a reduction in which bad epochs do not count
    /// @param minimum learning rate that no reduction goes below
    /// @param epsilon a reduction by no more than this is left out
    public record Settings(
            double factor, int patience, double threshold, int cooldown, double minimum, double epsilon) {
        public static final Settings HYDRAGNN = new Settings(0.5, 5, 1e-4, 0, 1e-5, 1e-8);

        public Settings {
            Contract.fraction("ReduceLROnPlateau: factor", factor);
            Contract.notNegative("ReduceLROnPlateau: patience", patience);
            Contract.fraction("ReduceLROnPlateau: threshold", threshold);
            Contract.notNegative("ReduceLROnPlateau: cooldown", cooldown);
            Contract.notNegative("ReduceLROnPlateau: min_lr", minimum);
            Contract.notNegative("ReduceLROnPlateau: eps", epsilon);
        }
    }

    /// Everything that changes from epoch to epoch.
    public record State(double learningRate, double best, int badEpochs, int cooldownLeft) {}

    private final Settings settings;
    private State state;

    public ReduceLROnPlateau(Settings settings, double learningRate) {
        Contract.notNegative("ReduceLROnPlateau: learning rate", learningRate);
        this.settings = settings;
        this.state = new State(learningRate, Double.POSITIVE_INFINITY, 0, 0);
    }

    public double learningRate() {
        return state.learningRate;
    }

    public State state() {
        return state;
    }

    public void load(State saved) {
        state = saved;
    }

    /// Takes the metric of the epoch that just ended; NaN is no improvement.
    ///
    /// @return whether the learning rate was reduced
    public boolean step(double metric) {
        boolean improved = metric < state.best * (1 - settings.threshold);
        double best = improved ? metric : state.best;
        int bad = improved ? 0 : state.badEpochs + 1;
        int cooldown = state.cooldownLeft;
        if (cooldown > 0) {
            cooldown--;
            bad = 0;
        }
        double rate = state.learningRate;
        if (bad > settings.patience) {
            double reduced = Math.max(rate * settings.factor, settings.minimum);
            rate = rate - reduced > settings.epsilon ? reduced : rate;
            bad = 0;
            cooldown = settings.cooldown;
        }
        boolean reduced = rate != state.learningRate;
        state = new State(rate, best, bad, cooldown);
        return reduced;
    }
}
