package org.iolaus.train.optimize;

import static org.iolaus.op.Expr.add;
import static org.iolaus.op.Expr.clamp;
import static org.iolaus.op.Expr.constant;
import static org.iolaus.op.Expr.div;
import static org.iolaus.op.Expr.equal;
import static org.iolaus.op.Expr.mul;
import static org.iolaus.op.Expr.scale;
import static org.iolaus.op.Expr.shift;
import static org.iolaus.op.Expr.sqrt;
import static org.iolaus.op.Expr.square;
import static org.iolaus.op.Expr.sub;
import static org.iolaus.op.Expr.where;

import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.train.Checks;
import org.iolaus.train.Training;

/// LAMB (You et al., 2020, algorithm 2): Adam's step with decay, for each parameter as long as the parameter is, times
/// the learning rate. The ratio of the two lengths (the trust ratio) is held between 0.01 and 10, and is 1 where one of
/// them is 0, as in DeepSpeed's FusedLamb, which HydraGNN takes; the paper does not say so.
public record Lamb(double beta1, double beta2, double epsilon, double weightDecay) implements UpdateRule {
    static final OptimizerType.Defaults DEFAULTS = new OptimizerType.Defaults(0, 1e-8, null);
    private static final double LEAST_RATIO = 0.01;
    private static final double LARGEST_RATIO = 10;
    private static final String MEAN = "exp_avg";
    private static final String SQUARE = "exp_avg_sq";

    public Lamb {
        Checks.fraction("LAMB: beta1", beta1);
        Checks.fraction("LAMB: beta2", beta2);
        Checks.positive("LAMB: epsilon", epsilon); // else gaps would be 0 / 0
        Checks.notNegative("LAMB: weight_decay", weightDecay);
    }

    Lamb(Training.Optimizer settings) {
        this(settings.betas().getFirst(), settings.betas().getLast(), settings.eps(), settings.weightDecay());
    }

    @Override
    public List<String> slots() {
        return List.of(MEAN, SQUARE);
    }

    @Override
    public void update(Update step) {
        Node d = step.gradient();
        Node p = step.parameters();
        Node mean = step.store(MEAN, Update.lerp(step.slot(MEAN), d, 1 - beta1));
        Node square = step.store(SQUARE, add(scale(step.slot(SQUARE), beta2), mul(scale(d, 1 - beta2), d)));
        Node meanCorrection = step.number((n, _) -> 1 - Math.pow(beta1, (double) n));
        Node squareCorrection = step.number((n, _) -> 1 - Math.pow(beta2, (double) n));
        Node adam = div(div(mean, meanCorrection), shift(sqrt(div(square, squareCorrection)), epsilon));
        Node move = weightDecay == 0 ? adam : step.decayed(add(adam, scale(p, weightDecay)), adam);
        Node length = sqrt(step.sumTensors(square(p)));
        Node moveLength = sqrt(step.sumTensors(square(move)));
        Node none = equal(mul(length, moveLength), constant(0));
        Node ratio = where(none, constant(1), clamp(div(length, moveLength), LEAST_RATIO, LARGEST_RATIO));
        Node rate = step.number((_, learningRate) -> learningRate);
        step.move(sub(p, mul(mul(rate, step.spread(ratio)), move)));
    }
}
