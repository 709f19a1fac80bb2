package org.iolaus.attention.equiformer;

import org.iolaus.ir.Node;
import org.iolaus.nn.Activation;
import org.iolaus.nn.Initializer;
import org.iolaus.nn.LayerNorm;
import org.iolaus.nn.Linear;
import org.iolaus.nn.Scope;

/// Weights from the scalars of an edge: dense, LayerNorm, SiLU, dense, LayerNorm, SiLU, dense.
public final class RadialFunction {
    private final Linear first;
    private final LayerNorm firstNorm;
    private final Linear second;
    private final LayerNorm secondNorm;
    private final Linear last;

    /// @param in columns of the edge scalars
    public RadialFunction(Scope scope, int in, int firstWidth, int secondWidth, int out) {
        Scope net = scope.at("net");
        first = dense(net.at(0), in, firstWidth);
        firstNorm = LayerNorm.of(net.at(1), firstWidth);
        second = dense(net.at(3), firstWidth, secondWidth);
        secondNorm = LayerNorm.of(net.at(4), secondWidth);
        last = dense(net.at(6), secondWidth, out);
    }

    /// The radial function of a module with these widths.
    static RadialFunction of(Scope scope, EdgeChannels channels, int out) {
        return new RadialFunction(scope, channels.scalars(), channels.first(), channels.second(), out);
    }

    private static Linear dense(Scope scope, int in, int out) {
        return Linear.of(scope, in, out, Initializer.dense(in), Initializer.constant(0));
    }

    /// -> (E, out)
    public Node apply(EdgeScalars scalars) {
        Node hidden = Activation.SILU.apply(firstNorm.apply(scalars.through(first)));
        return last.apply(Activation.SILU.apply(secondNorm.apply(second.apply(hidden))));
    }
}
