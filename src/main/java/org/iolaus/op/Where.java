package org.iolaus.op;

import java.util.Arrays;
import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Sample;
import org.jspecify.annotations.Nullable;

/// `a` where the condition is not 0 (NaN is not), else `b`; gradients flow to the chosen branch only.
record Where() implements Pointwise {

    @Override
    public void apply(double[] out, double[][] in, int n) {
        double[] condition = in[0];
        double[] a = in[1];
        double[] b = in[2];
        for (int i = 0; i < n; i++) {
            out[i] = condition[i] != 0 ? a[i] : b[i];
        }
    }

    @Override
    public String code(String... x) {
        return x[0] + " != T(0) ? " + x[1] + " : " + x[2];
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        Node condition = node.input(0);
        Node zero = Expr.zeros(node.shape());
        return Arrays.asList(
                null,
                Expr.sumTo(Expr.where(condition, cotangent, zero), node.input(1).shape()),
                Expr.sumTo(Expr.where(condition, zero, cotangent), node.input(2).shape()));
    }

    @Override
    public List<Sample> samples() {
        return List.of(
                Sample.of(this, Sample.floats(6, 5), Sample.floats(6, 5), Sample.floats(6, 5)),
                Sample.of(this, Sample.floats(6, 1), Sample.floats(1, 5), Sample.floats(6, 5)));
    }
}
