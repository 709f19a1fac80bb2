package org.iolaus.nn;

import java.util.Arrays;
import java.util.SplittableRandom;

/// Sets the initial values of a parameter.
@FunctionalInterface
public interface Initializer {

    /// Sets the values.
    ///
    /// @param values to fill, row-major
    /// @param shape extents; a weight is `(out, in)`
    /// @param random the parameter's own generator
    void fill(double[] values, int[] shape, SplittableRandom random);

    static Initializer constant(double value) {
        return (values, shape, random) -> Arrays.fill(values, value);
    }

    /// Fixed values, whatever the seed.
    static Initializer of(double... fixed) {
        return (values, shape, random) -> System.arraycopy(fixed, 0, values, 0, values.length);
    }

    /// Uniform in `[-bound, bound)`.
    static Initializer uniform(double bound) {
        return (values, shape, random) -> {
            for (int i = 0; i < values.length; i++) {
                values[i] = bound == 0 ? 0 : random.nextDouble(-bound, bound);
            }
        };
    }

    /// Normal with mean 0 and deviation 1, as PyTorch fills an embedding table.
    static Initializer normal() {
        return normal(1);
    }

    /// Normal with mean 0.
    static Initializer normal(double deviation) {
        return (values, shape, random) -> {
            for (int i = 0; i < values.length; i++) {
                values[i] = deviation * random.nextGaussian();
            }
        };
    }

    /// Uniform in `±1/sqrt(fanIn)`: PyTorch's default for the weight and the bias of a dense layer.
    static Initializer dense(int fanIn) {
        return uniform(1 / Math.sqrt(fanIn));
    }

    /// Uniform in `±gain sqrt(6 / (in + out))` (Glorot and Bengio 2010).
    static Initializer xavierUniform(double gain) {
        return (values, shape, random) ->
                uniform(gain * Math.sqrt(6.0 / (shape[0] + shape[1]))).fill(values, shape, random);
    }
}
