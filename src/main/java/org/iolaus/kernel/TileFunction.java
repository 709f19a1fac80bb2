package org.iolaus.kernel;

/// A scalar function applied to a run of elements; its plain loop is the function's definition.
public interface TileFunction {

    /// Sets `out[i] = f(in[0][i], in[1][i], ...)` for `i < n`. `out` may be one of the inputs.
    void apply(double[] out, double[][] in, int n);

    /// The function as a C++ expression of its operands, for type `T`.
    ///
    /// @param x names of the operands
    String code(String... x);
}
