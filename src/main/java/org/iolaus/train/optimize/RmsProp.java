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

/// RMSprop (Hinton's lecture), with momentum if that is not zero.
public record RmsProp(double alpha, double epsilon, double weightDecay, double momentum) implements UpdateRule {
    static final OptimizerType.Defaults DEFAULTS = new OptimizerType.Defaults(0, 1e-8, 0.0);
    private static final String SQUARE = "square_avg";
    private static final String BUFFER = "momentum_buffer";

    public RmsProp {
        Checks.notNegative("RMSprop: epsilon", epsilon);
        Checks.notNegative("RMSprop: weight_decay", weightDecay);
        Checks.fraction("RMSprop: momentum", momentum);
    }

    RmsProp(Training.Optimizer settings) {
        this(0.99, settings.eps(), settings.weightDecay(), settings.momentum());
    }

    @Override
    public List<String> slots() {
        return momentum == 0 ? List.of(SQUARE) : List.of(SQUARE, BUFFER);
    }

    @Override
    public void update(Update step) {
        Node d = step.gradientWithDecay(weightDecay);
        Node square = step.store(SQUARE, add(scale(step.slot(SQUARE), alpha), mul(scale(d, 1 - alpha), d)));
        Node move = div(d, shift(sqrt(square), epsilon));
        if (momentum > 0) {
            move = step.store(BUFFER, add(move, scale(step.slot(BUFFER), momentum)));
        }
        step.move(sub(step.parameters(), mul(step.number((_, rate) -> rate), move)));
    }
}
