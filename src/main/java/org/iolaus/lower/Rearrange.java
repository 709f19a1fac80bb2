package org.iolaus.lower;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Program;
import org.iolaus.ir.Rewriter;
import org.iolaus.ir.View;
import org.iolaus.op.Broadcast;
import org.iolaus.op.Concat;
import org.iolaus.op.Expr;
import org.iolaus.op.Reshape;
import org.iolaus.op.Slice;
import org.iolaus.op.Sum;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;
import org.jspecify.annotations.Nullable;

/// Moves what only rearranges numbers to where loops read them, so that it is not written out:
///
/// | what | becomes |
/// | --- | --- |
/// | slices and reshapes of a pointwise result, where nothing reads it but those | the pointwise operation on slices
/// and reshapes of its operands |
/// | those of a bias or a factor added to or multiplied with what stands in memory | likewise |
/// | a slice or a reshape of a concatenation | the concatenation of slices or reshapes |
/// | a slice of such a reshape | the reshape of a slice |
/// | a pointwise operation on a concatenation of what no loop computes | the concatenation of its results, part by part
/// |
///
/// A layer whose results are used in parts adds its bias where the parts are used; parts of a concatenation are
/// computed where they stand.
final class Rearrange extends Rewriter {
    /// Work that costs nothing beside reading a number.
    private static final double CHEAP = 0.02;

    private final Map<Node, List<Node>> users = new HashMap<>();
    private final Set<Node> outputs;
    private final Map<Node, Boolean> inParts = new HashMap<>();
    private final Map<Node, Boolean> stored = new HashMap<>();

    /// Nodes of the result that need not be computed as a whole.
    private final Set<Node> loose = new HashSet<>();

    private Rearrange(Program program) {
        this.outputs = new HashSet<>(program.outputs().values());
        for (Node node : program.nodes()) {
            for (Node input : new HashSet<>(node.inputs())) {
                users.computeIfAbsent(input, key -> new ArrayList<>()).add(node);
            }
        }
    }

    static Program run(Program program) {
        return new Rearrange(program).rewrite(program);
    }

    @Override
    protected Node rewritten(Node node) {
        if (node.inputs().isEmpty()) {
            return node;
        }
        List<Node> inputs = images(node.inputs());
        Node made = switch (node.op()) {
            case Slice op -> view(op, inputs.getFirst());
            case Reshape op -> view(op, inputs.getFirst());
            default -> isPartwise(node) ? partwise(node.op(), inputs) : Node.of(node.op(), inputs);
        };
        boolean parted = made.op() instanceof Concat && !(node.op() instanceof Concat && isComputed(made));
        boolean worked = made.op() instanceof Pointwise || made.op() instanceof Concat;
        boolean thin = isThin(made) && !isNeededWhole(node);
        if ((worked && isUsedInParts(node)) || thin || (parted && isStoredBehind(node))) {
            loose.add(made);
        }
        return made;
    }

    // who reads what

    private List<Node> users(Node node) {
        return users.getOrDefault(node, List.of());
    }

    /// Whether nothing reads a node but slices and reshapes that together are no more than it, at once or behind
    /// further pointwise operations.
    private boolean isUsedInParts(Node node) {
        Boolean known = inParts.get(node);
        if (known == null) {
            known = decideInParts(node);
            inParts.put(node, known);
        }
        return known;
    }

    private boolean decideInParts(Node node) {
        Dim volume = node.shape().volume();
        long read = 0;
        for (Node user : users(node)) {
            boolean part = user.op() instanceof Slice || (user.op() instanceof Reshape && !Access.isPlain(user));
            boolean joined = user.op() instanceof Concat;
            boolean further = (joined || user.op() instanceof Pointwise || Access.isPlain(user)) && isUsedInParts(user);
            Dim own = joined ? volume : user.shape().volume();
            if (!(part || further) || !own.symbols().equals(volume.symbols())) {
                return false;
            }
            read += own.factor();
        }
        return read > 0 && read <= volume.factor() && !outputs.contains(node);
    }

    /// Whether a node is worked out at once from one number in memory for each of its own, so that reading that number
    /// costs no more than reading the result.
    private boolean isThin(Node made) {
        if (!(made.op() instanceof Pointwise) || CostModel.work(made) > CHEAP) {
            return false;
        }
        List<Node> numbers = made.inputs().stream()
                .filter(input -> Access.sameExtents(input.shape(), made.shape()))
                .toList();
        return numbers.size() == 1
                && (loose.contains(numbers.getFirst())
                        ? isThin(numbers.getFirst())
                        : !Fusion.isFusable(Fusion.strip(numbers.getFirst()), Target.DEVICE));
    }

    private boolean isNeededWhole(Node node) {
        return outputs.contains(node)
                || users(node).stream()
                        .anyMatch(user -> Access.isPlain(user)
                                ? isNeededWhole(user)
                                : !(Access.isView(user)
                                        || user.op() instanceof Concat
                                        || Fusion.isFusable(user, Target.DEVICE)));
    }

    /// Whether all that is made of a node by pointwise operations and rearranging is read from memory.
    private boolean isStoredBehind(Node node) {
        Boolean known = stored.get(node);
        if (known == null) {
            known = decideStored(node);
            stored.put(node, known);
        }
        return known;
    }

    private boolean decideStored(Node node) {
        for (Node user : users(node)) {
            boolean further = user.op() instanceof Slice || user.op() instanceof Reshape || isPartwise(user);
            if (further ? !isStoredBehind(user) : Fusion.isFusable(user, Target.DEVICE)) {
                return false;
            }
        }
        return true;
    }

    /// Whether an operation gives parts of its result for parts of its operands.
    private static boolean isPartwise(Node node) {
        return node.op() instanceof Pointwise
                || (node.op() instanceof Sum sum && Expand.isUnrolled(sum, node.input(0)));
    }

    /// Whether loops compute all parts of a concatenation.
    private static boolean isComputed(Node concat) {
        return concat.inputs().stream().allMatch(part -> Fusion.held(part).op() instanceof Pointwise);
    }

    // rearranging

    /// A slice or a reshape of a node.
    private Node view(View op, Node x) {
        Node moved = moved(op, x);
        return moved == null ? ViewAlgebra.plain(op, x) : moved;
    }

    /// The same without a loop that computes the node as a whole; null if there has to be one.
    private @Nullable Node moved(View op, Node x) {
        Node moved = switch (x.op()) {
            case Broadcast _ -> broadcast(op, x);
            case Pointwise function when loose.contains(x) -> pointwise(op, function, x);
            case Concat _ when loose.contains(x) -> ViewAlgebra.ofParts(op, x, this::view);
            case Reshape _
            when op instanceof Slice slice && loose.contains(x.input(0)) -> ViewAlgebra.below(slice, x, this::view);
            case Reshape _ when op instanceof Reshape -> moved(op, x.input(0));
            default -> Fusion.isFusable(Fusion.strip(x), Target.DEVICE) ? null : Node.of(op, List.of(x));
        };
        if (moved != null && loose.contains(x)) {
            loose.add(moved);
        }
        return moved;
    }

    private static Shape shape(View op, Node x) {
        return Node.of(op, List.of(x)).shape();
    }

    private @Nullable Node broadcast(View op, Node x) {
        Node inner = stretched(op, x.shape(), x.input(0));
        return inner == null ? null : Expr.broadcast(inner, shape(op, x));
    }

    private @Nullable Node pointwise(View op, Pointwise function, Node x) {
        List<Node> operands = new ArrayList<>();
        for (Node input : x.inputs()) {
            boolean whole = Access.sameExtents(input.shape(), x.shape());
            Node operand = whole ? moved(op, input) : stretched(op, x.shape(), input);
            if (operand == null) {
                return null;
            }
            operands.add(operand);
        }
        return Node.of(function, operands);
    }

    /// The slice or reshape of an operand whose extents of 1 stretch to a shape; null if those can't be kept apart.
    private @Nullable Node stretched(View op, Shape full, Node x) {
        return switch (op) {
            case Slice slice -> x.shape().dim(slice.axis()).isOne() ? x : view(slice, x);
            case Reshape reshape -> {
                Shape target = stretched(full, x.shape(), reshape.target());
                yield target == null ? null : view(new Reshape(target), x);
            }
            default -> null;
        };
    }

    /// A target shape with extents of 1 where the operand has them; null if axes where it has them are merged
    /// with others.
    private static @Nullable Shape stretched(Shape full, Shape own, Shape target) {
        List<Dim> dims = new ArrayList<>(target.dims());
        int from = next(full, 0);
        int to = next(target, 0);
        while (from < full.rank()) {
            int first = to;
            boolean repeats = own.dim(from).isOne();
            Dim before = full.dim(from);
            Dim after = Dim.of(1);
            from = next(full, from + 1);
            while (!before.equals(after)) {
                if (isLess(after, before)) {
                    if (to == target.rank()) {
                        return null;
                    }
                    after = after.times(target.dim(to));
                    to = next(target, to + 1);
                } else if (from == full.rank() || own.dim(from).isOne() != repeats) {
                    return null;
                } else {
                    before = before.times(full.dim(from));
                    from = next(full, from + 1);
                }
            }
            for (int axis = first; axis < to && repeats; axis++) {
                dims.set(axis, Dim.of(1));
            }
        }
        return new Shape(dims);
    }

    /// The first axis from one on whose extent is not 1.
    private static int next(Shape shape, int from) {
        int axis = from;
        while (axis < shape.rank() && shape.dim(axis).isOne()) {
            axis++;
        }
        return axis;
    }

    private static boolean isLess(Dim a, Dim b) {
        int symbols = Integer.compare(a.symbols().size(), b.symbols().size());
        return symbols < 0 || (symbols == 0 && a.factor() < b.factor());
    }

    /// A pointwise operation, or a sum over a few entries, part by part where an operand is a concatenation.
    private Node partwise(Op op, List<Node> inputs) {
        Node plain = Node.of(op, inputs);
        for (Node input : inputs) {
            boolean apart = input.op() instanceof Concat && loose.contains(input);
            int axis = apart ? ((Concat) input.op()).axis() : -1;
            if (!apart || (op instanceof Sum sum && sum.axes().contains(axis))) {
                continue;
            }
            List<Node> parts = new ArrayList<>();
            int start = 0;
            for (Node part : input.inputs()) {
                int length = part.shape().dim(axis).intValue();
                Slice slice = new Slice(axis, start, length);
                List<Node> operands = new ArrayList<>();
                for (Node other : inputs) {
                    operands.add(other == input ? part : other.shape().dim(axis).isOne() ? other : view(slice, other));
                }
                parts.add(partwise(op, operands));
                start += length;
            }
            return Node.of(new Concat(axis), parts);
        }
        return plain;
    }
}
