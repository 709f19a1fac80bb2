package org.iolaus.train.optimize;

import java.util.function.Function;
import org.iolaus.train.Training;
import org.jspecify.annotations.Nullable;

/// The optimizers: names of a configuration, defaults of its settings, rules.
@SuppressWarnings("ImmutableEnumChecker") // records, and functions without state
public enum OptimizerType {
    SGD("SGD", Sgd.DEFAULTS, Sgd::new),
    ADAM("Adam", Adam.DEFAULTS, Adam::coupled),
    ADAMW("AdamW", Adam.DECOUPLED, Adam::decoupled),
    ADADELTA("Adadelta", Adadelta.DEFAULTS, Adadelta::new),
    ADAGRAD("Adagrad", Adagrad.DEFAULTS, Adagrad::new),
    ADAMAX("Adamax", Adamax.DEFAULTS, Adamax::new),
    RMSPROP("RMSprop", RmsProp.DEFAULTS, RmsProp::new),
    FUSED_LAMB("FusedLAMB", Lamb.DEFAULTS, Lamb::new),
    MUON("Muon", Muon.DEFAULTS, Muon::new);

    private final String key;
    private final Defaults defaults;
    private final Function<Training.Optimizer, UpdateRule> rule;

    /// Settings whose default depends on the optimizer.
    ///
    /// @param momentum null: it has none
    public record Defaults(
            double weightDecay, double eps, @Nullable Double momentum) {}

    OptimizerType(String key, Defaults defaults, Function<Training.Optimizer, UpdateRule> rule) {
        this.key = key;
        this.defaults = defaults;
        this.rule = rule;
    }

    public Defaults defaults() {
        return defaults;
    }

    /// The rule of a configuration.
    ///
    /// @throws IllegalArgumentException for a setting out of range
    public static UpdateRule rule(Training.Optimizer settings) {
        return settings.type().rule.apply(settings);
    }

    @Override
    public String toString() {
        return key;
    }
}
