package org.iolaus.nn;

import java.util.function.UnaryOperator;
import org.iolaus.ir.Node;
import org.iolaus.op.Expr;
import org.jspecify.annotations.Nullable;

/// A nonlinearity. At a kink its derivative is that of PyTorch.
public final class Activation {
    public static final Activation RELU = new Activation(Expr::relu, null);
    public static final Activation SILU = new Activation(x -> Expr.mul(x, Expr.sigmoid(x)), null);
    public static final Activation TANH = new Activation(Expr::tanh, null);
    public static final Activation SHIFTED_SOFTPLUS =
            new Activation(x -> Expr.shift(Expr.softplus(x), -Math.log(2)), null);

    /// Klambauer et al. 2017.
    private static final double SELU_ALPHA = 1.6732632423543772;

    private static final double SELU_SCALE = 1.0507009873554805;

    private final UnaryOperator<Node> function;
    private final @Nullable String slopeName;

    private Activation(UnaryOperator<Node> function, @Nullable String slopeName) {
        this.function = function;
        this.slopeName = slopeName;
    }

    /// Activations that a configuration may ask for; the number of a leaky ReLU is its slope below zero.
    public enum Type {
        RELU,
        SELU,
        PRELU,
        ELU,
        LRELU_01,
        LRELU_025,
        LRELU_05,
        SIGMOID,
        SILU,
        TANH
    }

    /// Makes an activation. A PReLU makes its slope, which all its uses share, in `scope`.
    public static Activation of(Type type, Scope scope) {
        return switch (type) {
            case RELU -> RELU;
            case SILU -> SILU;
            case TANH -> TANH;
            case SIGMOID -> new Activation(Expr::sigmoid, null);
            case ELU -> new Activation(x -> exponentialBelow(x, 1), null);
            case SELU -> new Activation(x -> Expr.scale(exponentialBelow(x, SELU_ALPHA), SELU_SCALE), null);
            case LRELU_01 -> new Activation(x -> linearBelow(x, Expr.constant(0.1)), null);
            case LRELU_025 -> new Activation(x -> linearBelow(x, Expr.constant(0.25)), null);
            case LRELU_05 -> new Activation(x -> linearBelow(x, Expr.constant(0.5)), null);
            case PRELU -> {
                Node slope = scope.parameter("weight", Initializer.constant(0.25), 1);
                yield new Activation(x -> linearBelow(x, slope), scope.name("weight"));
            }
        };
    }

    public Node apply(Node x) {
        return function.apply(x);
    }

    /// Gives the parameters of this activation, if there are any, a second name in `scope`.
    public void nameAt(Scope scope) {
        if (slopeName != null) {
            scope.alias("weight", slopeName);
        }
    }

    private static Node linearBelow(Node x, Node slope) {
        return Expr.where(Expr.step(x), x, Expr.mul(x, slope));
    }

    /// `x` above 0, `alpha (exp(x) - 1)` below; the exponential never sees a positive argument.
    private static Node exponentialBelow(Node x, double alpha) {
        Node above = Expr.step(x);
        Node below = Expr.where(above, Expr.constant(0), x);
        return Expr.where(above, x, Expr.scale(Expr.shift(Expr.exp(below), -1), alpha));
    }
}
