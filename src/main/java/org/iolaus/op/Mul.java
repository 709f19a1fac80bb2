package org.iolaus.op;

import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Sample;
import org.jspecify.annotations.Nullable;

/// `a b`.
public record Mul() implements Pointwise {

    @Override
    public void apply(double[] out, double[][] in, int n) {
        double[] a = in[0];
        double[] b = in[1];
        for (int i = 0; i < n; i++) {
            out[i] = a[i] * b[i];
        }
    }

    @Override
    public String code(String... x) {
        return x[0] + " * " + x[1];
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        Node a = node.input(0);
        Node b = node.input(1);
        return List.of(
                Expr.sumTo(Expr.mul(cotangent, b), node.input(0).shape()),
                Expr.sumTo(Expr.mul(cotangent, a), node.input(1).shape()));
    }

    @Override
    public boolean isZero(List<Boolean> zero) {
        return zero.get(0) || zero.get(1);
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
