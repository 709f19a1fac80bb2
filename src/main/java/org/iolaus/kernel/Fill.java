package org.iolaus.kernel;

import java.util.Arrays;

/// One finite value everywhere.
public record Fill(double value) implements TileFunction {

    @Override
    public void apply(double[] out, double[][] in, int n) {
        Arrays.fill(out, 0, n, value);
    }

    @Override
    public String code(String... x) {
        return "T(" + value + ")";
    }
}
