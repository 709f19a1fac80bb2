package org.iolaus.train.optimize;

import static org.iolaus.op.Expr.abs;
import static org.iolaus.op.Expr.div;
import static org.iolaus.op.Expr.max;
import static org.iolaus.op.Expr.mul;
import static org.iolaus.op.Expr.scale;
import static org.iolaus.op.Expr.shift;
import static org.iolaus.op.Expr.sub;

import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.train.Checks;
import org.iolaus.train.Training;

/// Adamax (Kingma and Ba, 2015, section 7.1).
public record Adamax(double beta1, double beta2, double epsilon, double weightDecay) implements UpdateRule {
    static final OptimizerType.Defaults DEFAULTS = new OptimizerType.Defaults(0, 1e-8, null);
    private static final String MEAN = "exp_avg";
    private static final String LARGEST = "exp_inf";

    public Adamax {
        Checks.fraction("Adamax: beta1", beta1);
        Checks.fraction("Adamax: beta2", beta2);
        Checks.notNegative("Adamax: epsilon", epsilon);
        Checks.notNegative("Adamax: weight_decay", weightDecay);
    }

    Adamax(Training.Optimizer settings) {
        this(settings.betas().getFirst(), settings.betas().getLast(), settings.eps(), settings.weightDecay());
    }

    @Override
    public List<String> slots() {
        return List.of(MEAN, LARGEST);
    }

    @Override
    public void update(Update step) {
        Node d = step.gradientWithDecay(weightDecay);
        Node mean = step.store(MEAN, Update.lerp(step.slot(MEAN), d, 1 - beta1));
        Node largest = step.store(LARGEST, max(scale(step.slot(LARGEST), beta2), shift(abs(d), epsilon)));
        Node size = step.number((n, rate) -> rate / (1 - Math.pow(beta1, (double) n)));
        step.move(sub(step.parameters(), div(mul(size, mean), largest)));
    }
}
