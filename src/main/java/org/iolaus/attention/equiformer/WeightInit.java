package org.iolaus.attention.equiformer;

import org.iolaus.nn.Initializer;

/// Initial values of the weights of dense layers. Biases start at 0; radial functions are always uniform.
public enum WeightInit {
    /// in `±1/sqrt(in)`
    UNIFORM,
    /// deviation `1/sqrt(in)`
    NORMAL;

    Initializer dense(int in) {
        return this == NORMAL ? Initializer.normal(1 / Math.sqrt(in)) : Initializer.dense(in);
    }

    /// For an SO(2) map. Both its halves add to each output, so uniform values are smaller by sqrt 2.
    Initializer so2(int in) {
        return this == NORMAL ? dense(in) : Initializer.uniform(1 / Math.sqrt(2.0 * in));
    }
}
