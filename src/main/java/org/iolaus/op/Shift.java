package org.iolaus.op;

import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Sample;
import org.jspecify.annotations.Nullable;

/// `x + offset`.
public record Shift(double offset) implements Pointwise {

    @Override
    public void apply(double[] out, double[][] in, int n) {
        double[] a = in[0];
        for (int i = 0; i < n; i++) {
            out[i] = a[i] + offset;
        }
    }

    @Override
    public String code(String... x) {
        return x[0] + " + T(" + offset + ")";
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        return List.of(cotangent);
    }

    @Override
    public List<Sample> samples() {
        return List.of(Sample.of(new Shift(0.7), Sample.floats(5, 3)), Sample.of(new Shift(0.7), Sample.floats(1000)));
    }
}
