package org.iolaus.op;

import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Sample;
import org.jspecify.annotations.Nullable;

/// Logistic function `1 / (1 + exp(-x))`.
record Sigmoid() implements Pointwise {

    @Override
    public void apply(double[] out, double[][] in, int n) {
        double[] a = in[0];
        for (int i = 0; i < n; i++) {
            out[i] = 1 / (1 + Math.exp(-a[i]));
        }
    }

    @Override
    public String code(String... x) {
        return "T(1) / (T(1) + exp(-" + x[0] + "))";
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        return List.of(Expr.mul(cotangent, Expr.mul(node, Expr.shift(Expr.neg(node), 1))));
    }

    @Override
    public double instructions(Node node) {
        return 12;
    }

    @Override
    public List<Sample> samples() {
        return List.of(Sample.of(new Sigmoid(), Sample.floats(5, 3)), Sample.of(new Sigmoid(), Sample.floats(1000)));
    }
}
