package org.iolaus.lower;

import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Program;
import org.iolaus.op.BilinearProduct;
import org.iolaus.op.Broadcast;
import org.iolaus.op.Concat;
import org.iolaus.op.Gather;
import org.iolaus.op.Pad;
import org.iolaus.op.Reshape;
import org.iolaus.op.Slice;
import org.iolaus.op.Transpose;

/// Gives memory for time: what the forward pass computed cheaply is computed again where the backward pass needs it,
/// instead of being kept from one to the other.
///
/// Kept are matrix products, sums and what is small; from them large pointwise results, gathers, rotations and
/// what merely moves numbers follow anew. So no product is computed twice. (Chen, Xu, Zhang and Guestrin, "Training
/// deep nets with sublinear memory cost", 2016, with a choice of what to keep by its price.)
final class Recompute {
    /// Numbers for each atom or edge from which keeping them matters.
    private static final long LARGE = 256;

    private final Set<Node> forward;
    private final Map<Node, Node> again = new HashMap<>();

    private Recompute(Node boundary) {
        this.forward = new HashSet<>(Program.reachable(List.of(boundary)));
    }

    /// An equal program that keeps less.
    ///
    /// @param output whose node ends the forward pass
    static Program run(Program program, String output) {
        Recompute recompute =
                new Recompute(Objects.requireNonNull(program.outputs().get(output)));
        Map<Node, Node> image = new HashMap<>();
        for (Node node : program.nodes()) {
            image.put(node, recompute.rewrite(node, image));
        }
        Map<String, Node> outputs = new LinkedHashMap<>();
        program.outputs().forEach((name, node) -> outputs.put(name, image.get(node)));
        return Program.of(outputs);
    }

    private Node rewrite(Node node, Map<Node, Node> image) {
        if (forward.contains(node) || node.inputs().isEmpty()) {
            return node;
        }
        List<Node> inputs = node.inputs().stream()
                .map(input -> forward.contains(input) ? again(input, false) : image.get(input))
                .toList();
        return Node.of(node.op(), inputs);
    }

    /// A node of the forward pass, or its second computation.
    ///
    /// @param part whether it is a part of a larger array that is computed again
    private Node again(Node node, boolean part) {
        if (!isCheap(node.op()) || !(part || isLarge(node))) {
            return node;
        }
        Node known = again.get(node);
        if (known == null) {
            boolean parts = node.op() instanceof Concat || node.op() instanceof Gather;
            known = Node.of(
                    node.op(),
                    node.inputs().stream().map(input -> again(input, parts)).toList());
            again.put(node, known);
        }
        return known;
    }

    private static boolean isLarge(Node node) {
        return !node.shape().volume().isConstant() && node.shape().volume().factor() >= LARGE;
    }

    private static boolean isCheap(Op op) {
        return op instanceof Pointwise
                || op instanceof Gather
                || op instanceof Slice
                || op instanceof Transpose
                || op instanceof Broadcast
                || op instanceof Reshape
                || op instanceof BilinearProduct
                || op instanceof GatheredProduct
                || op instanceof Concat
                || op instanceof Pad;
    }
}
