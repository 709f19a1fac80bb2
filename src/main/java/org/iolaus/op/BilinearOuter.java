package org.iolaus.op;

import java.util.List;
import org.iolaus.ir.Cost;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Sample;
import org.iolaus.ir.Type;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// What [BilinearProduct] sends back to its first factor: `z[e, p]` is the sum over the terms of entry `p`
/// of `coefficient * sum over c of u[e, row, c] * v[e, column, c]`.
///
/// `u: (E, rows, C)`, `v: (E, columns, C)`, result `(E, entries)`.
public record BilinearOuter(BilinearTerms terms) implements Op {

    @Override
    public Type infer(List<Type> inputs) {
        Shape u = inputs.get(0).shape();
        Shape v = inputs.get(1).shape();
        boolean fits = u.rank() == 3 && v.rank() == 3 && u.with(1, v.dim(1)).equals(v);
        if (!fits || !u.dim(1).equals(Dim.of(terms.rows())) || !v.dim(1).equals(Dim.of(terms.columns()))) {
            throw new ShapeException(name() + ": want (E, " + terms.rows() + ", C) and (E, " + terms.columns()
                    + ", C), got " + u + " and " + v);
        }
        return Type.floats(Shape.of(u.dim(0), terms.entries()));
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        return List.of(
                Expr.bilinear(terms, cotangent, node.input(1)),
                Expr.bilinear(terms.transposed(), cotangent, node.input(0)));
    }

    @Override
    public void cpu(HostCall call) {
        rows(call, 0, call.out().shape()[0]);
    }

    /// Computes the result of items `from <= e < to`. Channels are added in four interleaved sums.
    @Override
    public void rows(HostCall call, int from, int to) {
        BilinearTerms.Table table = terms.byEntry();
        int[] start = table.start();
        HostView out = call.out();
        double[] u = call.in(0).data();
        double[] v = call.in(1).data();
        int channels = call.in(0).shape()[2];
        for (int e = from; e < to; e++) {
            int uAt = call.in(0).offset() + e * terms.rows() * channels;
            int vAt = call.in(1).offset() + e * terms.columns() * channels;
            for (int p = 0; p < terms.entries(); p++) {
                double sum = 0;
                for (int t = start[p]; t < start[p + 1]; t++) {
                    int u0 = uAt + table.row()[t] * channels;
                    int v0 = vAt + table.column()[t] * channels;
                    sum += table.coefficient()[t] * dot(u, u0, v, v0, channels);
                }
                out.set(e * terms.entries() + p, sum);
            }
        }
    }

    private static double dot(double[] u, int uAt, double[] v, int vAt, int n) {
        double s0 = 0;
        double s1 = 0;
        double s2 = 0;
        double s3 = 0;
        int c = 0;
        for (; c + 4 <= n; c += 4) {
            s0 += u[uAt + c] * v[vAt + c];
            s1 += u[uAt + c + 1] * v[vAt + c + 1];
            s2 += u[uAt + c + 2] * v[vAt + c + 2];
            s3 += u[uAt + c + 3] * v[vAt + c + 3];
        }
        for (; c < n; c++) {
            s0 += u[uAt + c] * v[vAt + c];
        }
        return (s0 + s1) + (s2 + s3);
    }

    @Override
    public Cost cost(Node node, Sizes sizes) {
        Shape u = node.input(0).shape();
        long items = u.dim(0).value(sizes);
        long channels = u.dim(2).value(sizes);
        long moved = items * (terms.entries() + (terms.rows() + terms.columns()) * channels);
        return new Cost(2 * items * channels * terms.size(), moved);
    }

    @Override
    public boolean isZero(List<Boolean> zero) {
        return zero.get(0) || zero.get(1);
    }

    @Override
    public boolean readsBf16(int operand) {
        return true;
    }

    @Override
    public long sharedWork(HostCall call) {
        return (long) terms.size() * call.in(0).shape()[0] * call.in(0).shape()[2];
    }

    @Override
    public List<Sample> samples() {
        BilinearTerms blocks = BilinearProduct.examples().get(0);
        BilinearTerms scattered = BilinearProduct.examples().get(1);
        return List.of(
                Sample.of(new BilinearOuter(blocks), Sample.floats(5, 3, 3), Sample.floats(5, 4, 3)),
                Sample.of(new BilinearOuter(blocks), Sample.floats(2, 3, 33), Sample.floats(2, 4, 33)),
                Sample.of(new BilinearOuter(scattered), Sample.floats(31, 5, 1), Sample.floats(31, 2, 1)),
                Sample.of(new BilinearOuter(scattered), Sample.floats(3, 5, 8), Sample.floats(3, 2, 8)),
                Sample.of(new BilinearOuter(scattered), Sample.floats(0, 5, 8), Sample.floats(0, 2, 8)));
    }
}
