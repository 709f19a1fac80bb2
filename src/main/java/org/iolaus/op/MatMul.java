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

/// Matrix product `op(a) op(b)`, where `op` transposes the last two axes if asked to; rank 2, or rank 3 over a
/// common batch.
///
/// `a: (M, K)`, `b: (K, P)`, result `(M, P)`.
public record MatMul(boolean transposeA, boolean transposeB) implements Op {

    @Override
    public Type infer(List<Type> inputs) {
        Shape a = inputs.get(0).shape();
        Shape b = inputs.get(1).shape();
        boolean fits = a.rank() == b.rank() && (a.rank() == 2 || a.rank() == 3);
        if (!fits || !inner(a, transposeA, -1).equals(inner(b, transposeB, -2))) {
            throw new ShapeException(name() + ": want (M, K) and (K, P), got " + a + (transposeA ? " transposed" : "")
                    + " and " + b + (transposeB ? " transposed" : ""));
        }
        Dim rows = inner(a, transposeA, -2);
        Dim columns = inner(b, transposeB, -1);
        if (a.rank() == 2) {
            return Type.floats(Shape.of(rows, columns));
        }
        if (!a.dim(0).equals(b.dim(0))) {
            throw new ShapeException(name() + ": want one batch extent, got " + a + " and " + b);
        }
        return Type.floats(Shape.of(a.dim(0), rows, columns));
    }

    /// Extent of the last (-1) or second to last (-2) axis after the transposition.
    private static Dim inner(Shape shape, boolean transpose, int axis) {
        return shape.dim(transpose ? -3 - axis : axis);
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        Node a = node.input(0);
        Node b = node.input(1);
        Node gradA = transposeA
                ? Expr.matmul(b, cotangent, transposeB, true)
                : Expr.matmul(cotangent, b, false, !transposeB);
        Node gradB = transposeB
                ? Expr.matmul(cotangent, a, true, transposeA)
                : Expr.matmul(a, cotangent, !transposeA, false);
        return List.of(gradA, gradB);
    }

    @Override
    public void cpu(HostCall call) {
        HostView a = call.in(0);
        HostView b = call.in(1);
        HostView out = call.out();
        int rank = out.shape().length;
        int m = out.shape()[rank - 2];
        int p = out.shape()[rank - 1];
        int k = a.shape()[transposeA ? rank - 2 : rank - 1];
        int batch = rank == 3 ? out.shape()[0] : 1;
        for (int z = 0; z < batch; z++) {
            for (int i = 0; i < m; i++) {
                for (int j = 0; j < p; j++) {
                    double sum = 0;
                    for (int l = 0; l < k; l++) {
                        double x = a.get(z * m * k + (transposeA ? l * m + i : i * k + l));
                        double y = b.get(z * k * p + (transposeB ? j * k + l : l * p + j));
                        sum += x * y;
                    }
                    out.set((z * m + i) * p + j, sum);
                }
            }
        }
    }

    @Override
    public Cost cost(Node node, Sizes sizes) {
        Shape a = node.input(0).shape();
        long out = node.shape().volume().value(sizes);
        long k = inner(a, transposeA, -1).value(sizes);
        long elements =
                out + a.volume().value(sizes) + node.input(1).shape().volume().value(sizes);
        return new Cost(2 * out * k, elements);
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
    public boolean writesBf16() {
        return true;
    }

    /// Tensor cores make a multiply-add cost half an instruction.
    @Override
    public double instructions(Node node) {
        Dim terms = inner(node.input(0).shape(), transposeA, -1);
        return terms.isConstant() ? terms.factor() / 2.0 : Double.POSITIVE_INFINITY;
    }

    @Override
    public List<Sample> samples() {
        return List.of(
                Sample.of(new MatMul(false, false), Sample.floats(5, 7), Sample.floats(7, 3)),
                Sample.of(new MatMul(true, false), Sample.floats(33, 4), Sample.floats(33, 6)),
                Sample.of(new MatMul(false, true), Sample.floats(31, 8), Sample.floats(9, 8)),
                Sample.of(new MatMul(true, true), Sample.floats(4, 5), Sample.floats(3, 4)),
                Sample.of(new MatMul(false, true), Sample.floats(3, 4, 5), Sample.floats(3, 2, 5)),
                Sample.of(new MatMul(true, false), Sample.floats(1, 1), Sample.floats(1, 1)));
    }
}
