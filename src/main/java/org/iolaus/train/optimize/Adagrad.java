package org.iolaus.train.optimize;

import static org.iolaus.op.Expr.add;
import static org.iolaus.op.Expr.div;
import static org.iolaus.op.Expr.mul;
import static org.iolaus.op.Expr.shift;
import static org.iolaus.op.Expr.sqrt;
import static org.iolaus.op.Expr.square;
import static org.iolaus.op.Expr.sub;

import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.train.Checks;
import org.iolaus.train.Training;

/// Adagrad (Duchi, Hazan and Singer, 2011).
public record Adagrad(double epsilon, double weightDecay) implements UpdateRule {
    static final OptimizerType.Defaults DEFAULTS = new OptimizerType.Defaults(0, 1e-10, null);
    private static final String SUM = "sum";

    public Adagrad {
        Checks.notNegative("Adagrad: epsilon", epsilon);
        Checks.notNegative("Adagrad: weight_decay", weightDecay);
    }

    Adagrad(Training.Optimizer settings) {
        this(settings.eps(), settings.weightDecay());
    }

    @Override
    public List<String> slots() {
        return List.of(SUM);
    }

    @Override
    public void update(Update step) {
        Node d = step.gradientWithDecay(weightDecay);
        Node sum = step.store(SUM, add(step.slot(SUM), square(d)));
        Node move = div(mul(step.number((_, rate) -> rate), d), shift(sqrt(sum), epsilon));
        step.move(sub(step.parameters(), move));
    }
}
