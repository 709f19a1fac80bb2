package org.iolaus.train.optimize;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.train.Contract;
import org.iolaus.train.Training;

/// One optimization algorithm: its settings as components, its state as named slots of one double per parameter, and
/// the element-wise update. The formulas, their order of operations and the defaults are PyTorch's.
public sealed interface UpdateRule {

    /// Name of the algorithm as the config spells it.
    String kind();

    /// Names of the state arrays, in the order in which `update` takes them.
    List<String> slots();

    /// Value that a state slot has before the first step.
    default double initial() {
        return 0;
    }

    /// The same rule for parameters that do not decay.
    UpdateRule withoutDecay();

    /// Updates parameters and state of the elements `from` (inclusive) to `to` (exclusive).
    ///
    /// @param p parameters: (P), overwritten
    /// @param g gradients: (P)
    /// @param state one array (P) per slot, overwritten
    /// @param step number of this step, the first one being 1
    void update(double[] p, double[] g, double[][] state, int from, int to, long step, double learningRate);

    /// The rule that a configuration asks for; what it has no key for is PyTorch's default.
    ///
    /// @throws IllegalArgumentException for a setting out of range or an optimizer that is not here
    static UpdateRule of(Training.Optimizer settings) {
        double decay = settings.weightDecay();
        double epsilon = settings.eps();
        double beta1 = settings.betas().getFirst();
        double beta2 = settings.betas().getLast();
        return switch (settings.type()) {
            case SGD -> new Sgd(settings.momentum(), Sgd.DEFAULT.dampening, decay, settings.nesterov());
            case ADAM -> new Adam(beta1, beta2, epsilon, decay, false);
            case ADAMW -> new Adam(beta1, beta2, epsilon, decay, true);
            case ADADELTA -> new Adadelta(Adadelta.DEFAULT.rho, epsilon, decay);
            case ADAGRAD -> new Adagrad(Adagrad.DEFAULT.learningRateDecay, epsilon, decay, Adagrad.DEFAULT.initial);
            case ADAMAX -> new Adamax(beta1, beta2, epsilon, decay);
            case RMSPROP ->
                new RmsProp(RmsProp.DEFAULT.alpha, epsilon, decay, settings.momentum(), RmsProp.DEFAULT.centered);
            case FUSED_LAMB ->
                throw new IllegalArgumentException("Optimizer: want SGD, Adam, AdamW, Adadelta, Adagrad, Adamax or "
                        + "RMSprop, got FusedLAMB, which needs DeepSpeed");
        };
    }

    /// Stochastic gradient descent, with momentum if that is not zero.
    record Sgd(double momentum, double dampening, double weightDecay, boolean nesterov) implements UpdateRule {
        public static final Sgd DEFAULT = new Sgd(0, 0, 0, false);

        public Sgd {
            Contract.fraction("SGD: momentum", momentum);
            Contract.notNegative("SGD: weight_decay", weightDecay);
            if (nesterov && (momentum == 0 || dampening != 0)) {
                throw new IllegalArgumentException("SGD: want momentum > 0 and dampening 0 with nesterov, got momentum "
                        + momentum + " and dampening " + dampening);
            }
        }

        @Override
        public String kind() {
            return "SGD";
        }

        @Override
        public UpdateRule withoutDecay() {
            return new Sgd(momentum, dampening, 0, nesterov);
        }

        @Override
        public List<String> slots() {
            return momentum == 0 ? List.of() : List.of("momentum_buffer");
        }

        @Override
        public void update(double[] p, double[] g, double[][] state, int from, int to, long step, double learningRate) {
            if (momentum == 0) {
                for (int i = from; i < to; i++) {
                    p[i] -= learningRate * (g[i] + weightDecay * p[i]);
                }
                return;
            }
            double[] buffer = state[0];
            double fresh = step == 1 ? 1 : 1 - dampening; // the first gradient enters undamped
            double ahead = nesterov ? 1 : 0;
            double behind = nesterov ? momentum : 1;
            for (int i = from; i < to; i++) {
                double d = g[i] + weightDecay * p[i];
                double b = momentum * buffer[i] + fresh * d;
                buffer[i] = b;
                p[i] -= learningRate * (ahead * d + behind * b);
            }
        }
    }

    /// Adam (Kingma and Ba, 2015); with `decoupled` weight decay AdamW (Loshchilov and Hutter, 2019).
    record Adam(double beta1, double beta2, double epsilon, double weightDecay, boolean decoupled)
            implements UpdateRule {
        public static final Adam DEFAULT = new Adam(0.9, 0.999, 1e-8, 0, false);
        public static final Adam DECOUPLED = new Adam(0.9, 0.999, 1e-8, 0.01, true);

        public Adam {
            Contract.fraction("Adam: beta1", beta1);
            Contract.fraction("Adam: beta2", beta2);
            Contract.notNegative("Adam: epsilon", epsilon);
            Contract.notNegative("Adam: weight_decay", weightDecay);
        }

        @Override
        public String kind() {
            return decoupled ? "AdamW" : "Adam";
        }

        @Override
        public UpdateRule withoutDecay() {
            return new Adam(beta1, beta2, epsilon, 0, decoupled);
        }

        @Override
        public List<String> slots() {
            return List.of("exp_avg", "exp_avg_sq");
        }

        @Override
        public void update(double[] p, double[] g, double[][] state, int from, int to, long step, double learningRate) {
            double[] mean = state[0];
            double[] square = state[1];
            double stepSize = learningRate / (1 - Math.pow(beta1, (double) step));
            double squareCorrection = Math.sqrt(1 - Math.pow(beta2, (double) step));
            double keep = decoupled ? 1 - learningRate * weightDecay : 1;
            double coupled = decoupled ? 0 : weightDecay;
            for (int i = from; i < to; i++) {
                double d = g[i] + coupled * p[i];
                double m = mean[i] + (1 - beta1) * (d - mean[i]);
                double v = beta2 * square[i] + (1 - beta2) * d * d;
                mean[i] = m;
                square[i] = v;
                p[i] = keep * p[i] - stepSize * m / (Math.sqrt(v) / squareCorrection + epsilon);
            }
        }
    }

    /// Adadelta (Zeiler, 2012).
    record Adadelta(double rho, double epsilon, double weightDecay) implements UpdateRule {
        public static final Adadelta DEFAULT = new Adadelta(0.9, 1e-6, 0);

        public Adadelta {
            Contract.fraction("Adadelta: rho", rho);
            Contract.notNegative("Adadelta: epsilon", epsilon);
            Contract.notNegative("Adadelta: weight_decay", weightDecay);
        }

        @Override
        public String kind() {
            return "Adadelta";
        }

        @Override
        public UpdateRule withoutDecay() {
            return new Adadelta(rho, epsilon, 0);
        }

        @Override
        public List<String> slots() {
            return List.of("square_avg", "acc_delta");
        }

        @Override
        public void update(double[] p, double[] g, double[][] state, int from, int to, long step, double learningRate) {
            double[] square = state[0];
            double[] moved = state[1];
            for (int i = from; i < to; i++) {
                double d = g[i] + weightDecay * p[i];
                double v = rho * square[i] + (1 - rho) * d * d;
                double delta = Math.sqrt(moved[i] + epsilon) / Math.sqrt(v + epsilon) * d;
                square[i] = v;
                moved[i] = rho * moved[i] + (1 - rho) * delta * delta;
                p[i] -= learningRate * delta;
            }
        }
    }

    /// Adagrad (Duchi, Hazan and Singer, 2011).
    record Adagrad(double learningRateDecay, double epsilon, double weightDecay, double initial) implements UpdateRule {
        public static final Adagrad DEFAULT = new Adagrad(0, 1e-10, 0, 0);

        public Adagrad {
            Contract.notNegative("Adagrad: lr_decay", learningRateDecay);
            Contract.notNegative("Adagrad: epsilon", epsilon);
            Contract.notNegative("Adagrad: weight_decay", weightDecay);
            Contract.notNegative("Adagrad: initial_accumulator_value", initial);
        }

        @Override
        public String kind() {
            return "Adagrad";
        }

        @Override
        public UpdateRule withoutDecay() {
            return new Adagrad(learningRateDecay, epsilon, 0, initial);
        }

        @Override
        public List<String> slots() {
            return List.of("sum");
        }

        @Override
        public void update(double[] p, double[] g, double[][] state, int from, int to, long step, double learningRate) {
            double[] sum = state[0];
            double rate = learningRate / (1 + (step - 1) * learningRateDecay);
            for (int i = from; i < to; i++) {
                double d = g[i] + weightDecay * p[i];
                double s = sum[i] + d * d;
                sum[i] = s;
                p[i] -= rate * d / (Math.sqrt(s) + epsilon);
            }
        }
    }

    /// Adamax (Kingma and Ba, 2015, section 7.1).
    record Adamax(double beta1, double beta2, double epsilon, double weightDecay) implements UpdateRule {
        public static final Adamax DEFAULT = new Adamax(0.9, 0.999, 1e-8, 0);

        public Adamax {
            Contract.fraction("Adamax: beta1", beta1);
            Contract.fraction("Adamax: beta2", beta2);
            Contract.notNegative("Adamax: epsilon", epsilon);
            Contract.notNegative("Adamax: weight_decay", weightDecay);
        }

        @Override
        public String kind() {
            return "Adamax";
        }

        @Override
        public UpdateRule withoutDecay() {
            return new Adamax(beta1, beta2, epsilon, 0);
        }

        @Override
        public List<String> slots() {
            return List.of("exp_avg", "exp_inf");
        }

        @Override
        public void update(double[] p, double[] g, double[][] state, int from, int to, long step, double learningRate) {
            double[] mean = state[0];
            double[] largest = state[1];
            double stepSize = learningRate / (1 - Math.pow(beta1, (double) step));
            for (int i = from; i < to; i++) {
                double d = g[i] + weightDecay * p[i];
                double m = mean[i] + (1 - beta1) * (d - mean[i]);
                double u = Math.max(beta2 * largest[i], Math.abs(d) + epsilon);
                mean[i] = m;
                largest[i] = u;
                p[i] -= stepSize * m / u;
            }
        }
    }

    /// RMSprop (Hinton's lecture), optionally centered (Graves, 2013), with momentum if that is not zero.
    record RmsProp(double alpha, double epsilon, double weightDecay, double momentum, boolean centered)
            implements UpdateRule {
        public static final RmsProp DEFAULT = new RmsProp(0.99, 1e-8, 0, 0, false);

        public RmsProp {
            Contract.fraction("RMSprop: alpha", alpha);
            Contract.notNegative("RMSprop: epsilon", epsilon);
            Contract.notNegative("RMSprop: weight_decay", weightDecay);
            Contract.fraction("RMSprop: momentum", momentum);
        }

        @Override
        public String kind() {
            return "RMSprop";
        }

        @Override
        public UpdateRule withoutDecay() {
            return new RmsProp(alpha, epsilon, 0, momentum, centered);
        }

        @Override
        public List<String> slots() {
            List<String> slots = new ArrayList<>(List.of("square_avg"));
            if (centered) {
                slots.add("grad_avg");
            }
            if (momentum > 0) {
                slots.add("momentum_buffer");
            }
            return slots;
        }

        @Override
        public void update(double[] p, double[] g, double[][] state, int from, int to, long step, double learningRate) {
            double[] square = state[0];
            double[] means = state[centered ? 1 : 0];
            double[] buffer = state[state.length - 1];
            for (int i = from; i < to; i++) {
                double d = g[i] + weightDecay * p[i];
                double v = alpha * square[i] + (1 - alpha) * d * d;
                square[i] = v;
                if (centered) {
                    double mean = means[i] + (1 - alpha) * (d - means[i]);
                    means[i] = mean;
                    v -= mean * mean;
                }
                double move = d / (Math.sqrt(v) + epsilon);
                if (momentum > 0) {
                    move += momentum * buffer[i];
                    buffer[i] = move;
                }
                p[i] -= learningRate * move;
            }
        }
    }
}
