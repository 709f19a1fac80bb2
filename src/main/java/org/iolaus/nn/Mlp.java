package org.iolaus.nn;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.ir.Node;
import org.jspecify.annotations.Nullable;

/// Dense layers with an activation between them, named as in a PyTorch `Sequential`: layers at even places,
/// activations at odd ones.
///
/// @param layers first to last
/// @param activation after each layer, after the last only if `activateLast`
public record Mlp(List<Linear> layers, Activation activation, boolean activateLast) {

    /// With PyTorch's default initialisation.
    ///
    /// @param widths of input, hidden layers and output
    public static Mlp of(Scope scope, Activation activation, boolean activateLast, int... widths) {
        return of(scope, activation, activateLast, null, widths);
    }

    /// With given initial values for the last bias.
    ///
    /// @param lastBias initial values of the last layer's bias; null: PyTorch's default
    public static Mlp of(
            Scope scope, Activation activation, boolean activateLast, @Nullable Initializer lastBias, int... widths) {
        List<Linear> layers = new ArrayList<>();
        for (int i = 0; i + 1 < widths.length; i++) {
            Initializer dense = Initializer.dense(widths[i]);
            Initializer bias = lastBias == null || i + 2 < widths.length ? dense : lastBias;
            layers.add(Linear.of(scope.at(2 * i), widths[i], widths[i + 1], dense, bias));
            if (activateLast || i + 2 < widths.length) {
                activation.nameAt(scope.at(2 * i + 1));
            }
        }
        return new Mlp(List.copyOf(layers), activation, activateLast);
    }

    /// x: (..., in) -> (..., out)
    public Node apply(Node x) {
        return after(layers.getFirst().apply(x));
    }

    /// Everything after the first layer.
    ///
    /// @param first the output of the first layer: (..., hidden)
    public Node after(Node first) {
        Node x = first;
        for (int i = 0; i < layers.size(); i++) {
            x = i == 0 ? x : layers.get(i).apply(x);
            x = activateLast || i + 1 < layers.size() ? activation.apply(x) : x;
        }
        return x;
    }
}
