package org.iolaus.op;

import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Sample;
import org.jspecify.annotations.Nullable;

/// `ln(1 + exp(x))`, safe for large arguments.
record Softplus() implements Pointwise {

    @Override
    public void apply(double[] out, double[][] in, int n) {
        double[] a = in[0];
        for (int i = 0; i < n; i++) {
            out[i] = Math.max(a[i], 0) + Math.log1p(Math.exp(-Math.abs(a[i])));
        }
    }

    @Override
    public String code(String... x) {
        return "fmax(" + x[0] + ", T(0)) + log1p(exp(-fabs(" + x[0] + ")))";
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        Node x = node.input(0);
        return List.of(Expr.mul(cotangent, Expr.sigmoid(x)));
    }

    @Override
    public double instructions(Node node) {
        return 25;
    }

    @Override
    public List<Sample> samples() {
        return List.of(Sample.of(new Softplus(), Sample.floats(5, 3)), Sample.of(new Softplus(), Sample.floats(1000)));
    }
}
