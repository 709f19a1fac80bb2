package org.iolaus.train.optimize;

import org.iolaus.train.Checks;
import org.iolaus.train.Training;
import org.jspecify.annotations.Nullable;

/// Multiplies the learning rate by `factor` when the metric (smaller is better) has not improved for more than
/// `patience` epochs: PyTorch's scheduler of the same name in mode "min" with a relative threshold.
public final class ReduceLROnPlateau {
    /// A reduction by no more than this is left out.
    private static final double SMALLEST_CHANGE = 1e-8;

    /// Everything that changes from epoch to epoch.
    public record State(double learningRate, double best, int badEpochs, int cooldownLeft) {}

    private final Training.@Nullable ReduceLrOnPlateau settings;
    private State state;

    /// @param settings null: the learning rate stays as it is
    public ReduceLROnPlateau(Training.@Nullable ReduceLrOnPlateau settings, double learningRate) {
        Checks.notNegative("Optimizer: learning_rate", learningRate);
        if (settings != null) {
            Checks.fraction("ReduceLROnPlateau: factor", settings.factor());
            Checks.fraction("ReduceLROnPlateau: threshold", settings.threshold());
            Checks.notNegative("ReduceLROnPlateau: patience", settings.patience());
            Checks.notNegative("ReduceLROnPlateau: cooldown", settings.cooldown());
            Checks.notNegative("ReduceLROnPlateau: min_lr", settings.minLr());
        }
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
        if (settings == null) {
            return false;
        }
        boolean improved = metric < state.best * (1 - settings.threshold());
        double best = improved ? metric : state.best;
        int bad = improved ? 0 : state.badEpochs + 1;
        int cooldown = state.cooldownLeft;
        if (cooldown > 0) {
            cooldown--;
            bad = 0;
        }
        double rate = state.learningRate;
        if (bad > settings.patience()) {
            double reduced = Math.max(rate * settings.factor(), settings.minLr());
            rate = rate - reduced > SMALLEST_CHANGE ? reduced : rate;
            bad = 0;
            cooldown = settings.cooldown();
        }
        boolean reduced = rate != state.learningRate;
        state = new State(rate, best, bad, cooldown);
        return reduced;
    }
}
