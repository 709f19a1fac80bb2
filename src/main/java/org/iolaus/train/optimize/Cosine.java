package org.iolaus.train.optimize;

import org.iolaus.train.Training;

/// The learning rate that rises linearly, then falls along half a period of the cosine.
///
/// With t epochs done (a fraction within an epoch), T epochs in all and m the least factor it is
/// `m + (1 - m) (1 + cos(pi t / T)) / 2` after the warm-up, as in the EquiformerV2 paper's code: the cosine begins
/// with the run, not where the warm-up ends.
public final class Cosine {
    private Cosine() {}

    /// The factor that multiplies the learning rate.
    ///
    /// @param done epochs, the part of the current one included
    /// @param epochs of the whole run
    public static double factor(Training.CosineWithWarmup settings, double done, double epochs) {
        double warmup = settings.warmupEpochs();
        if (done <= warmup) {
            double risen = warmup == 0 ? 1 : done / warmup;
            return settings.warmupFactor() * (1 - risen) + risen;
        }
        double least = settings.lrMinFactor();
        double cosine = done >= epochs ? -1 : Math.cos(Math.PI * (done / epochs));
        return least + 0.5 * (1 - least) * (1 + cosine);
    }
}
