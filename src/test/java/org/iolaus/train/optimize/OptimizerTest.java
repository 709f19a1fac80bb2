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
import org.iolaus.nn.Parameters.Group;
import org.iolaus.train.Training;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.FieldSource;

/// The rules in float64, on the host.
class OptimizerTest {
    private static final Path GOLDEN =
            Path.of(System.getProperty("golden.dir", "src/test/resources/golden"), "hydragnn", "optim.h5");
    private static final double TOLERANCE = 1e-12;

    @SuppressWarnings("unused") // by name: @FieldSource
    private static final List<UpdateRule> RULES = List.of(
            new Sgd(0, 0.3, false),
            new Sgd(0.9, 0.3, false),
            new Sgd(0.9, 0.3, true),
            new Adam(0.9, 0.999, 1e-8, 0.3, false),
            new Adam(0.9, 0.999, 1e-8, 0.3, true),
            new Adadelta(0.9, 1e-6, 0.3),
            new Adagrad(1e-10, 0.3),
            new Adamax(0.9, 0.999, 1e-8, 0.3),
            new RmsProp(0.99, 1e-8, 0.3, 0),
            new RmsProp(0.99, 1e-8, 0.3, 0.5),
            new Lamb(0.9, 0.999, 1e-8, 0.3),
            new Muon(0.95, 0.9, 0.999, 1e-8, 0.3));

    private static Training.Optimizer settings(OptimizerType type) {
        OptimizerType.Defaults defaults = type.defaults();
        return new Training.Optimizer(
                type,
                0.1,
                false,
                defaults.weightDecay(),
                List.of(),
                List.of(0.9, 0.999),
                defaults.eps(),
                Objects.requireNonNullElse(defaults.momentum(), 0.0),
                false);
    }

    /// PyTorch's optimizers with its defaults. The golden parameters are a vector (6) and a matrix (2, 3).
    @ParameterizedTest
    @EnumSource(
            mode = EnumSource.Mode.EXCLUDE,
            names = {"FUSED_LAMB", "MUON"})
    void followsPyTorch(OptimizerType type) {
        String kind = type.toString();
        try (HdfFile file = new HdfFile(GOLDEN)) {
            double[] vectorGradients = read(file, "gradients/vector");
            double[] matrixGradients = read(file, "gradients/matrix");
            double[] vectorAfter = read(file, kind + "/vector_after");
            double[] matrixAfter = read(file, kind + "/matrix_after");
            UpdateRule rule = OptimizerType.rule(settings(type));
            HostRule run = new HostRule(rule, read(file, "initial/vector"), read(file, "initial/matrix"));
            for (int step = 0; step < 5; step++) {
                run.step(0.02, row(vectorGradients, step), row(matrixGradients, step));
                String what = kind + " step " + step;
                assertArrayEquals(row(vectorAfter, step), run.parameter(0), TOLERANCE, what);
                assertArrayEquals(row(matrixAfter, step), run.parameter(1), TOLERANCE, what);
            }
            for (String slot : rule.slots()) {
                double[] want = read(file, kind + "/state_vector/" + slot);
                assertArrayEquals(want, run.slot(slot, 0), TOLERANCE, kind + " " + slot);
            }
        }
    }

    @Test
    void momentumAndNesterovByHand() {
        HostRule heavy = new HostRule(new Sgd(0.5, 0.1, false), new double[] {1});
        heavy.step(0.1, new double[] {2});
        assertEquals(1 - 0.1 * 2.1, heavy.parameter(0)[0], 1e-15); // buffer = 2 + 0.1 * 1
        heavy.step(0.1, new double[] {-1});
        assertEquals(0.79 - 0.1 * (0.5 * 2.1 + (-1 + 0.079)), heavy.parameter(0)[0], 1e-15);

        HostRule nesterov = new HostRule(new Sgd(0.5, 0, true), new double[] {1});
        nesterov.step(0.1, new double[] {2});
        assertEquals(1 - 0.1 * (2 + 0.5 * 2), nesterov.parameter(0)[0], 1e-15);
        nesterov.step(0.1, new double[] {-1});
        assertEquals(0.7 - 0.1 * (-1 + 0.5 * (0.5 * 2 - 1)), nesterov.parameter(0)[0], 1e-15);
    }

    @Test
    void otherSettingsByHand() {
        HostRule coupled = new HostRule(new Adam(0.9, 0.999, 0, 0.5, false), new double[] {1});
        coupled.step(0.1, new double[] {-0.5});
        assertTrue(Double.isNaN(coupled.parameter(0)[0]), "coupled decay cancels the gradient: 0 / 0");

        HostRule heavy = new HostRule(new RmsProp(0.75, 0, 0, 0.5), new double[] {1});
        heavy.step(0.1, new double[] {2}); // square 1, move 2
        assertEquals(0.8, heavy.parameter(0)[0], 1e-15);
        heavy.step(0.1, new double[] {0}); // no gradient: half of the last move
        assertEquals(0.7, heavy.parameter(0)[0], 1e-15);

        HostRule adagrad = new HostRule(new Adagrad(0, 0), new double[] {1});
        adagrad.step(0.3, new double[] {3}); // sum 9
        assertEquals(0.7, adagrad.parameter(0)[0], 1e-15);
        adagrad.step(0.3, new double[] {4}); // sum 25
        assertEquals(0.7 - 0.3 * 4 / 5, adagrad.parameter(0)[0], 1e-15);
    }

    /// PyTorch's parameter groups: each is as if it had an optimizer of its own, those without decay another one.
    @ParameterizedTest
    @FieldSource("RULES")
    void parametersOfGroupsWithoutDecayFollowTheRuleWithoutIt(UpdateRule rule) {
        Random random = new Random(13);
        double[] first = random.doubles(70).toArray();
        double[] second = random.doubles(30).toArray();
        HostRule decayed = new HostRule(rule, first, second);
        HostRule grouped = new HostRule(rule, List.of(Group.BIASES), first, second);
        HostRule free = new HostRule(rule, List.of(Group.WEIGHTS, Group.BIASES), first, second);
        for (int step = 0; step < 4; step++) {
            double[] g = random.doubles(70, -1, 1).toArray();
            double[] h = random.doubles(30, -1, 1).toArray();
            for (HostRule run : List.of(decayed, grouped, free)) {
                run.step(0.1, g, h);
            }
        }
        assertArrayEquals(decayed.parameter(0), grouped.parameter(0), 0.0);
        assertArrayEquals(free.parameter(1), grouped.parameter(1), 0.0);
        for (int i = 0; i < 30; i++) {
            assertTrue(free.parameter(1)[i] != decayed.parameter(1)[i], rule + ": decay does something");
        }
    }

    @Test
    void settingsReachTheRule() {
        Map<OptimizerType, UpdateRule> want = Map.of(
                OptimizerType.SGD, new Sgd(0.375, 0.25, true),
                OptimizerType.ADAM, new Adam(0.5, 0.75, 0.125, 0.25, false),
                OptimizerType.ADAMW, new Adam(0.5, 0.75, 0.125, 0.25, true),
                OptimizerType.ADADELTA, new Adadelta(0.9, 0.125, 0.25),
                OptimizerType.ADAGRAD, new Adagrad(0.125, 0.25),
                OptimizerType.ADAMAX, new Adamax(0.5, 0.75, 0.125, 0.25),
                OptimizerType.RMSPROP, new RmsProp(0.99, 0.125, 0.25, 0.375),
                OptimizerType.FUSED_LAMB, new Lamb(0.5, 0.75, 0.125, 0.25),
                OptimizerType.MUON, new Muon(0.375, 0.5, 0.75, 0.125, 0.25));
        for (OptimizerType type : OptimizerType.values()) {
            Training.Optimizer settings =
                    new Training.Optimizer(type, 0.1, false, 0.25, List.of(), List.of(0.5, 0.75), 0.125, 0.375, true);
            assertEquals(want.get(type), OptimizerType.rule(settings));
        }
    }

    @Test
    void settingsOutOfRangeAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> new Sgd(0, 0, true));
        assertThrows(IllegalArgumentException.class, () -> new Sgd(1, 0, false));
        assertThrows(IllegalArgumentException.class, () -> new Adam(0.9, 1, 1e-8, 0, true));
        assertThrows(IllegalArgumentException.class, () -> new Adagrad(1e-8, Double.NaN));
    }

    private static double[] read(HdfFile file, String path) {
        return (double[]) file.getDatasetByPath("optimizers/" + path).getDataFlat();
    }

    private static double[] row(double[] rows, int i) {
        return Arrays.copyOfRange(rows, 6 * i, 6 * (i + 1));
    }
}
