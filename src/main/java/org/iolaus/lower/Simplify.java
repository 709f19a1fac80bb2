package org.iolaus.lower;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Program;
import org.iolaus.ir.Rewriter;
import org.iolaus.ir.View;
import org.iolaus.op.Add;
import org.iolaus.op.Broadcast;
import org.iolaus.op.Constant;
import org.iolaus.op.Detach;
import org.iolaus.op.Div;
import org.iolaus.op.Expr;
import org.iolaus.op.Gather;
import org.iolaus.op.MatMul;
import org.iolaus.op.Mul;
import org.iolaus.op.Reshape;
import org.iolaus.op.Scale;
import org.iolaus.op.Shift;
import org.iolaus.op.Sub;
import org.iolaus.op.Transpose;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// Rewrites a program into an equal one with less to do: constant folding, algebraic identities, common subexpressions;
/// what no output needs falls away.
public final class Simplify extends Rewriter {
    private static final int LARGEST_FOLD = 4096;

    private record Key(Op op, List<Node> inputs) {}

    private final Map<Key, Node> known = new HashMap<>();

    private Simplify() {}

    public static Program run(Program program) {
        return new Simplify().rewrite(program);
    }

    @Override
    protected Node rewritten(Node node) {
        return rewrite(node.op(), images(node.inputs()));
    }

    /// The simplified application of an operation to simplified inputs.
    private Node rewrite(Op op, List<Node> inputs) {
        Node plain = Node.of(op, inputs);
        Node better = better(op, inputs, plain);
        return better == plain ? known.computeIfAbsent(new Key(op, inputs), key -> plain) : canonical(better);
    }

    /// Brings a freshly built expression into the table of known nodes, inputs first.
    private Node canonical(Node node) {
        if (known.get(new Key(node.op(), node.inputs())) == node) {
            return node;
        }
        return rewrite(node.op(), node.inputs().stream().map(this::canonical).toList());
    }

    private static Node better(Op op, List<Node> in, Node plain) {
        Shape shape = plain.shape();
        boolean fills = op instanceof Broadcast || op instanceof Reshape; // which zeros are made of
        if (!fills && op.isZero(in.stream().map(node -> isUniform(node, 0)).toList())) {
            return Expr.zeros(plain.shape());
        }
        Node folded = fold(plain);
        if (folded != null) {
            return folded;
        }
        if (op instanceof View view && !(op instanceof Gather) && ViewAlgebra.plain(view, in.get(0)) == in.get(0)) {
            return in.get(0);
        }
        return switch (op) {
            case Detach _ -> in.get(0);
            case Scale s when s.factor() == 1 -> in.get(0);
            case Scale s
            when in.get(0).op() instanceof Scale t -> Expr.scale(in.get(0).input(0), s.factor() * t.factor());
            case Shift s when s.offset() == 0 -> in.get(0);
            case Shift s
            when in.get(0).op() instanceof Shift t -> Expr.shift(in.get(0).input(0), s.offset() + t.offset());
            case Add _
            when uniform(in.get(0)) instanceof Uniform(double c) -> Expr.shift(Expr.broadcast(in.get(1), shape), c);
            case Add _
            when uniform(in.get(1)) instanceof Uniform(double c) -> Expr.shift(Expr.broadcast(in.get(0), shape), c);
            case Add _
            when isNegated(in.get(1)) -> Expr.sub(in.get(0), in.get(1).input(0));
            case Add _
            when isNegated(in.get(0)) -> Expr.sub(in.get(1), in.get(0).input(0));
            case Sub _
            when isNegated(in.get(1)) -> Expr.add(in.get(0), in.get(1).input(0));
            case Sub _
            when uniform(in.get(1)) instanceof Uniform(double c) -> Expr.shift(Expr.broadcast(in.get(0), shape), -c);
            case Sub _
            when uniform(in.get(0)) instanceof Uniform(double c) && c == 0 ->
                Expr.neg(Expr.broadcast(in.get(1), shape));
            case Mul _
            when uniform(in.get(0)) instanceof Uniform(double c) -> Expr.scale(Expr.broadcast(in.get(1), shape), c);
            case Mul _
            when uniform(in.get(1)) instanceof Uniform(double c) -> Expr.scale(Expr.broadcast(in.get(0), shape), c);
            case Mul _
            when in.get(0).op() instanceof Scale s && in.get(1).op() instanceof Scale t ->
                Expr.scale(Expr.mul(in.get(0).input(0), in.get(1).input(0)), s.factor() * t.factor());
            case Div _
            when uniform(in.get(1)) instanceof Uniform(double c) -> Expr.scale(Expr.broadcast(in.get(0), shape), 1 / c);
            case Reshape r when uniform(in.get(0)) instanceof Uniform(double c) -> Expr.full(r.target(), c);
            case MatMul m
            when swapsLastAxes(in.get(0)) ->
                Expr.matmul(in.get(0).input(0), in.get(1), !m.transposeA(), m.transposeB());
            case MatMul m
            when swapsLastAxes(in.get(1)) ->
                Expr.matmul(in.get(0), in.get(1).input(0), m.transposeA(), !m.transposeB());
            case View view -> {
                Node merged = ViewAlgebra.merged(view, in.get(0), ViewAlgebra::plain);
                yield merged == null ? plain : merged;
            }
            default -> plain;
        };
    }

    private static boolean isUniform(Node node, double value) {
        return uniform(node) instanceof Uniform(double c) && c == value;
    }

    private record Uniform(double value) {}

    /// The one value that a node has everywhere, if that is known.
    private static @Nullable Uniform uniform(Node node) {
        return switch (node.op()) {
            case Constant c
            when !c.values().isEmpty() && c.isAll(c.values().getFirst()) ->
                new Uniform(c.values().getFirst());
            case Broadcast _ -> uniform(node.input(0));
            case Reshape _ -> uniform(node.input(0));
            default -> null;
        };
    }

    private static boolean isNegated(Node node) {
        return node.op() instanceof Scale s && s.factor() == -1;
    }

    private static boolean swapsLastAxes(Node node) {
        if (!(node.op() instanceof Transpose t)) {
            return false;
        }
        List<Integer> p = t.permutation();
        return p.equals(List.of(1, 0)) || p.equals(List.of(0, 2, 1));
    }

    /// The value of a small application to constants.
    private static @Nullable Node fold(Node node) {
        boolean constant = !node.inputs().isEmpty()
                && !(node.op() instanceof Broadcast)
                && node.inputs().stream().allMatch(input -> input.op() instanceof Constant)
                && node.shape().volume().isConstant()
                && node.shape().volume().longValue() <= LARGEST_FOLD;
        if (!constant) {
            return null;
        }
        List<HostCall.Argument> arguments = new ArrayList<>();
        for (Node input : node.inputs()) {
            Constant value = (Constant) input.op();
            double[] data =
                    value.values().stream().mapToDouble(Double::doubleValue).toArray();
            arguments.add(
                    HostCall.Argument.of(new HostView(data, 0, value.shape().bind(Sizes.NONE))));
        }
        int[] shape = node.shape().bind(Sizes.NONE);
        double[] result = new double[(int) HostTensor.volume(shape)];
        node.op().cpu(new HostCall(new HostView(result, 0, shape), arguments));
        return Expr.constant(node.shape(), result);
    }
}
