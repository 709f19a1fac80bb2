package org.iolaus.op;

import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Sample;
import org.jspecify.annotations.Nullable;

/// `a / b`.
public record Div() implements Pointwise {

    @Override
    public void apply(double[] out, double[][] in, int n) {
        double[] a = in[0];
        double[] b = in[1];
        for (int i = 0; i < n; i++) {
            out[i] = a[i] / b[i];
        }
    }

    @Override
    public String code(String... x) {
        return x[0] + " / " + x[1];
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        Node b = node.input(1);
        return List.of(
                Expr.sumTo(Expr.div(cotangent, b), node.input(0).shape()),
                Expr.sumTo(
                        Expr.neg(Expr.div(Expr.mul(cotangent, node), b)),
                        node.input(1).shape()));
    }

    @Override
    public double instructions(Node node) {
        return 6;
    }

    @Override
    public boolean isZero(List<Boolean> zero) {
        return zero.get(0);
    }

    @Override
    public List<Sample> samples() {
        return List.of(
                Sample.of(this, Sample.positive(6, 5), Sample.positive(6, 5)),
                Sample.of(this, Sample.positive(6, 1), Sample.positive(1, 5)),
                Sample.of(this, Sample.positive(3, 1, 4), Sample.positive(3, 2, 4)),
                Sample.of(this, Sample.positive(1, 1), Sample.positive(33, 31)));
    }
}
