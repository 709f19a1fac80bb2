package org.iolaus.op;

import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Sample;
import org.jspecify.annotations.Nullable;

/// `tanh(x)`.
record Tanh() implements Pointwise {

    @Override
    public void apply(double[] out, double[][] in, int n) {
        double[] a = in[0];
        for (int i = 0; i < n; i++) {
            out[i] = Math.tanh(a[i]);
        }
    }

    @Override
    public String code(String... x) {
        return "tanh(" + x[0] + ")";
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        return List.of(Expr.mul(cotangent, Expr.shift(Expr.neg(Expr.square(node)), 1)));
    }

    @Override
    public double instructions(Node node) {
        return 25;
    }

    @Override
    public List<Sample> samples() {
        return List.of(Sample.of(new Tanh(), Sample.floats(5, 3)), Sample.of(new Tanh(), Sample.floats(1000)));
    }
}
