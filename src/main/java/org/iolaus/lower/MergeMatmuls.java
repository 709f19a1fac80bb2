package org.iolaus.lower;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.ir.Rewriter;
import org.iolaus.op.Add;
import org.iolaus.op.Concat;
import org.iolaus.op.Expr;
import org.iolaus.op.MatMul;
import org.iolaus.op.Slice;
import org.iolaus.tensor.Dim;
import org.jspecify.annotations.Nullable;

/// Joins matrix products that share an operand. With neighbouring slices `W1`, `W2` of one matrix and `[ ]` for
/// a concatenation:
///
/// | what | becomes |
/// | --- | --- |
/// | `A W1` and `A W2` | slices of `A [W1 W2]` |
/// | `A1 W1 + A2 W2` (slices along the summed axis) | `[A1 A2] [W1 W2]` |
/// | `[A1 B, A2 B]`, `[A B1, A B2]`, or sums of such products | `[A1, A2] B`, `A [B1, B2]` |
///
/// A layer whose outputs are used in parts is written as several products, and so are its gradients; on a
/// device one large product is faster than several small ones, and the concatenations cost nothing: their parts
/// are computed in place.
final class MergeMatmuls extends Rewriter {
    private final Map<Node, List<Node>> users = new HashMap<>();

    /// For products of one left operand with slices of one matrix: those products, by what they share.
    private final Map<Shared, List<Node>> siblings = new LinkedHashMap<>();

    private record Shared(MatMul op, Node left, Node sliced) {}

    /// Part of a matrix along an axis.
    private record Range(Node matrix, int axis, int start, int length) {
        int end() {
            return start + length;
        }

        Node node() {
            return Expr.slice(matrix, axis, start, length);
        }
    }

    private MergeMatmuls(Program program) {
        for (Node node : program.nodes()) {
            node.inputs()
                    .forEach(input -> users.computeIfAbsent(input, key -> new ArrayList<>())
                            .add(node));
            Range columns = isProduct(node) ? range(node.input(1), outerRight(node)) : null;
            if (columns != null) {
                Shared shared = new Shared((MatMul) node.op(), node.input(0), columns.matrix());
                siblings.computeIfAbsent(shared, key -> new ArrayList<>()).add(node);
            }
        }
    }

    static Program run(Program program) {
        return new MergeMatmuls(program).rewrite(program);
    }

    @Override
    protected Node rewritten(Node node) {
        Node joined = joined(node);
        return joined == null ? same(node) : joined;
    }

    private @Nullable Node joined(Node node) {
        if (isProduct(node)) {
            return sliceOfSiblings(node);
        }
        return switch (node.op()) {
            case Concat concat -> concatenated(concat, node);
            case Add _ -> summed(node);
            default -> null;
        };
    }

    private static boolean isProduct(Node node) {
        return node.op() instanceof MatMul && node.shape().rank() == 2;
    }

    private static int innerLeft(Node product) {
        return ((MatMul) product.op()).transposeA() ? 0 : 1;
    }

    private static int innerRight(Node product) {
        return ((MatMul) product.op()).transposeB() ? 1 : 0;
    }

    private static int outerLeft(Node product) {
        return 1 - innerLeft(product);
    }

    private static int outerRight(Node product) {
        return 1 - innerRight(product);
    }

    private static @Nullable Range range(Node node, int axis) {
        return node.op() instanceof Slice slice && slice.axis() == axis
                ? new Range(node.input(0), axis, slice.start(), slice.length())
                : null;
    }

    /// Ranges that follow one another as one; null if they do not or if one is missing.
    private static @Nullable Range union(List<@Nullable Range> ranges) {
        Range first = ranges.getFirst();
        for (int i = 1; i < ranges.size() && first != null; i++) {
            Range next = ranges.get(i);
            boolean follows = next != null
                    && next.matrix() == first.matrix()
                    && next.axis() == first.axis()
                    && next.start() == first.end();
            first = follows
                    ? new Range(first.matrix(), first.axis(), first.start(), first.length() + next.length())
                    : null;
        }
        return first;
    }

    // A W1, A W2

    private @Nullable Node sliceOfSiblings(Node product) {
        Range own = range(product.input(1), outerRight(product));
        if (own == null) {
            return null;
        }
        Shared shared = new Shared((MatMul) product.op(), product.input(0), own.matrix());
        List<Range> ranges = new ArrayList<>();
        for (Node sibling : Objects.requireNonNull(siblings.get(shared))) {
            ranges.add(Objects.requireNonNull(range(sibling.input(1), own.axis())));
        }
        ranges.sort(Comparator.comparingInt(Range::start));
        Range all = union(new ArrayList<>(ranges));
        if (ranges.size() < 2 || all == null) {
            return null;
        }
        Node matrix = image(own.matrix());
        Node whole =
                Node.of(shared.op(), image(shared.left()), Expr.slice(matrix, own.axis(), all.start(), all.length()));
        return Expr.slice(whole, 1, own.start() - all.start(), own.length());
    }

    // A1 W1 + A2 W2

    private @Nullable Node summed(Node add) {
        if (isOnlyAdded(add)) {
            return null; // the sum that it is part of is looked at as a whole
        }
        List<Node> terms = new ArrayList<>();
        collect(add, terms);
        Map<Shared, List<Node>> alike = new LinkedHashMap<>();
        for (Node term : terms) {
            Range rows = isProduct(term) && isUsedOnce(term) ? range(term.input(1), innerRight(term)) : null;
            if (rows != null) {
                Shared shared = new Shared((MatMul) term.op(), rows.matrix(), rows.matrix());
                alike.computeIfAbsent(shared, key -> new ArrayList<>()).add(term);
            }
        }
        List<Node> sum = new ArrayList<>();
        for (List<Node> group : alike.values()) {
            Node whole = group.size() < 2 ? null : sumOfProducts(group);
            if (whole != null) {
                sum.add(whole);
                terms.removeAll(group);
            }
        }
        if (sum.isEmpty()) {
            return null;
        }
        terms.forEach(term -> sum.add(image(term)));
        return Expr.add(sum.toArray(Node[]::new));
    }

    private @Nullable Node sumOfProducts(List<Node> products) {
        Node first = products.getFirst();
        List<Node> sorted = new ArrayList<>(products);
        sorted.sort(Comparator.comparingInt(product -> rowsOf(product).start()));
        Range all = union(sorted.stream().map(MergeMatmuls::rowsOf).toList());
        if (all == null) {
            return null;
        }
        List<Node> left =
                sorted.stream().map(product -> image(product.input(0))).toList();
        Node right = Expr.slice(image(all.matrix()), all.axis(), all.start(), all.length());
        return Node.of(first.op(), concat(innerLeft(first), left), right);
    }

    private static Range rowsOf(Node product) {
        return Objects.requireNonNull(range(product.input(1), innerRight(product)));
    }

    private void collect(Node add, List<Node> terms) {
        for (Node input : add.inputs()) {
            if (input.op() instanceof Add && isUsedOnce(input)) {
                collect(input, terms);
            } else {
                terms.add(input);
            }
        }
    }

    private boolean isOnlyAdded(Node node) {
        return isUsedOnce(node)
                && Objects.requireNonNull(users.get(node)).getFirst().op() instanceof Add;
    }

    private boolean isUsedOnce(Node node) {
        return users.getOrDefault(node, List.of()).size() == 1;
    }

    // [A1 B, A2 B]

    private @Nullable Node concatenated(Concat concat, Node node) {
        Map<Shared, List<Node>> alike = new LinkedHashMap<>();
        for (Node part : node.inputs()) {
            List<Node> terms = new ArrayList<>();
            if (part.op() instanceof Add && isUsedOnce(part)) {
                collect(part, terms);
            } else {
                terms.add(part);
            }
            for (Node term : terms) {
                if (!isProduct(term) || !isUsedOnce(term)) {
                    return null;
                }
                Node common = term.input(1 - concat.axis());
                alike.computeIfAbsent(new Shared((MatMul) term.op(), common, common), key -> new ArrayList<>())
                        .add(term);
            }
        }
        List<Node> sum = new ArrayList<>();
        for (List<Node> group : alike.values()) {
            if (!widths(group, concat.axis()).equals(widths(node.inputs(), concat.axis()))) {
                return null;
            }
            sum.add(concatOfProducts(concat.axis(), group));
        }
        return Expr.add(sum.toArray(Node[]::new));
    }

    private static List<Dim> widths(List<Node> nodes, int axis) {
        return nodes.stream().map(node -> node.shape().dim(axis)).toList();
    }

    private Node concatOfProducts(int axis, List<Node> products) {
        Node first = products.getFirst();
        List<Node> parts =
                products.stream().map(product -> image(product.input(axis))).toList();
        return axis == 0
                ? Node.of(first.op(), concat(outerLeft(first), parts), image(first.input(1)))
                : Node.of(first.op(), image(first.input(0)), concat(outerRight(first), parts));
    }

    /// Parts one after another; slices of one matrix that follow one another are a slice of it.
    private static Node concat(int axis, List<Node> parts) {
        Range all = union(parts.stream().map(part -> range(part, axis)).toList());
        return all == null ? Expr.concat(axis, parts) : all.node();
    }
}
