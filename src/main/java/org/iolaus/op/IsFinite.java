package org.iolaus.op;

import java.util.Collections;
import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Sample;
import org.jspecify.annotations.Nullable;

/// 1 where `x` is a finite number, 0 where it is NaN or infinite; no gradient.
record IsFinite() implements Pointwise {

    @Override
    public void apply(double[] out, double[][] in, int n) {
        double[] a = in[0];
        for (int i = 0; i < n; i++) {
            out[i] = Double.isFinite(a[i]) ? 1 : 0;
        }
    }

    @Override
    public String code(String... x) {
        return "isfinite(" + x[0] + ") ? T(1) : T(0)";
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        return Collections.singletonList(null);
    }

    @Override
    public List<Sample> samples() {
        return List.of(Sample.of(new IsFinite(), Sample.floats(5, 3)), Sample.of(new IsFinite(), Sample.floats(1000)));
    }
}
