package org.iolaus.op;

import java.util.Collections;
import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Sample;
import org.jspecify.annotations.Nullable;

/// `x`, through which no gradient flows.
public record Detach() implements Pointwise {

    @Override
    public void apply(double[] out, double[][] in, int n) {
        double[] a = in[0];
        for (int i = 0; i < n; i++) {
            out[i] = a[i];
        }
    }

    @Override
    public String code(String... x) {
        return x[0];
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        return Collections.singletonList(null);
    }

    @Override
    public List<Sample> samples() {
        return List.of(Sample.of(new Detach(), Sample.floats(5, 3)), Sample.of(new Detach(), Sample.floats(1000)));
    }
}
