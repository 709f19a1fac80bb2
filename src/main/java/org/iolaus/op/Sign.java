package org.iolaus.op;

import java.util.Collections;
import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Sample;
import org.jspecify.annotations.Nullable;

/// -1, 0 or 1, NaN for NaN; no gradient.
record Sign() implements Pointwise {

    @Override
    public void apply(double[] out, double[][] in, int n) {
        double[] a = in[0];
        for (int i = 0; i < n; i++) {
            out[i] = Math.signum(a[i]);
        }
    }

    @Override
    public String code(String... x) {
        return x[0] + " > T(0) ? T(1) : " + x[0] + " < T(0) ? T(-1) : " + x[0];
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        return Collections.singletonList(null);
    }

    @Override
    public List<Sample> samples() {
        return List.of(Sample.of(new Sign(), Sample.floats(5, 3)), Sample.of(new Sign(), Sample.floats(1000)));
    }
}
