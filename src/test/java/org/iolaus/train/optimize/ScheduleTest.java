package org.iolaus.train.optimize;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jhdf.HdfFile;
import java.nio.file.Path;
import org.iolaus.train.Training;
import org.iolaus.train.Training.ReduceLrOnPlateau;
import org.junit.jupiter.api.Test;

/// The parts that decide from epoch to epoch: learning rate, early stopping, best model.
class ScheduleTest {
    private static final Path GOLDEN =
            Path.of(System.getProperty("golden.dir", "src/test/resources/golden"), "hydragnn", "optim.h5");

    /// What HydraGNN trains with.
    private static final ReduceLrOnPlateau HYDRAGNN = new ReduceLrOnPlateau(0.5, 5, 1e-5, 1e-4, 0);

    @Test
    void plateauFollowsPyTorchAlsoThroughARestart() {
        try (HdfFile file = new HdfFile(GOLDEN)) {
            double[] metric = (double[])
                    file.getDatasetByPath("schedulers/reduce_on_plateau/metric").getDataFlat();
            double[] want = (double[]) file.getDatasetByPath("schedulers/reduce_on_plateau/lr_after")
                    .getDataFlat();
            ReduceLROnPlateau schedule = new ReduceLROnPlateau(HYDRAGNN, 0.01);
            for (int epoch = 0; epoch < metric.length; epoch++) {
                double before = schedule.learningRate();
                boolean reduced = schedule.step(metric[epoch]);
                assertEquals(want[epoch], schedule.learningRate(), 1e-15, "epoch " + epoch);
                assertEquals(schedule.learningRate() < before, reduced);
                ReduceLROnPlateau next = new ReduceLROnPlateau(HYDRAGNN, 1);
                next.load(schedule.state());
                schedule = next;
            }
        }
    }

    @Test
    void plateauWaitsInCooldownAndCountsNaN() {
        ReduceLROnPlateau schedule = new ReduceLROnPlateau(new ReduceLrOnPlateau(0.5, 0, 0, 0, 2), 1);
        schedule.step(1);
        double[] rates = {0.5, 0.5, 0.5, 0.25};
        for (double rate : rates) {
            schedule.step(Double.NaN);
            assertEquals(rate, schedule.learningRate());
        }
    }

    /// The paper's factor of step i is a function of i, steps of warm-up and steps in all.
    @Test
    void cosineFollowsThePaper() {
        Training.CosineWithWarmup cosine = new Training.CosineWithWarmup(0.5, 0.2, 0.01);
        int perEpoch = 8;
        int epochs = 12;
        for (int step = 0; step <= epochs * perEpoch; step++) {
            double want = step <= 4
                    ? 0.2 + 0.8 * step / 4
                    : 0.01 + 0.99 * 0.5 * (1 + Math.cos(Math.PI * step / (epochs * perEpoch)));
            double done = step / perEpoch + (double) (step % perEpoch) / perEpoch;
            assertEquals(want, Cosine.factor(cosine, done, epochs), 1e-15, "step " + step);
        }
        assertEquals(0.01, Cosine.factor(cosine, 13, epochs));
        Training.CosineWithWarmup cold = new Training.CosineWithWarmup(0, 0.2, 0);
        assertEquals(1, Cosine.factor(cold, 0, 2));
        assertEquals(0.5, Cosine.factor(cold, 1, 2), 1e-15);
    }

    @Test
    void rateIsConstantWithoutSettings() {
        ReduceLROnPlateau schedule = new ReduceLROnPlateau(null, 0.1);
        for (int epoch = 0; epoch < 50; epoch++) {
            assertFalse(schedule.step(1));
        }
        assertEquals(0.1, schedule.learningRate());
    }

    @Test
    void stopsAfterPatienceEpochsAboveTheBest() {
        EarlyStopping stopping = new EarlyStopping(2);
        assertFalse(stopping.step(1.0));
        assertFalse(stopping.step(1.1));
        assertFalse(stopping.step(1.0), "equal to the best starts anew");
        assertFalse(stopping.step(Double.NaN));
        EarlyStopping resumed = new EarlyStopping(2);
        resumed.load(stopping.state());
        assertTrue(resumed.step(1.2));
        assertEquals(1.0, resumed.state().best());
    }

    @Test
    void bestAfterWarmup() {
        BestMetric best = new BestMetric(2);
        assertFalse(best.offer(0, 0.1, false), "still warming up");
        assertTrue(best.offer(1, 0.5, false));
        assertFalse(best.offer(2, Double.NaN, false));
        assertFalse(best.offer(3, 0.6, false));
        assertTrue(best.offer(4, 0.5, false), "equal counts");
        assertEquals(new BestMetric.State(0.5, 4), best.state());
    }

    @Test
    void aRunThatEndsBeforeTheWarmupHasABest() {
        BestMetric best = new BestMetric(9);
        assertFalse(best.offer(0, 0.1, false));
        assertFalse(best.offer(1, Double.NaN, true));
        assertTrue(best.offer(1, 0.5, true));
        BestMetric after = new BestMetric(1);
        assertTrue(after.offer(0, 0.1, false));
        assertFalse(after.offer(1, 0.5, true), "an earlier epoch was better");
    }

    @Test
    void refusesSettingsWithoutMeaning() {
        assertThrows(IllegalArgumentException.class, () -> new EarlyStopping(0));
        assertThrows(
                IllegalArgumentException.class,
                () -> new ReduceLROnPlateau(new ReduceLrOnPlateau(1.0, 5, 0, 1e-4, 0), 1));
        assertThrows(IllegalArgumentException.class, () -> new ReduceLROnPlateau(HYDRAGNN, Double.NaN));
    }
}
