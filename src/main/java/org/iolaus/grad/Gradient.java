package org.iolaus.grad;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.op.Expr;
import org.iolaus.op.Pad;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;
import org.jspecify.annotations.Nullable;

/// Reverse-mode differentiation. The result is made of ordinary nodes, so it differentiates again.
public final class Gradient {

    private Gradient() {}

    /// d(y)/d(x) for each x.
    ///
    /// @param y a scalar, shape `()`
    /// @return one node per x, of its shape; zeros where y does not depend on x
    public static List<Node> of(Node y, List<Node> xs) {
        if (!y.shape().equals(Shape.SCALAR)) {
            throw new ShapeException("gradient: want a scalar to differentiate, got " + y.shape());
        }
        return vjp(y, Expr.constant(1), xs);
    }

    /// Whether a gradient of y with respect to x can flow.
    public static boolean depends(Node y, Node x) {
        return active(y, List.of(x)).containsKey(y);
    }

    /// Vector-Jacobian product: cotangent (of y's shape) pulled back to each x.
    public static List<Node> vjp(Node y, Node cotangent, List<Node> xs) {
        Map<Node, Boolean> active = active(y, xs);
        Map<Node, List<Node>> contributions = new HashMap<>();
        contributions.computeIfAbsent(y, k -> new ArrayList<>()).add(cotangent);
        Map<Node, Node> gradients = new HashMap<>();
        for (Node node : Program.reachable(List.of(y)).reversed()) {
            List<Node> terms = contributions.remove(node);
            if (terms == null || !active.containsKey(node)) {
                continue;
            }
            Node total = sum(terms);
            gradients.put(node, total);
            List<@Nullable Node> parts = node.op().vjp(node, total);
            for (int i = 0; i < parts.size(); i++) {
                Node part = parts.get(i);
                Node input = node.input(i);
                if (part == null || !active.containsKey(input)) {
                    continue;
                }
                if (!part.shape().equals(input.shape())) {
                    throw new ShapeException(
                            "vjp of " + node + ": want " + input.shape() + " for input " + i + ", got " + part.shape());
                }
                contributions.computeIfAbsent(input, k -> new ArrayList<>()).add(part);
            }
        }
        List<Node> result = new ArrayList<>();
        for (Node x : xs) {
            Node gradient = gradients.get(x);
            result.add(gradient == null ? Expr.zeros(x.shape()) : gradient);
        }
        return result;
    }

    /// The nodes on paths from the xs to y.
    private static Map<Node, Boolean> active(Node y, List<Node> xs) {
        Map<Node, Boolean> active = new HashMap<>();
        xs.forEach(x -> active.put(x, true));
        for (Node node : Program.reachable(List.of(y))) {
            if (node.inputs().stream().anyMatch(active::containsKey)) {
                active.put(node, true);
            }
        }
        return active;
    }

    /// Sum of contributions; the padded parts of a split come together as one concatenation.
    private static Node sum(List<Node> terms) {
        List<Node> rest = new ArrayList<>();
        Map<Integer, List<Node>> padded = new TreeMap<>();
        for (Node term : terms) {
            if (term.op() instanceof Pad pad) {
                padded.computeIfAbsent(pad.axis(), k -> new ArrayList<>()).add(term);
            } else {
                rest.add(term);
            }
        }
        padded.forEach((axis, pads) -> rest.add(join(axis, pads)));
        return Expr.add(rest.toArray(Node[]::new));
    }

    private static Node join(int axis, List<Node> pads) {
        SortedMap<Integer, Node> parts = new TreeMap<>();
        pads.forEach(node -> parts.put(((Pad) node.op()).before(), node.input(0)));
        int at = 0;
        for (Map.Entry<Integer, Node> part : parts.entrySet()) {
            if (part.getKey() < at || parts.size() < pads.size()) {
                return Expr.add(pads.toArray(Node[]::new)); // they overlap
            }
            at = part.getKey() + part.getValue().shape().dim(axis).intValue();
        }
        return Expr.placed(axis, pads.getFirst().shape().dim(axis).intValue(), parts);
    }
}
