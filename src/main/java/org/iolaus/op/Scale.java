package org.iolaus.op;

import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Sample;
import org.jspecify.annotations.Nullable;

/// `factor * x`.
public record Scale(double factor) implements Pointwise {

    @Override
    public void apply(double[] out, double[][] in, int n) {
        double[] a = in[0];
        for (int i = 0; i < n; i++) {
            out[i] = factor * a[i];
        }
    }

    @Override
    public String code(String... x) {
        return "T(" + factor + ") * " + x[0];
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        return List.of(Expr.scale(cotangent, factor));
    }

    @Override
    public boolean isZero(List<Boolean> zero) {
        return zero.get(0);
    }

    @Override
    public List<Sample> samples() {
        return List.of(
                Sample.of(new Scale(-2.5), Sample.floats(5, 3)), Sample.of(new Scale(-2.5), Sample.floats(1000)));
    }
}
