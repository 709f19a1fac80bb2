package org.iolaus.op;

import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Sample;
import org.jspecify.annotations.Nullable;

/// `exp(x)`.
record Exp() implements Pointwise {

    @Override
    public void apply(double[] out, double[][] in, int n) {
        double[] a = in[0];
        for (int i = 0; i < n; i++) {
            out[i] = Math.exp(a[i]);
        }
    }

    @Override
    public String code(String... x) {
        return "exp(" + x[0] + ")";
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        return List.of(Expr.mul(cotangent, node));
    }

    @Override
    public double instructions(Node node) {
        return 6;
    }

    @Override
    public List<Sample> samples() {
        return List.of(Sample.of(new Exp(), Sample.floats(5, 3)), Sample.of(new Exp(), Sample.floats(1000)));
    }
}
