package org.iolaus.train.optimize;

import static org.iolaus.op.Expr.add;
import static org.iolaus.op.Expr.div;
import static org.iolaus.op.Expr.mul;
import static org.iolaus.op.Expr.scale;
import static org.iolaus.op.Expr.shift;
import static org.iolaus.op.Expr.sqrt;
import static org.iolaus.op.Expr.sub;

import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.train.Checks;
import org.iolaus.train.Training;

/// Adam (Kingma and Ba, 2015); with `decoupled` weight decay AdamW (Loshchilov and Hutter, 2019).
public record Adam(double beta1, double beta2, double epsilon, double weightDecay, boolean decoupled)
        implements UpdateRule {
    static final OptimizerType.Defaults DEFAULTS = new OptimizerType.Defaults(0, 1e-8, null);
    static final OptimizerType.Defaults DECOUPLED = new OptimizerType.Defaults(0.01, 1e-8, null);
    private static final String MEAN = "exp_avg";
    private static final String SQUARE = "exp_avg_sq";

    public Adam {
        Checks.fraction("Adam: beta1", beta1);
        Checks.fraction("Adam: beta2", beta2);
        Checks.notNegative("Adam: epsilon", epsilon);
        Checks.notNegative("Adam: weight_decay", weightDecay);
    }

    static Adam coupled(Training.Optimizer settings) {
        return of(settings, false);
    }

    static Adam decoupled(Training.Optimizer settings) {
        return of(settings, true);
    }

    private static Adam of(Training.Optimizer settings, boolean decoupled) {
        List<Double> betas = settings.betas();
        return new Adam(betas.getFirst(), betas.getLast(), settings.eps(), settings.weightDecay(), decoupled);
    }

    @Override
    public List<String> slots() {
        return List.of(MEAN, SQUARE);
    }

    @Override
    public void update(Update step) {
        Node d = decoupled ? step.gradient() : step.gradientWithDecay(weightDecay);
        Node p = decoupled ? step.parametersAfterDecay(weightDecay) : step.parameters();
        Node mean = step.store(MEAN, Update.lerp(step.slot(MEAN), d, 1 - beta1));
        Node square = step.store(SQUARE, add(scale(step.slot(SQUARE), beta2), mul(scale(d, 1 - beta2), d)));
        Node size = step.number((n, rate) -> rate / (1 - Math.pow(beta1, (double) n)));
        Node correction = step.number((n, _) -> Math.sqrt(1 - Math.pow(beta2, (double) n)));
        step.move(sub(p, div(mul(size, mean), shift(div(sqrt(square), correction), epsilon))));
    }
}
