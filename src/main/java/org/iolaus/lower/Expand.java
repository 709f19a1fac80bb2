package org.iolaus.lower;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Program;
import org.iolaus.ir.Rewriter;
import org.iolaus.ir.View;
import org.iolaus.op.Add;
import org.iolaus.op.Broadcast;
import org.iolaus.op.Concat;
import org.iolaus.op.Expr;
import org.iolaus.op.Gather;
import org.iolaus.op.MatMul;
import org.iolaus.op.Mul;
import org.iolaus.op.Pad;
import org.iolaus.op.Reshape;
import org.iolaus.op.Slice;
import org.iolaus.op.Sum;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;

/// Rewrites a program into what loops on a device can fuse. The result computes the same but for the order of sums.
///
/// | what | becomes |
/// | --- | --- |
/// | an axis of 2 to 4 entries behind rows | that many values of one entry each (the result is their concatenation) |
/// | a sum over such an axis | additions |
/// | a sum over many rows | sums over runs of rows, then their sum |
/// | a sum over axes of which some are last, or the first | one sum after the other |
/// | a matrix product with one row, one column or one term | multiplications, with a sum for one row or column |
/// | a product with a concatenation that has parts of width 1 | products with its parts |
/// | padding | concatenation with zeros |
/// | a gather of a product plus a row | that row plus a gather of the product |
final class Expand extends Rewriter {
    /// Longest axis that is unrolled.
    private static final int SHORT = 4;
    /// Runs of rows that are summed side by side: two for every processor of a large device.
    private static final int CHUNKS = 264;

    private record Key(Op op, List<Node> inputs) {}

    private final Map<Key, Node> known = new HashMap<>();

    private Expand() {}

    static Program run(Program program) {
        return new Expand().rewrite(program);
    }

    @Override
    protected Node rewritten(Node node) {
        return make(node.op(), images(node.inputs()));
    }

    /// The expanded application of an operation to expanded inputs.
    private Node make(Op op, List<Node> in) {
        Key key = new Key(op, in);
        Node made = known.get(key);
        if (made == null) {
            made = switch (op) {
                case MatMul product when in.getFirst().shape().rank() == 2 -> product(product, in.get(0), in.get(1));
                case Sum sum -> sum(sum, in.getFirst());
                case Pad pad -> pad(pad, in.getFirst());
                case Slice slice -> slice(in.getFirst(), slice.axis(), slice.start(), slice.length());
                case Gather gather -> gather(gather, in.get(0), in.get(1));
                default -> distributed(op, in);
            };
            known.put(key, made);
        }
        return made;
    }

    private Node make(Op op, Node... in) {
        return make(op, List.of(in));
    }

    // short axes and concatenations

    /// Applies an operation part by part where its result or its inputs fall into parts along an axis.
    private Node distributed(Op op, List<Node> in) {
        Node plain = Node.of(op, in);
        for (int axis = 1; axis < plain.shape().rank(); axis++) {
            List<Integer> parts = parts(op, in, plain, axis);
            if (!parts.isEmpty()) {
                List<Node> results = new ArrayList<>();
                int start = 0;
                for (int length : parts) {
                    results.add(part(op, in, axis, start, length));
                    start += length;
                }
                return Node.of(new Concat(axis), results);
            }
        }
        return plain;
    }

    /// Lengths of the parts; empty if the operation is better left whole.
    private static List<Integer> parts(Op op, List<Node> in, Node plain, int axis) {
        boolean splits = op.part(axis, 1) != null || Access.isPlain(plain);
        Dim extent = plain.shape().dim(axis);
        if (!splits || !extent.isConstant() || extent.isOne() || extent.factor() == 0) {
            return List.of();
        }
        boolean rows = !in.getFirst().shape().dim(0).isConstant();
        if (rows && extent.longValue() <= SHORT) {
            return Collections.nCopies(extent.intValue(), 1);
        }
        for (Node input : in) {
            int inputAxis = op instanceof Reshape ? ViewAlgebra.keptAxis(plain.shape(), input.shape(), axis) : axis;
            if (!input.type().isIndex() && hasSinglePart(input, inputAxis)) {
                return widths(input);
            }
        }
        return List.of();
    }

    /// An operation's result between `start` and `start + length` of an axis.
    private Node part(Op op, List<Node> in, int axis, int start, int length) {
        if (op instanceof Reshape) {
            Slice slice = new Slice(axis, start, length);
            return Objects.requireNonNull(ViewAlgebra.below(slice, Node.of(op, in), this::view));
        }
        List<Node> pieces = new ArrayList<>();
        for (Node input : in) {
            pieces.add(input.type().isIndex() ? input : slice(input, axis, start, length));
        }
        return make(Objects.requireNonNull(op.part(axis, length)), pieces);
    }

    private static boolean hasSinglePart(Node node, int axis) {
        return node.op() instanceof Concat concat
                && concat.axis() == axis
                && node.inputs().stream()
                        .anyMatch(part -> part.shape().dim(axis).isOne());
    }

    private static List<Integer> widths(Node concat) {
        int axis = ((Concat) concat.op()).axis();
        return concat.inputs().stream()
                .map(part -> part.shape().dim(axis).intValue())
                .toList();
    }

    private Node view(View view, Node x) {
        return view instanceof Slice slice ? slice(x, slice.axis(), slice.start(), slice.length()) : make(view, x);
    }

    /// Entries of one axis; where the axis does not vary, what stands for all of them.
    private Node slice(Node x, int axis, int start, int length) {
        if (x.shape().dim(axis).isOne()) {
            return x;
        }
        Slice slice = new Slice(axis, start, length);
        Node made = switch (x.op()) {
            case Broadcast _ -> ViewAlgebra.below(slice, x, this::view);
            case Concat concat when concat.axis() != axis -> ViewAlgebra.ofParts(slice, x, this::view);
            default -> ViewAlgebra.merged(slice, x, this::view);
        };
        return made == null ? ViewAlgebra.plain(slice, x) : made;
    }

    private static Node pad(Pad pad, Node x) {
        return Expr.placed(pad.axis(), pad.total(), new TreeMap<>(Map.of(pad.before(), x)));
    }

    /// A product's rows with the same row added to each are gathered before the addition, which loops have for nothing.
    private Node gather(Gather gather, Node x, Node index) {
        if (x.op() instanceof Add && x.shape().rank() == 2) {
            for (int i = 0; i < 2; i++) {
                Node row = x.input(i);
                Node rows = x.input(1 - i);
                if (row.shape().dim(0).isOne() && rows.op() instanceof MatMul) {
                    return make(new Add(), make(gather, rows, index), row);
                }
            }
        }
        return distributed(gather, List.of(x, index));
    }

    // sums

    private Node sum(Sum sum, Node x) {
        List<Integer> axes =
                sum.axes().stream().filter(axis -> !x.shape().dim(axis).isOne()).toList();
        if (axes.isEmpty()) {
            return x;
        }
        for (int axis : axes) {
            Dim extent = x.shape().dim(axis);
            if (extent.isConstant() && extent.longValue() <= SHORT && extent.longValue() > 0) {
                List<Integer> others = without(axes, List.of(axis));
                Node total = null;
                for (int k = 0; k < extent.intValue(); k++) {
                    Node term = make(new Sum(others), slice(x, axis, k, 1));
                    total = total == null ? term : make(new Add(), total, term);
                }
                return Objects.requireNonNull(total);
            }
        }
        List<Integer> last = last(x.shape(), axes);
        if (!axes.contains(0)) {
            return last.isEmpty() || last.size() == axes.size() || !LoopSums.ofColumns(x.shape(), last)
                    ? distributed(new Sum(axes), List.of(x))
                    : make(new Sum(without(axes, last)), make(new Sum(last), x));
        }
        List<Integer> inner = without(axes, List.of(0));
        if (!inner.isEmpty()) {
            boolean columns = LoopSums.ofColumns(x.shape(), inner);
            return columns || LoopSums.haveConstantRows(x.shape())
                    ? make(new Sum(columns ? List.of(0) : inner), make(new Sum(columns ? inner : List.of(0)), x))
                    : Node.of(new Sum(axes), x);
        }
        boolean many = !x.shape().dim(0).isConstant() || x.shape().dim(0).longValue() > LoopSums.MOST_ROWS;
        return many && LoopSums.haveConstantRows(x.shape())
                ? make(sum, make(new PartialSums(CHUNKS), x))
                : distributed(sum, List.of(x));
    }

    /// Whether a sum becomes additions.
    static boolean isUnrolled(Sum sum, Node x) {
        return sum.axes().stream()
                .map(axis -> x.shape().dim(axis))
                .allMatch(extent -> extent.isConstant() && extent.longValue() <= SHORT && extent.longValue() > 0);
    }

    private static List<Integer> without(List<Integer> axes, List<Integer> less) {
        return axes.stream().filter(axis -> !less.contains(axis)).toList();
    }

    /// Those of some axes that no other axis follows.
    private static List<Integer> last(Shape shape, List<Integer> axes) {
        List<Integer> last = new ArrayList<>();
        for (int axis = shape.rank() - 1;
                axis > 0 && (axes.contains(axis) || shape.dim(axis).isOne());
                axis--) {
            if (axes.contains(axis)) {
                last.addFirst(axis);
            }
        }
        return last;
    }

    // products

    private Node product(MatMul op, Node a, Node b) {
        int termsA = op.transposeA() ? 0 : 1;
        int termsB = op.transposeB() ? 1 : 0;
        if (hasSinglePart(a, termsA) || hasSinglePart(b, termsB)) {
            Node total = null;
            int start = 0;
            for (int length : widths(hasSinglePart(a, termsA) ? a : b)) {
                Node term = make(op, slice(a, termsA, start, length), slice(b, termsB, start, length));
                total = total == null ? term : make(new Add(), total, term);
                start += length;
            }
            return Objects.requireNonNull(total);
        }
        if (hasSinglePart(a, 1 - termsA)) {
            return Node.of(
                    new Concat(0),
                    a.inputs().stream().map(part -> make(op, part, b)).toList());
        }
        if (hasSinglePart(b, 1 - termsB)) {
            return Node.of(
                    new Concat(1),
                    b.inputs().stream().map(part -> make(op, a, part)).toList());
        }
        Dim rows = a.shape().dim(1 - termsA);
        Dim columns = b.shape().dim(1 - termsB);
        Dim terms = a.shape().dim(termsA);
        if (terms.isOne()) {
            return times(reshape(a, rows, Dim.of(1)), reshape(b, Dim.of(1), columns));
        }
        if (columns.isOne() && isSummed(a.shape(), termsA)) {
            Node factor = termsA == 0 ? reshape(b, terms, Dim.of(1)) : reshape(b, Dim.of(1), terms);
            return reshape(make(new Sum(List.of(termsA)), times(a, factor)), rows, columns);
        }
        if (rows.isOne() && isSummed(b.shape(), termsB)) {
            Node factor = termsB == 0 ? reshape(a, terms, Dim.of(1)) : reshape(a, Dim.of(1), terms);
            return reshape(make(new Sum(List.of(termsB)), times(b, factor)), rows, columns);
        }
        return Node.of(op, a, b);
    }

    /// Whether a loop can sum a matrix over an axis.
    private static boolean isSummed(Shape shape, int axis) {
        return axis == 0 ? LoopSums.haveConstantRows(shape) : LoopSums.ofColumns(shape, List.of(axis));
    }

    private Node times(Node a, Node b) {
        return make(new Mul(), a, b);
    }

    private Node reshape(Node x, Dim rows, Dim columns) {
        Shape shape = Shape.of(rows, columns);
        return x.shape().equals(shape) ? x : make(new Reshape(shape), x);
    }
}
