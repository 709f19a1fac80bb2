package org.iolaus.nn;

import org.iolaus.ir.Node;
import org.iolaus.op.Expr;
import org.jspecify.annotations.Nullable;

/// Distance between prediction and target: the mean over all components of all ranks (`L2`: over all rows).
public enum Loss {
    MSE("mse"),
    MAE("mae"),
    RMSE("rmse"),
    SMOOTH_L1("smooth_l1"),
    /// the Euclidean norm of a row's error: the distance between two forces, or the absolute error of one number
    L2("l2"),
    GAUSSIAN_NLL("GaussianNLLLoss");

    private static final double SMALLEST_VARIANCE = 1e-6;

    private final String key;

    Loss(String key) {
        this.key = key;
    }

    /// This rank's share of the loss. The shares of all ranks add up to the loss, and so do their gradients.
    ///
    /// @param predicted (R, C); likewise `target` and `variance` (GAUSSIAN_NLL only)
    /// @param weight (R, 1): 1, or 0 for a row that is padding
    /// @param rows (): rows over all ranks, padding not counted
    /// @param ranks (): number of ranks
    public Node apply(Node predicted, Node target, @Nullable Node variance, Node weight, Node rows, Node ranks) {
        Node difference = Expr.sub(predicted, target);
        Node each = switch (this) {
            case MSE, RMSE -> Expr.square(difference);
            case MAE -> Expr.abs(difference);
            case SMOOTH_L1 -> smooth(difference);
            case L2 -> norm(difference);
            case GAUSSIAN_NLL -> negativeLogLikelihood(difference, variance);
        };
        int components = this == L2 ? 1 : predicted.shape().dim(-1).intValue();
        Node mean = Expr.div(Expr.sumAll(Expr.mul(each, weight)), Expr.scale(rows, components));
        return this == RMSE ? Expr.div(Expr.sqrt(Expr.allReduce(mean)), ranks) : mean;
    }

    /// Quadratic below 1, linear above.
    private static Node smooth(Node difference) {
        Node size = Expr.abs(difference);
        return Expr.where(
                Expr.less(size, Expr.constant(1)), Expr.scale(Expr.square(difference), 0.5), Expr.shift(size, -0.5));
    }

    /// (R, C) -> (R, 1). Where a row is 0, all derivatives are 0; elsewhere they are those of the norm.
    private static Node norm(Node difference) {
        Node square = Expr.sum(Expr.square(difference), 1);
        Node some = Expr.step(square);
        return Expr.where(some, Expr.sqrt(Expr.where(some, square, Expr.constant(1))), Expr.constant(0));
    }

    /// Variances below the smallest one are raised to it; the gradient ignores that.
    private static Node negativeLogLikelihood(Node difference, @Nullable Node variance) {
        if (variance == null) {
            throw new IllegalArgumentException("GaussianNLLLoss: want a variance, got none");
        }
        Node missing = Expr.detach(Expr.relu(Expr.shift(Expr.neg(variance), SMALLEST_VARIANCE)));
        Node spread = Expr.add(variance, missing);
        return Expr.scale(Expr.add(Expr.log(spread), Expr.div(Expr.square(difference), spread)), 0.5);
    }

    @Override
    public String toString() {
        return key;
    }
}
