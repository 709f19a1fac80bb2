package org.iolaus.train.optimize;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.iolaus.nn.Parameters.Group;
import org.junit.jupiter.api.Test;

/// LAMB against its definition in plain Java, and what the definition promises.
class LambTest {
    private static final Lamb RULE = new Lamb(0.9, 0.99, 1e-6, 0.1);

    private final Random random = new Random(4);

    private double[] numbers(int count, double size) {
        return random.doubles(count, -size, size).toArray();
    }

    private static double length(double[] x) {
        return Math.sqrt(Arrays.stream(x).map(value -> value * value).sum());
    }

    /// Algorithm 2 of the paper for one parameter, the trust ratio held in bounds.
    private static final class Definition {
        private final double[] p;
        private final double[] m;
        private final double[] v;
        private final double decay;

        Definition(double[] p, double decay) {
            this.p = p.clone();
            this.m = new double[p.length];
            this.v = new double[p.length];
            this.decay = decay;
        }

        void step(int t, double rate, double[] g) {
            double[] r = new double[p.length];
            for (int i = 0; i < p.length; i++) {
                m[i] = 0.9 * m[i] + 0.1 * g[i];
                v[i] = 0.99 * v[i] + 0.01 * g[i] * g[i];
                double mean = m[i] / (1 - Math.pow(0.9, t));
                double square = v[i] / (1 - Math.pow(0.99, t));
                r[i] = mean / (Math.sqrt(square) + 1e-6) + decay * p[i];
            }
            double ratio = Math.clamp(length(p) / length(r), 0.01, 10);
            ratio = length(p) == 0 || length(r) == 0 ? 1 : ratio;
            for (int i = 0; i < p.length; i++) {
                p[i] -= rate * ratio * r[i];
            }
        }
    }

    /// Parameters of ordinary length, of almost none, of none and very long ones, with and without decay.
    @Test
    void followsTheDefinition() {
        double[][] start = {
            numbers(200, 1), numbers(70, 1), numbers(130, 1e-4), new double[64], numbers(65, 1e3), numbers(1, 1)
        };
        HostRule run = new HostRule(RULE, List.of(Group.BIASES), start);
        Definition[] definitions = new Definition[start.length];
        Arrays.setAll(definitions, i -> new Definition(start[i], i == 0 ? 0.1 : 0));
        for (int step = 1; step <= 5; step++) {
            double[][] gradients = new double[start.length][];
            Arrays.setAll(gradients, i -> numbers(start[i].length, 1));
            run.step(0.02 * step, gradients);
            for (int i = 0; i < start.length; i++) {
                definitions[i].step(step, 0.02 * step, gradients[i]);
                double scale = Math.max(1, length(start[i]));
                assertArrayEquals(definitions[i].p, run.parameter(i), 1e-13 * scale, "parameter " + i);
            }
        }
    }

    /// The step is as long as the parameter, times the learning rate, whatever the size of the gradient.
    @Test
    void theTrustRatioMakesStepsAsLongAsParameters() {
        double[] p = numbers(300, 0.5);
        for (double size : new double[] {1e-3, 1, 1e3}) {
            HostRule run = new HostRule(new Lamb(0.9, 0.99, 1e-12, 0), p);
            run.step(0.1, numbers(300, size));
            double[] moved = new double[300];
            Arrays.setAll(moved, i -> run.parameter(0)[i] - p[i]);
            assertEquals(0.1 * length(p), length(moved), 1e-8);
        }
    }

    @Test
    void aGradientOfNothingChangesNothing() {
        double[] p = numbers(10, 1);
        HostRule run = new HostRule(new Lamb(0.9, 0.99, 1e-6, 0), p);
        run.step(0.1, new double[10]);
        assertArrayEquals(p, run.parameter(0), 0.0);
    }
}
