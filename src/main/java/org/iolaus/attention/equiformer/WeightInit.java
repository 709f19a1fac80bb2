package org.iolaus.attention.equiformer;

import org.iolaus.nn.Initializer;

/// First values of the dense layers' weights; biases start at 0, and those of radial functions are always
/// uniform.
public enum WeightInit {
    /// in `±1/sqrt(in)`
    UNIFORM,
    /// deviation `1/sqrt(in)`
    NORMAL;

    Initializer dense(int in) {
        return this == NORMAL ? Initializer.normal(1 / Math.sqrt(in)) : Initializer.dense(in);
    }

    /// Of an SO(2) map, whose two halves both add to each output: uniform values are smaller by sqrt 2.
    Initializer so2(int in) {
        return this == NORMAL ? dense(in) : Initializer.uniform(1 / Math.sqrt(2.0 * in));
    }
}
