package org.iolaus.op;

import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Sample;
import org.jspecify.annotations.Nullable;

/// The smaller of the two, NaN if either is; where they are equal the gradient goes to `a`.
record Min() implements Pointwise {

    @Override
    public void apply(double[] out, double[][] in, int n) {
        double[] a = in[0];
        double[] b = in[1];
        for (int i = 0; i < n; i++) {
            out[i] = Math.min(a[i], b[i]);
        }
    }

    @Override
    public String code(String... x) {
        return "iolaus_min(" + x[0] + ", " + x[1] + ")";
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        Node a = node.input(0);
        Node b = node.input(1);
        return List.of(
                Expr.sumTo(
                        Expr.where(Expr.less(b, a), Expr.zeros(node.shape()), cotangent),
                        node.input(0).shape()),
                Expr.sumTo(
                        Expr.where(Expr.step(Expr.sub(a, b)), cotangent, Expr.zeros(node.shape())),
                        node.input(1).shape()));
    }

    @Override
    public List<Sample> samples() {
        return List.of(
                Sample.of(this, Sample.floats(6, 5), Sample.floats(6, 5)),
                Sample.of(this, Sample.floats(6, 1), Sample.floats(1, 5)),
                Sample.of(this, Sample.floats(3, 1, 4), Sample.floats(3, 2, 4)),
                Sample.of(this, Sample.floats(1, 1), Sample.floats(33, 31)));
    }
}
