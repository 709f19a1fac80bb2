package org.iolaus.nn;

import org.iolaus.ir.Node;
import org.iolaus.nn.Parameters.Group;
import org.iolaus.op.Expr;
import org.iolaus.tensor.ShapeException;
import org.jspecify.annotations.Nullable;

/// Dense layer `y = x W^T + b`.
///
/// @param weight `(out, in)`
/// @param bias `(out)`; null without
public record Linear(Node weight, @Nullable Node bias) {

    /// With a bias, PyTorch's default initialisation.
    public static Linear of(Scope scope, int in, int out) {
        return of(scope, in, out, Initializer.dense(in), Initializer.dense(in));
    }

    public static Linear withoutBias(Scope scope, int in, int out) {
        return of(scope, in, out, Initializer.dense(in), null);
    }

    /// With given initial values.
    ///
    /// @param biasInitializer null for a layer without bias
    public static Linear of(
            Scope scope, int in, int out, Initializer weightInitializer, @Nullable Initializer biasInitializer) {
        Node weight = scope.parameter("weight", weightInitializer, out, in);
        return new Linear(
                weight, biasInitializer == null ? null : scope.parameter(Group.BIASES, "bias", biasInitializer, out));
    }

    /// x: (..., in) -> (..., out)
    public Node apply(Node x) {
        return Expr.linear(x, weight, bias);
    }

    /// The part of the layer that makes `length` outputs from `start` on.
    public Linear rows(int start, int length) {
        return new Linear(
                Expr.slice(weight, 0, start, length), bias == null ? null : Expr.slice(bias, 0, start, length));
    }

    /// The part of the layer, without bias, that reads `length` inputs from `start` on.
    public Linear columns(int start, int length) {
        return new Linear(Expr.slice(weight, 1, start, length), null);
    }

    /// The output for the concatenation of `parts` along their last axis, without the copy.
    public Node applyToParts(Node... parts) {
        Node sum = null;
        int start = 0;
        for (Node part : parts) {
            int width = part.shape().dim(-1).intValue();
            Linear columns = columns(start, width);
            start += width;
            sum = sum == null ? new Linear(columns.weight, bias).apply(part) : Expr.add(sum, columns.apply(part));
        }
        if (sum == null || start != weight.shape().dim(1).intValue()) {
            throw new ShapeException("Linear: want parts of " + weight.shape().dim(1) + " columns, got " + start);
        }
        return sum;
    }
}
