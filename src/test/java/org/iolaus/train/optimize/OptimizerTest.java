package org.iolaus.train.optimize;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jhdf.HdfFile;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.iolaus.train.Training;
import org.iolaus.train.Training.OptimizerType;
import org.iolaus.train.optimize.Optimizer.Range;
import org.iolaus.train.optimize.UpdateRule.Adadelta;
import org.iolaus.train.optimize.UpdateRule.Adagrad;
import org.iolaus.train.optimize.UpdateRule.Adam;
import org.iolaus.train.optimize.UpdateRule.Adamax;
import org.iolaus.train.optimize.UpdateRule.RmsProp;
import org.iolaus.train.optimize.UpdateRule.Sgd;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

class OptimizerTest {
    private static final Path GOLDEN =
            Path.of(System.getProperty("golden.dir", "src/test/resources/golden"), "hydragnn", "optim.h5");
    private static final double TOLERANCE = 1e-12;

    @SuppressWarnings("unused") // by name: @FieldSource
    private static final List<UpdateRule> RULES = List.of(
            Sgd.DEFAULT,
            Adam.DEFAULT,
            Adam.DECOUPLED,
            Adadelta.DEFAULT,
            Adagrad.DEFAULT,
            Adamax.DEFAULT,
            RmsProp.DEFAULT);

    /// The golden parameters are a vector (6) and a matrix (2, 3): one flat vector of 12 here.
    @ParameterizedTest
    @FieldSource("RULES")
    void followsPyTorch(UpdateRule rule) {
        String kind = rule.kind();
        try (HdfFile file = new HdfFile(GOLDEN)) {
            double[] p = concat(read(file, "initial/vector"), read(file, "initial/matrix"));
            double[] vectorGradients = read(file, "gradients/vector");
            double[] matrixGradients = read(file, "gradients/matrix");
            double[] vectorAfter = read(file, kind + "/vector_after");
            double[] matrixAfter = read(file, kind + "/matrix_after");
            Optimizer optimizer = new Optimizer(rule, 12, List.of());
            for (int step = 0; step < 5; step++) {
                optimizer.step(p, concat(row(vectorGradients, step), row(matrixGradients, step)), 0.02);
                assertArrayEquals(
                        concat(row(vectorAfter, step), row(matrixAfter, step)), p, TOLERANCE, kind + " step " + step);
            }
            assertEquals(5, optimizer.steps());
            for (Map.Entry<String, double[]> slot : optimizer.state().entrySet()) {
                double[] want = read(file, kind + "/state_vector/" + slot.getKey());
                assertArrayEquals(want, Arrays.copyOf(slot.getValue(), 6), TOLERANCE, kind + " " + slot.getKey());
            }
        }
    }

    @Test
    void momentumAndNesterovByHand() {
        double[] heavy = {1};
        Optimizer optimizer = new Optimizer(new Sgd(0.5, 0.25, 0.1, false), 1, List.of());
        optimizer.step(heavy, new double[] {2}, 0.1);
        assertEquals(1 - 0.1 * 2.1, heavy[0], 1e-15); // buffer = 2 + 0.1 * 1, undamped
        optimizer.step(heavy, new double[] {-1}, 0.1);
        assertEquals(0.79 - 0.1 * (0.5 * 2.1 + 0.75 * (-1 + 0.079)), heavy[0], 1e-15);

        double[] nesterov = {1};
        optimizer = new Optimizer(new Sgd(0.5, 0, 0, true), 1, List.of());
        optimizer.step(nesterov, new double[] {2}, 0.1);
        assertEquals(1 - 0.1 * (2 + 0.5 * 2), nesterov[0], 1e-15);
        optimizer.step(nesterov, new double[] {-1}, 0.1);
        assertEquals(0.7 - 0.1 * (-1 + 0.5 * (0.5 * 2 - 1)), nesterov[0], 1e-15);
    }

    @Test
    void otherSettingsByHand() {
        double[] p = {1};
        new Optimizer(new Adam(0.9, 0.999, 0, 0.5, false), 1, List.of()).step(p, new double[] {-0.5}, 0.1);
        assertTrue(Double.isNaN(p[0]), "coupled decay cancels the gradient: 0 / 0");

        p[0] = 1;
        Optimizer centered = new Optimizer(new RmsProp(0.5, 0, 0, 0.5, true), 1, List.of());
        centered.step(p, new double[] {2}, 0.1); // square 2, mean 1, spread 1, move 2
        assertEquals(0.8, p[0], 1e-15);
        centered.step(p, new double[] {0}, 0.1); // no gradient: half of the last move
        assertEquals(0.7, p[0], 1e-15);

        p[0] = 1;
        Optimizer adagrad = new Optimizer(new Adagrad(1, 0, 0, 5), 1, List.of());
        adagrad.step(p, new double[] {2}, 0.3); // sum 5 + 4
        assertEquals(0.8, p[0], 1e-15);
        adagrad.step(p, new double[] {4}, 0.3); // sum 25, rate halved
        assertEquals(0.8 - 0.15 * 4 / 5, p[0], 1e-15);
    }

    @ParameterizedTest
    @FieldSource("RULES")
    void frozenRangesStayAndTheOthersMoveAsBefore(UpdateRule rule) {
        Random random = new Random(7);
        double[] all = random.doubles(100).toArray();
        double[] some = all.clone();
        double[] start = all.clone();
        Optimizer free = new Optimizer(rule, 100, List.of());
        Optimizer masked = new Optimizer(rule, 100, List.of(new Range(90, 100), new Range(10, 20), new Range(15, 30)));
        for (int step = 0; step < 3; step++) {
            double[] g = random.doubles(100, -1, 1).toArray();
            free.step(all, g, 0.1);
            masked.step(some, g, 0.1);
        }
        for (int i = 0; i < 100; i++) {
            boolean frozen = i >= 90 || (i >= 10 && i < 30);
            assertEquals(frozen ? start[i] : all[i], some[i], 0.0, rule + " element " + i);
        }
    }

    /// PyTorch's parameter groups: each group is as if it had an optimizer of its own.
    @Test
    void undecayedRangesFollowTheRuleWithoutItsDecay() {
        List<UpdateRule> rules = List.of(
                new Sgd(0.9, 0.1, 0.3, false),
                new Adam(0.9, 0.999, 1e-8, 0.3, false),
                new Adam(0.9, 0.999, 1e-8, 0.3, true),
                new Adadelta(0.9, 1e-6, 0.3),
                new Adagrad(0.1, 1e-10, 0.3, 0.1),
                new Adamax(0.9, 0.999, 1e-8, 0.3),
                new RmsProp(0.99, 1e-8, 0.3, 0.5, true));
        for (UpdateRule rule : rules) {
            Random random = new Random(13);
            double[] p = random.doubles(50).toArray();
            double[] start = p.clone();
            double[] all = p.clone();
            double[] none = p.clone();
            Optimizer grouped =
                    new Optimizer(rule, 50, List.of(new Range(8, 12)), List.of(new Range(40, 50), new Range(10, 20)));
            Optimizer decayed = new Optimizer(rule, 50, List.of());
            Optimizer free = new Optimizer(rule.withoutDecay(), 50, List.of());
            for (int step = 0; step < 4; step++) {
                double[] g = random.doubles(50, -1, 1).toArray();
                grouped.step(p, g, 0.1);
                decayed.step(all, g, 0.1);
                free.step(none, g, 0.1);
            }
            for (int i = 0; i < 50; i++) {
                boolean frozen = i >= 8 && i < 12;
                boolean undecayed = i >= 40 || (i >= 10 && i < 20);
                assertEquals(frozen ? start[i] : undecayed ? none[i] : all[i], p[i], 0.0, rule + " element " + i);
                assertTrue(all[i] != none[i], rule + ": decay does something");
            }
        }
    }

    @ParameterizedTest
    @FieldSource("RULES")
    void continuesFromSavedStateBitByBit(UpdateRule rule) {
        Random random = new Random(11);
        double[] p = random.doubles(33).toArray();
        Optimizer straight = new Optimizer(rule, 33, List.of());
        straight.step(p, random.doubles(33, -1, 1).toArray(), 0.01);
        double[] q = p.clone();
        Optimizer resumed = new Optimizer(rule, 33, List.of());
        resumed.load(straight.steps(), straight.state());
        for (int step = 0; step < 4; step++) {
            double[] g = random.doubles(33, -1, 1).toArray();
            straight.step(p, g, 0.01);
            resumed.step(q, g, 0.01);
        }
        assertArrayEquals(p, q, 0.0);
        straight.state()
                .forEach((slot, values) -> assertArrayEquals(
                        values, Objects.requireNonNull(resumed.state().get(slot)), 0.0, slot));
    }

    @Test
    void clipsByGlobalNormOfTheTrainablePart() {
        Optimizer optimizer = new Optimizer(Sgd.DEFAULT, 4, List.of(new Range(3, 4)));
        double[] g = {3, 0, 4, 100};
        assertEquals(5, optimizer.clip(g, 10));
        assertArrayEquals(new double[] {3, 0, 4, 100}, g, 0.0);
        assertEquals(5, optimizer.clip(g, 1));
        assertArrayEquals(new double[] {3 / (5 + 1e-6), 0, 4 / (5 + 1e-6), 100}, g, 1e-15);
        assertTrue(Double.isNaN(optimizer.clip(new double[] {Double.NaN, 1, 1, 1}, 1)));
        double[] infinite = {Double.POSITIVE_INFINITY, 1, 1, 1};
        assertEquals(Double.POSITIVE_INFINITY, optimizer.clip(infinite, 1));
        assertEquals(1, infinite[1]);
    }

    @Test
    void settingsReachTheRule() {
        for (OptimizerType type : OptimizerType.values()) {
            Training.Optimizer settings =
                    new Training.Optimizer(type, 0.1, false, 0.25, List.of(), List.of(0.5, 0.75), 0.125, 0.375, true);
            if (type == OptimizerType.FUSED_LAMB) {
                assertThrows(IllegalArgumentException.class, () -> UpdateRule.of(settings));
                continue;
            }
            UpdateRule want = switch (type) {
                case SGD -> new Sgd(0.375, 0, 0.25, true);
                case ADAM -> new Adam(0.5, 0.75, 0.125, 0.25, false);
                case ADAMW -> new Adam(0.5, 0.75, 0.125, 0.25, true);
                case ADADELTA -> new Adadelta(0.9, 0.125, 0.25);
                case ADAGRAD -> new Adagrad(0, 0.125, 0.25, 0);
                case ADAMAX -> new Adamax(0.5, 0.75, 0.125, 0.25);
                case RMSPROP -> new RmsProp(0.99, 0.125, 0.25, 0.375, false);
                case FUSED_LAMB -> throw new AssertionError();
            };
            assertEquals(want, UpdateRule.of(settings));
            assertEquals(type.toString(), want.kind());
        }
    }

    @Test
    void refusesWhatIsNotItsOwn() {
        Optimizer adam = new Optimizer(Adam.DEFAULT, 3, List.of());
        Map<String, double[]> state = adam.state();
        state.put("exp_avg", new double[2]);
        assertThrows(IllegalArgumentException.class, () -> adam.load(1, state));
        assertThrows(IllegalArgumentException.class, () -> adam.load(1, Map.of("exp_avg", new double[3])));
        assertThrows(IllegalArgumentException.class, () -> adam.step(new double[3], new double[2], 1));
        assertThrows(IllegalArgumentException.class, () -> new Sgd(0, 0, 0, true));
        assertThrows(IllegalArgumentException.class, () -> new Optimizer(Adam.DEFAULT, 3, List.of(new Range(2, 4))));
    }

    private static double[] read(HdfFile file, String path) {
        return (double[]) file.getDatasetByPath("optimizers/" + path).getDataFlat();
    }

    private static double[] row(double[] rows, int i) {
        return Arrays.copyOfRange(rows, 6 * i, 6 * (i + 1));
    }

    private static double[] concat(double[] a, double[] b) {
        double[] both = Arrays.copyOf(a, a.length + b.length);
        System.arraycopy(b, 0, both, a.length, b.length);
        return both;
    }
}
