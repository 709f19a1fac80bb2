package org.iolaus.op;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Type;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;
import org.jspecify.annotations.Nullable;

/// The functions that build nodes. Pointwise ones broadcast as NumPy does: shapes are aligned at the right,
/// extents of 1 stretch.
public final class Expr {

    private Expr() {}

    // leaves

    public static Node input(String name, Shape shape) {
        return Node.of(new Input(name, Type.floats(shape)));
    }

    /// An index input of the given length with values in `[0, range)`.
    public static Node index(String name, Dim length, Dim range) {
        return Node.of(new Input(name, Type.index(length, range)));
    }

    public static Node parameter(String name, Shape shape) {
        return Node.of(new Parameter(name, Type.floats(shape)));
    }

    public static Node constant(double value) {
        return constant(Shape.SCALAR, value);
    }

    public static Node constant(Shape shape, double... values) {
        return Node.of(new Constant(shape, Arrays.stream(values).boxed().toList()));
    }

    /// One value everywhere.
    public static Node full(Shape shape, double value) {
        return broadcast(constant(value), shape);
    }

    public static Node zeros(Shape shape) {
        return full(shape, 0);
    }

    // pointwise

    public static Node add(Node a, Node b) {
        return pointwise(new Add(), a, b);
    }

    public static Node add(Node... terms) {
        Node sum = terms[0];
        for (int i = 1; i < terms.length; i++) {
            sum = add(sum, terms[i]);
        }
        return sum;
    }

    public static Node sub(Node a, Node b) {
        return pointwise(new Sub(), a, b);
    }

    public static Node mul(Node a, Node b) {
        return pointwise(new Mul(), a, b);
    }

    public static Node div(Node a, Node b) {
        return pointwise(new Div(), a, b);
    }

    public static Node max(Node a, Node b) {
        return pointwise(new Max(), a, b);
    }

    public static Node min(Node a, Node b) {
        return pointwise(new Min(), a, b);
    }

    /// 1 where `a < b`, else 0.
    public static Node less(Node a, Node b) {
        return pointwise(new Less(), a, b);
    }

    /// 1 where `a == b`, else 0.
    public static Node equal(Node a, Node b) {
        return pointwise(new Equal(), a, b);
    }

    /// `a` where the condition is not 0, else `b`.
    public static Node where(Node condition, Node a, Node b) {
        return pointwise(new Where(), condition, a, b);
    }

    public static Node neg(Node x) {
        return scale(x, -1);
    }

    public static Node scale(Node x, double factor) {
        return Node.of(new Scale(factor), x);
    }

    public static Node shift(Node x, double offset) {
        return Node.of(new Shift(offset), x);
    }

    public static Node square(Node x) {
        return mul(x, x);
    }

    public static Node pow(Node x, double exponent) {
        if (exponent == 0) {
            return full(x.shape(), 1);
        }
        return exponent == 1 ? x : exponent == 2 ? square(x) : Node.of(new Power(exponent), x);
    }

    public static Node reciprocal(Node x) {
        return pow(x, -1);
    }

    public static Node sqrt(Node x) {
        return Node.of(new Sqrt(), x);
    }

    public static Node exp(Node x) {
        return Node.of(new Exp(), x);
    }

    public static Node log(Node x) {
        return Node.of(new Log(), x);
    }

    public static Node sin(Node x) {
        return Node.of(new Sin(), x);
    }

    public static Node cos(Node x) {
        return Node.of(new Cos(), x);
    }

    public static Node tanh(Node x) {
        return Node.of(new Tanh(), x);
    }

    public static Node sigmoid(Node x) {
        return Node.of(new Sigmoid(), x);
    }

    public static Node softplus(Node x) {
        return Node.of(new Softplus(), x);
    }

    public static Node relu(Node x) {
        return where(step(x), x, full(x.shape(), 0));
    }

    public static Node abs(Node x) {
        return Node.of(new Abs(), x);
    }

    public static Node sign(Node x) {
        return Node.of(new Sign(), x);
    }

    /// 0 where `x <= 0`, else 1; 1 for NaN.
    public static Node step(Node x) {
        return Node.of(new Step(), x);
    }

    /// 1 where `x` is a finite number, 0 where it is NaN or infinite.
    public static Node isFinite(Node x) {
        return Node.of(new IsFinite(), x);
    }

    /// `x` held between two bounds; at a bound the gradient passes.
    public static Node clamp(Node x, double low, double high) {
        return min(max(x, full(x.shape(), low)), full(x.shape(), high));
    }

    /// `x`, through which no gradient flows.
    public static Node detach(Node x) {
        return Node.of(new Detach(), x);
    }

    private static Node pointwise(Op op, Node... operands) {
        int rank = 0;
        for (Node operand : operands) {
            rank = Math.max(rank, operand.shape().rank());
        }
        List<Node> aligned = new ArrayList<>(operands.length);
        for (Node operand : operands) {
            aligned.add(withRank(operand, rank));
        }
        return Node.of(op, aligned);
    }

    /// Leading axes of extent 1 until the rank is reached.
    private static Node withRank(Node x, int rank) {
        List<Dim> dims =
                new ArrayList<>(Collections.nCopies(Math.max(0, rank - x.shape().rank()), Dim.of(1)));
        dims.addAll(x.shape().dims());
        return reshape(x, new Shape(dims));
    }

    // products and index operations

    public static Node matmul(Node a, Node b) {
        return matmul(a, b, false, false);
    }

    public static Node matmul(Node a, Node b, boolean transposeA, boolean transposeB) {
        return Node.of(new MatMul(transposeA, transposeB), a, b);
    }

    /// `x W^T + b` over the last axis: `x: (..., in)`, `weight: (out, in)`, `bias: (out)` or null, result `(..., out)`.
    public static Node linear(Node x, Node weight, @Nullable Node bias) {
        Dim rows = Dim.of(1);
        for (int i = 0; i < x.shape().rank() - 1; i++) {
            rows = rows.times(x.shape().dim(i));
        }
        Node flat = reshape(x, Shape.of(rows, x.shape().dim(-1)));
        Node product = matmul(flat, weight, false, true);
        Node result = bias == null ? product : add(product, bias);
        return reshape(result, x.shape().with(-1, weight.shape().dim(0)));
    }

    /// `y[e, row, c]`: sum of `coefficient * a[e, entry] * x[e, column, c]` over the terms: `a: (E, entries)`,
    /// `x: (E, columns, C)`, result `(E, rows, C)`.
    public static Node bilinear(BilinearTerms terms, Node a, Node x) {
        return Node.of(new BilinearProduct(terms), a, x);
    }

    /// `z[e, entry]`: sum of `coefficient * u[e, row, c] * v[e, column, c]` over terms and channels.
    public static Node bilinearOuter(BilinearTerms terms, Node u, Node v) {
        return Node.of(new BilinearOuter(terms), u, v);
    }

    /// SiLU on a grid over the sphere, between coefficients: (E, R, C) -> (E, R, C)
    public static Node gridActivation(ProductGrid grid, Node x) {
        return Node.of(new GridActivation(grid), x);
    }

    public static Node gather(Node x, Node index) {
        return Node.of(new Gather(), x, index);
    }

    public static Node segmentSum(Node x, Node index) {
        return Node.of(new SegmentSum(), x, index);
    }

    public static Node segmentMax(Node x, Node index) {
        return Node.of(new SegmentMax(), x, index);
    }

    // shape

    /// Sum over axes, which stay with extent 1.
    public static Node sum(Node x, int... axes) {
        return Node.of(
                new Sum(Arrays.stream(axes)
                        .map(x.shape()::axis)
                        .sorted()
                        .boxed()
                        .toList()),
                x);
    }

    /// Sum over everything, a scalar.
    public static Node sumAll(Node x) {
        int[] axes = new int[x.shape().rank()];
        Arrays.setAll(axes, i -> i);
        return x.shape().rank() == 0 ? x : reshape(sum(x, axes), Shape.SCALAR);
    }

    /// Sums of the squares of runs of numbers: (n, 1) -> (parts, 1)
    public static Node squareSums(Node x, int parts) {
        return Node.of(new SquareSums(parts), x);
    }

    /// Sums over the axes that were stretched to reach the shape of `x`: the adjoint of broadcasting.
    public static Node sumTo(Node x, Shape shape) {
        List<Integer> axes = new ArrayList<>();
        for (int i = 0; i < shape.rank(); i++) {
            if (shape.dim(i).isOne() && !x.shape().dim(i).isOne()) {
                axes.add(i);
            }
        }
        return axes.isEmpty() ? x : Node.of(new Sum(axes), x);
    }

    public static Node broadcast(Node x, Shape shape) {
        Node aligned = withRank(x, shape.rank());
        return aligned.shape().equals(shape) ? aligned : Node.of(new Broadcast(shape), aligned);
    }

    public static Node reshape(Node x, Shape shape) {
        return x.shape().equals(shape) ? x : Node.of(new Reshape(shape), x);
    }

    /// Removes an axis of extent 1.
    public static Node squeeze(Node x, int axis) {
        List<Dim> dims = new ArrayList<>(x.shape().dims());
        dims.remove(x.shape().axis(axis));
        return reshape(x, new Shape(dims));
    }

    /// Inserts an axis of extent 1 that becomes axis `axis`; negative numbers count from the end of the result.
    public static Node unsqueeze(Node x, int axis) {
        List<Dim> dims = new ArrayList<>(x.shape().dims());
        dims.add(axis < 0 ? axis + dims.size() + 1 : axis, Dim.of(1));
        return reshape(x, new Shape(dims));
    }

    /// Result axis `i` is axis `permutation[i]` of `x`.
    public static Node transpose(Node x, int... permutation) {
        return Node.of(new Transpose(Arrays.stream(permutation).boxed().toList()), x);
    }

    public static Node slice(Node x, int axis, int start, int length) {
        int positive = x.shape().axis(axis);
        Dim extent = x.shape().dim(positive);
        return start == 0 && extent.equals(Dim.of(length)) ? x : Node.of(new Slice(positive, start, length), x);
    }

    /// Equal parts of an axis.
    public static List<Node> split(Node x, int axis, int parts) {
        int extent = x.shape().dim(axis).intValue();
        if (extent % parts != 0) {
            throw new ShapeException("split: want axis " + axis + " of " + x.shape() + " divisible by " + parts);
        }
        List<Node> result = new ArrayList<>();
        for (int i = 0; i < parts; i++) {
            result.add(slice(x, axis, i * (extent / parts), extent / parts));
        }
        return result;
    }

    public static Node concat(int axis, Node... parts) {
        return concat(axis, List.of(parts));
    }

    public static Node concat(int axis, List<Node> parts) {
        return parts.size() == 1
                ? parts.getFirst()
                : Node.of(new Concat(parts.getFirst().shape().axis(axis)), parts);
    }

    // random numbers and ranks

    /// Parts along an axis of `total` entries, each at its start, with zeros elsewhere; they do not overlap.
    public static Node placed(int axis, int total, SortedMap<Integer, Node> parts) {
        List<Node> all = new ArrayList<>();
        Node any = parts.firstEntry().getValue();
        int at = 0;
        for (Map.Entry<Integer, Node> part : parts.entrySet()) {
            addZeros(all, any, axis, part.getKey() - at);
            all.add(part.getValue());
            at = part.getKey() + part.getValue().shape().dim(axis).intValue();
        }
        addZeros(all, any, axis, total - at);
        return concat(axis, all);
    }

    private static void addZeros(List<Node> parts, Node like, int axis, int length) {
        if (length > 0) {
            parts.add(zeros(like.shape().with(axis, Dim.of(length))));
        }
    }

    /// `x` with elements set to zero at random and the rest scaled to keep the mean.
    ///
    /// @param key input of shape (2): seed and step
    /// @param stream a number of its own for each use in a program
    public static Node dropout(Node x, double probability, Node key, int stream) {
        return probability == 0 ? x : mul(x, Node.of(new DropoutMask(probability, stream, x.shape()), key));
    }

    /// Sum over all ranks.
    public static Node allReduce(Node x) {
        return Node.of(new AllReduce(), x);
    }
}
