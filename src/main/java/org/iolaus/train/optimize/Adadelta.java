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

/// Adadelta (Zeiler, 2012).
public record Adadelta(double rho, double epsilon, double weightDecay) implements UpdateRule {
    static final OptimizerType.Defaults DEFAULTS = new OptimizerType.Defaults(0, 1e-6, null);
    private static final String SQUARE = "square_avg";
    private static final String MOVED = "acc_delta";

    public Adadelta {
        Checks.fraction("Adadelta: rho", rho);
        Checks.notNegative("Adadelta: epsilon", epsilon);
        Checks.notNegative("Adadelta: weight_decay", weightDecay);
    }

    Adadelta(Training.Optimizer settings) {
        this(0.9, settings.eps(), settings.weightDecay());
    }

    @Override
    public List<String> slots() {
        return List.of(SQUARE, MOVED);
    }

    @Override
    public void update(Update step) {
        Node d = step.gradientWithDecay(weightDecay);
        Node square = step.store(SQUARE, add(scale(step.slot(SQUARE), rho), mul(scale(d, 1 - rho), d)));
        Node moved = step.slot(MOVED);
        Node delta = mul(div(sqrt(shift(moved, epsilon)), sqrt(shift(square, epsilon))), d);
        step.store(MOVED, add(scale(moved, rho), mul(scale(delta, 1 - rho), delta)));
        step.move(sub(step.parameters(), mul(step.number((_, rate) -> rate), delta)));
    }
}
