package org.iolaus.attention.equiformer;

import org.iolaus.ir.Node;
import org.iolaus.nn.Activation;
import org.iolaus.nn.Initializer;
import org.iolaus.nn.Linear;
import org.iolaus.nn.Scope;
import org.iolaus.op.Expr;
import org.iolaus.tensor.Shape;
import org.jspecify.annotations.Nullable;

/// Expands a distance in functions of `d - mu`, with centres mu evenly over a range, both ends included.
///
/// Unlike in [org.iolaus.nn.GaussianSmearing], the width is a factor times the spacing, and the centres are no
/// buffer, as in the paper's code. No function goes to zero at the end of the range.
public final class DistanceExpansion {
    private final Settings settings;
    private final @Nullable Linear dense;

    /// The functions, with the spacing h and the width factor w.
    public enum Function {
        /// `exp(-(d - mu)^2 / (2 (w h)^2))`
        GAUSSIAN,
        /// `sigmoid(w (d - mu) / h)`
        SIGMOID,
        /// the same plus 0.001 of its argument
        LINEAR_SIGMOID,
        /// SiLU of a learned dense layer of d; range and width do not count
        SILU
    }

    /// Kind and sizes.
    ///
    /// @param stop end of the range, Å
    /// @param count number of functions, at least 2
    /// @param width factor of the spacing
    public record Settings(Function function, double start, double stop, int count, double width) {}

    public DistanceExpansion(Scope scope, Settings settings) {
        this.settings = settings;
        dense = settings.function() == Function.SILU
                ? Linear.of(scope.at("fc1"), 2, settings.count(), Initializer.dense(2), Initializer.dense(2))
                : null;
    }

    /// distance: (E, 1), Å -> (E, count)
    public Node apply(Node distance) {
        if (dense != null) {
            Node one = Expr.full(distance.shape(), 1);
            return Activation.SILU.apply(dense.applyToParts(distance, one));
        }
        int count = settings.count();
        double step = (settings.stop() - settings.start()) / (count - 1);
        double[] centres = new double[count];
        for (int i = 0; i < count; i++) {
            centres[i] = settings.start() + i * step;
        }
        Node offset = Expr.sub(distance, Expr.constant(Shape.of(count), centres));
        double width = settings.width();
        Node scaled = Expr.scale(offset, width / step);
        return switch (settings.function()) {
            case GAUSSIAN -> Expr.exp(Expr.scale(Expr.square(offset), -0.5 / (width * step * width * step)));
            case SIGMOID -> Expr.sigmoid(scaled);
            case LINEAR_SIGMOID -> Expr.add(Expr.sigmoid(scaled), Expr.scale(scaled, 0.001));
            case SILU -> throw new IllegalStateException("distance expansion: want a dense layer, got none");
        };
    }
}
