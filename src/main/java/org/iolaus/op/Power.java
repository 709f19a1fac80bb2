package org.iolaus.op;

import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Sample;
import org.jspecify.annotations.Nullable;

/// `x^exponent` for a constant exponent.
record Power(double exponent) implements Pointwise {

    @Override
    public void apply(double[] out, double[][] in, int n) {
        double[] a = in[0];
        if (exponent == -1) {
            for (int i = 0; i < n; i++) {
                out[i] = 1 / a[i];
            }
        } else if (exponent == -2) {
            for (int i = 0; i < n; i++) {
                out[i] = 1 / (a[i] * a[i]);
            }
        } else {
            for (int i = 0; i < n; i++) {
                out[i] = Math.pow(a[i], exponent);
            }
        }
    }

    @Override
    public String code(String... x) {
        return exponent == -1
                ? "T(1) / " + x[0]
                : exponent == -2 ? "T(1) / (" + x[0] + " * " + x[0] + ")" : "pow(" + x[0] + ", T(" + exponent + "))";
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        Node x = node.input(0);
        return List.of(Expr.scale(Expr.mul(cotangent, Expr.pow(x, exponent - 1)), exponent));
    }

    @Override
    public double instructions(Node node) {
        return 25;
    }

    @Override
    public List<Sample> samples() {
        return List.of(
                Sample.of(new Power(-1), Sample.positive(5, 3)),
                Sample.of(new Power(-1), Sample.positive(1000)),
                Sample.of(new Power(3), Sample.positive(7)),
                Sample.of(new Power(0.5), Sample.positive(7)),
                Sample.of(new Power(2.7), Sample.positive(7)));
    }
}
