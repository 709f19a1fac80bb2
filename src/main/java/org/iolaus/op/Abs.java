package org.iolaus.op;

import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Sample;
import org.jspecify.annotations.Nullable;

/// `|x|`; its derivative at 0 is 0.
record Abs() implements Pointwise {

    @Override
    public void apply(double[] out, double[][] in, int n) {
        double[] a = in[0];
        for (int i = 0; i < n; i++) {
            out[i] = Math.abs(a[i]);
        }
    }

    @Override
    public String code(String... x) {
        return "fabs(" + x[0] + ")";
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        Node x = node.input(0);
        return List.of(Expr.mul(cotangent, Expr.sign(x)));
    }

    @Override
    public List<Sample> samples() {
        return List.of(Sample.of(new Abs(), Sample.floats(5, 3)), Sample.of(new Abs(), Sample.floats(1000)));
    }
}
