package org.iolaus.train.report;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.iolaus.train.engine.StepProfile;
import org.iolaus.train.engine.StepProfile.Phase;
import org.iolaus.train.report.Metrics.Errors;
import org.iolaus.train.report.Metrics.Quantity;
import org.junit.jupiter.api.Test;

class MetricsTest {
    private static Metrics metrics() {
        return new Metrics(
                List.of("energy", "forces"), List.of(new Quantity("energy", "eV"), new Quantity("forces", "eV/Å")));
    }

    private static void addFirst(Metrics metrics) {
        metrics.addLoss(2, new double[] {0.5, 1.5}, 3);
        metrics.add(0, new double[] {1, 2, 99}, new double[] {2, 4, 0}, new double[] {5, 4, 0}, 2);
    }

    private static void addSecond(Metrics metrics) {
        metrics.addLoss(6, new double[] {2.5, 3.5}, 1);
        metrics.add(0, new double[] {-1}, new double[] {-1}, new double[] {-1}, 1);
        metrics.add(1, new double[] {3, 0, 0}, new double[] {0, 0, 4}, null, 3);
    }

    @Test
    void meansOverGraphsAndComponents() {
        Metrics metrics = metrics();
        assertTrue(Double.isNaN(metrics.loss()));
        addFirst(metrics);
        addSecond(metrics);
        assertEquals(3.0, metrics.loss(), 1e-15);
        assertEquals(1.0, metrics.taskLoss(0), 1e-15);
        assertEquals(2.0, metrics.taskLoss(1), 1e-15);
        assertEquals(new Errors(3, 1.0, Math.sqrt(5.0 / 3), 1.0, Math.sqrt(3.0)), metrics.errors(0));
        assertEquals(new Errors(3, 7.0 / 3, Math.sqrt(25.0 / 3), 4.0 / 3, Math.sqrt(16.0 / 3)), metrics.errors(1));
    }

    @Test
    void sumsOfTheRanksAddUp() {
        Metrics both = metrics();
        addFirst(both);
        addSecond(both);
        Metrics zero = metrics();
        addFirst(zero);
        Metrics one = metrics();
        addSecond(one);
        for (int i = 0; i < one.sums().length; i++) {
            one.sums()[i] += zero.sums()[i];
        }
        assertArrayEquals(both.sums(), one.sums(), 0.0);
        Metrics loaded = metrics();
        loaded.load(both.sums());
        assertEquals(both.errors(1), loaded.errors(1));
        loaded.reset();
        assertEquals(0, loaded.errors(1).count());
        assertThrows(IllegalArgumentException.class, () -> loaded.load(new double[3]));
    }

    @Test
    void tableIsAligned() {
        Metrics train = metrics();
        addFirst(train);
        addSecond(train);
        Metrics validation = metrics();
        addSecond(validation);
        Map<String, Metrics> splits = new LinkedHashMap<>();
        splits.put("train", train);
        splits.put("validation", validation);
        splits.put("test", metrics());
        assertEquals("""
                                    train  validation  test  trivial validation  ratio
                ----------------------------------------------------------------------
                loss                3.000       6.000     -                   -      -
                energy  eV    MAE   1.000       0.000     -               0.000      -
                              RMSE  1.291       0.000     -               0.000      -
                forces  eV/Å  MAE   2.333       2.333     -               1.333  1.750
                              RMSE  2.887       2.887     -               2.309  1.250
                """, ErrorTable.of(splits));
    }

    @Test
    void profileAddsUp() {
        long[] now = {100};
        StepProfile profile = new StepProfile(() -> now[0]);
        for (int step = 0; step < 2; step++) {
            now[0] += 1_000_000; // other
            profile.enter(Phase.DATA);
            now[0] += 2_000_000;
            profile.enter(Phase.FORWARD);
            now[0] += 10_000_000;
            profile.move(Phase.BACKWARD, 6_000_000);
            profile.endStep();
        }
        Map<Phase, Double> seconds = profile.seconds();
        assertEquals(List.of(0.004, 0.0, 0.0, 0.008, 0.012, 0.0, 0.0, 0.002), List.copyOf(seconds.values()));
        assertEquals(
                "2 steps in 0.03 s, 13.00 ms each: data 15.4%, forward 30.8%, backward 46.2%, other 7.7%",
                profile.summary());
        assertEquals(0, profile.secondsByName().get("all_reduce"));
        profile.reset();
        assertEquals(0.0, profile.seconds().get(Phase.FORWARD));
    }
}
