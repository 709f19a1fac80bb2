package org.iolaus.op;

import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Sample;
import org.jspecify.annotations.Nullable;

/// `cos(x)`.
record Cos() implements Pointwise {

    @Override
    public void apply(double[] out, double[][] in, int n) {
        double[] a = in[0];
        for (int i = 0; i < n; i++) {
            out[i] = Math.cos(a[i]);
        }
    }

    @Override
    public String code(String... x) {
        return "cos(" + x[0] + ")";
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        Node x = node.input(0);
        return List.of(Expr.neg(Expr.mul(cotangent, Expr.sin(x))));
    }

    @Override
    public double instructions(Node node) {
        return 25;
    }

    @Override
    public List<Sample> samples() {
        return List.of(Sample.of(new Cos(), Sample.floats(5, 3)), Sample.of(new Cos(), Sample.floats(1000)));
    }
}
