package org.iolaus.train.optimize;

import static org.iolaus.op.Expr.add;
import static org.iolaus.op.Expr.mul;
import static org.iolaus.op.Expr.scale;
import static org.iolaus.op.Expr.sub;

import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.train.Checks;
import org.iolaus.train.Training;

/// Stochastic gradient descent, with momentum if that is not zero.
public record Sgd(double momentum, double weightDecay, boolean nesterov) implements UpdateRule {
    static final OptimizerType.Defaults DEFAULTS = new OptimizerType.Defaults(0, 1e-8, 0.0);
    private static final String BUFFER = "momentum_buffer";

    public Sgd {
        Checks.fraction("SGD: momentum", momentum);
        Checks.notNegative("SGD: weight_decay", weightDecay);
        if (nesterov && momentum == 0) {
            throw new IllegalArgumentException("SGD: want momentum > 0 with nesterov, got " + momentum);
        }
    }

    Sgd(Training.Optimizer settings) {
        this(settings.momentum(), settings.weightDecay(), settings.nesterov());
    }

    @Override
    public List<String> slots() {
        return momentum == 0 ? List.of() : List.of(BUFFER);
    }

    @Override
    public void update(Update step) {
        Node d = step.gradientWithDecay(weightDecay);
        Node direction = d;
        if (momentum > 0) {
            Node b = step.store(BUFFER, add(scale(step.slot(BUFFER), momentum), d));
            direction = nesterov ? add(d, scale(b, momentum)) : b;
        }
        step.move(sub(step.parameters(), mul(step.number((_, rate) -> rate), direction)));
    }
}
