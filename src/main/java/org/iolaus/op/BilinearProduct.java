package org.iolaus.op;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.iolaus.ir.Cost;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Sample;
import org.iolaus.ir.Type;
import org.iolaus.op.BilinearTerms.Term;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// A sparse bilinear map with fixed coefficients, for each item and channel: `y[e, i, c]` is the sum over
/// the terms of row `i` of `coefficient * a[e, entry] * x[e, column, c]`.
///
/// `a: (E, entries)`, `x: (E, columns, C)`, result `(E, rows, C)`. Rotations of SO(3) embeddings by
/// block-diagonal Wigner matrices are such maps, and products with Clebsch-Gordan coefficients. Its
/// derivatives are itself and [BilinearOuter].
public record BilinearProduct(BilinearTerms terms) implements Op {

    @Override
    public Type infer(List<Type> inputs) {
        Shape a = inputs.get(0).shape();
        Shape x = inputs.get(1).shape();
        boolean fits = a.rank() == 2 && x.rank() == 3 && a.dim(0).equals(x.dim(0));
        if (!fits || !a.dim(1).equals(Dim.of(terms.entries())) || !x.dim(1).equals(Dim.of(terms.columns()))) {
            throw new ShapeException(name() + ": want (E, " + terms.entries() + ") and (E, " + terms.columns()
                    + ", C), got " + a + " and " + x);
        }
        return Type.floats(x.with(1, Dim.of(terms.rows())));
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        return List.of(
                Expr.bilinearOuter(terms, cotangent, node.input(1)),
                Expr.bilinear(terms.transposed(), node.input(0), cotangent));
    }

    @Override
    public void cpu(HostCall call) {
        rows(call, 0, call.out().shape()[0]);
    }

    /// Computes the result of items `from <= e < to`. Four terms go over the channels together; the order
    /// of the additions is that of the terms whatever the range.
    @Override
    public void rows(HostCall call, int from, int to) {
        BilinearTerms.Table table = terms.byRow();
        int[] start = table.start();
        int[] entry = table.entry();
        int[] column = table.column();
        double[] coefficient = table.coefficient();
        HostView out = call.out();
        double[] a = call.in(0).data();
        double[] x = call.in(1).data();
        double[] y = out.data();
        int channels = out.shape()[2];
        double[] sum = new double[channels]; // known to be no part of x, so the loops become vector code
        for (int e = from; e < to; e++) {
            int aAt = call.in(0).offset() + e * terms.entries();
            int xAt = call.in(1).offset() + e * terms.columns() * channels;
            for (int row = 0; row < terms.rows(); row++) {
                int t = start[row];
                int end = start[row + 1];
                Arrays.fill(sum, 0);
                for (; t + 4 <= end; t += 4) {
                    double f0 = coefficient[t] * a[aAt + entry[t]];
                    double f1 = coefficient[t + 1] * a[aAt + entry[t + 1]];
                    double f2 = coefficient[t + 2] * a[aAt + entry[t + 2]];
                    double f3 = coefficient[t + 3] * a[aAt + entry[t + 3]];
                    int x0 = xAt + column[t] * channels;
                    int x1 = xAt + column[t + 1] * channels;
                    int x2 = xAt + column[t + 2] * channels;
                    int x3 = xAt + column[t + 3] * channels;
                    for (int c = 0; c < sum.length; c++) {
                        sum[c] += f0 * x[x0 + c] + f1 * x[x1 + c] + (f2 * x[x2 + c] + f3 * x[x3 + c]);
                    }
                }
                for (; t < end; t++) {
                    double factor = coefficient[t] * a[aAt + entry[t]];
                    int x0 = xAt + column[t] * channels;
                    for (int c = 0; c < sum.length; c++) {
                        sum[c] += factor * x[x0 + c];
                    }
                }
                System.arraycopy(sum, 0, y, out.offset() + (e * terms.rows() + row) * channels, channels);
            }
        }
    }

    @Override
    public Cost cost(Node node, Sizes sizes) {
        Shape out = node.shape();
        long items = out.dim(0).value(sizes);
        long channels = out.dim(2).value(sizes);
        long moved = items * (terms.entries() + (terms.rows() + terms.columns()) * channels);
        return new Cost(2 * items * channels * terms.size(), moved);
    }

    /// Degrees 0 and 1 of an embedding with one row left out, and a scattered pattern with an empty row, an
    /// unused entry and entries that several terms share.
    static List<BilinearTerms> examples() {
        List<Term> blocks = new ArrayList<>();
        blocks.add(new Term(0, 0, 0, 1));
        for (int row = 0; row < 2; row++) {
            for (int column = 0; column < 3; column++) {
                blocks.add(new Term(row + 1, 1 + row * 3 + column, 1 + column, 1.5));
            }
        }
        List<Term> scattered = List.of(
                new Term(4, 3, 1, -2),
                new Term(0, 0, 1, 0.5),
                new Term(0, 0, 0, 1),
                new Term(1, 3, 1, 1.25),
                new Term(3, 2, 0, -1),
                new Term(0, 2, 1, 3),
                new Term(0, 3, 0, -0.75),
                new Term(0, 2, 0, 0.25));
        return List.of(new BilinearTerms(3, 7, 4, blocks), new BilinearTerms(5, 4, 2, scattered));
    }

    @Override
    public double instructions(Node node) {
        return 50;
    }

    @Override
    public boolean isZero(List<Boolean> zero) {
        return zero.get(0) || zero.get(1);
    }

    @Override
    public boolean readsBf16(int operand) {
        return operand == 1;
    }

    @Override
    public boolean writesBf16() {
        return true;
    }

    @Override
    public long sharedWork(HostCall call) {
        return (long) terms.size() * call.out().shape()[0] * call.out().shape()[2];
    }

    @Override
    public List<Sample> samples() {
        BilinearTerms blocks = examples().get(0);
        BilinearTerms scattered = examples().get(1);
        return List.of(
                Sample.of(new BilinearProduct(blocks), Sample.floats(5, 7), Sample.floats(5, 4, 3)),
                Sample.of(new BilinearProduct(blocks), Sample.floats(2, 7), Sample.floats(2, 4, 33)),
                Sample.of(new BilinearProduct(scattered), Sample.floats(31, 4), Sample.floats(31, 2, 1)),
                Sample.of(new BilinearProduct(scattered), Sample.floats(3, 4), Sample.floats(3, 2, 8)),
                Sample.of(new BilinearProduct(scattered), Sample.floats(0, 4), Sample.floats(0, 2, 8)));
    }
}
