package org.iolaus.nn;

import java.util.Locale;
import java.util.function.UnaryOperator;
import org.iolaus.ir.Node;
import org.iolaus.op.Expr;
import org.jspecify.annotations.Nullable;

/// A nonlinearity. Where PyTorch fixes a derivative at a kink, it is the same here.
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

    /// The activation with a name of the configuration. `prelu` makes its slope, which all its places share, in
    /// `scope`.
    public static Activation of(String name, Scope scope) {
        return switch (name.toLowerCase(Locale.ROOT)) {
            case "relu" -> RELU;
            case "silu" -> SILU;
            case "tanh" -> TANH;
            case "sigmoid" -> new Activation(Expr::sigmoid, null);
            case "elu" -> new Activation(x -> exponentialBelow(x, 1), null);
            case "selu" -> new Activation(x -> Expr.scale(exponentialBelow(x, SELU_ALPHA), SELU_SCALE), null);
            case "lrelu_01" -> new Activation(x -> linearBelow(x, Expr.constant(0.1)), null);
            case "lrelu_025" -> new Activation(x -> linearBelow(x, Expr.constant(0.25)), null);
            case "lrelu_05" -> new Activation(x -> linearBelow(x, Expr.constant(0.5)), null);
            case "prelu" -> {
                Node slope = scope.parameter("weight", Initializer.constant(0.25), 1);
                yield new Activation(x -> linearBelow(x, slope), scope.name("weight"));
            }
            default -> throw new IllegalArgumentException("activation_function: want a known name, got " + name);
        };
    }

    public Node apply(Node x) {
        return function.apply(x);
    }

    /// Gives the parameters of this activation, if any, a further name in `scope`.
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
