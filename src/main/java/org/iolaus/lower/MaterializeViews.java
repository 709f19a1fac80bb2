package org.iolaus.lower;

import java.util.HashSet;
import java.util.Objects;
import java.util.Set;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.ir.Rewriter;
import org.iolaus.op.Reshape;

/// Makes a [Materialize] of what only rearranges reading but has to stand in memory: operands of whole
/// operations, outputs, views of views that no loop can read through, and parts of a concatenation that no loop
/// can compute in place.
final class MaterializeViews extends Rewriter {
    private final Target target;

    /// Views that are written out.
    private final Set<Node> views = new HashSet<>();

    /// Nodes that need memory of their own, so that they cannot be a part of a concatenation only.
    private final Set<Node> whole = new HashSet<>();

    /// Parts that are computed where a concatenation stands.
    private final Set<Node> inPlace = new HashSet<>();

    private MaterializeViews(Target target) {
        this.target = target;
    }

    static Program run(Program program, Target target) {
        MaterializeViews copies = new MaterializeViews(target);
        int before = -1;
        while (copies.views.size() + copies.whole.size() > before) {
            before = copies.views.size() + copies.whole.size();
            copies.find(program);
        }
        copies.inPlace.clear();
        return copies.rewrite(program);
    }

    private void find(Program program) {
        inPlace.clear();
        program.outputs().values().forEach(this::requireWhole);
        for (Node node : program.nodes()) {
            if (Fusion.isFusable(node, target)) {
                Fusion.operands(node).forEach(this::requireReadable);
            } else if (views.contains(node)) {
                requireReadable(node.input(0), node);
            } else if (Fusion.isAssembled(node, target)) {
                for (Node part : node.inputs()) {
                    if (!isPlaced(part)) {
                        requireReadable(part);
                    }
                }
            } else if (!Access.isView(node)) {
                node.inputs().forEach(this::requireWhole);
            }
        }
    }

    /// Whether a part of a concatenation is computed where it belongs: if it is a part of no other one before.
    private boolean isPlaced(Node part) {
        Node held = Fusion.held(part);
        return (Fusion.isFusable(held, target) || Fusion.isAssembled(held, target))
                && !whole.contains(held)
                && inPlace.add(held);
    }

    private void requireWhole(Node node) {
        Node owner = owner(node);
        whole.add(owner);
        if (Access.isView(owner)) {
            views.add(owner);
        }
    }

    private Access requireReadable(Node node) {
        return Access.isView(node) && !views.contains(node)
                ? requireReadable(node.input(0), node)
                : Access.direct(node);
    }

    /// How a loop reads what a rearranging operation makes of a node: from where that stands, or from a copy.
    private Access requireReadable(Node from, Node node) {
        Access below = requireReadable(from);
        if (node.op() instanceof Reshape && !Access.splits(from.shape(), node.shape())) {
            whole.add(below.base()); // what stands within a concatenation may have gaps
        }
        Access view = below.over(node);
        if (view == null) {
            views.add(from);
            view = Access.direct(from).over(node);
        }
        return Objects.requireNonNull(view);
    }

    /// The node in whose memory another one stands: a reshape shares its input's.
    static Node owner(Node node) {
        Node owner = node;
        while (owner.op() instanceof Reshape) {
            owner = owner.input(0);
        }
        return owner;
    }

    @Override
    protected Node rewritten(Node node) {
        Node made = Fusion.isAssembled(node, target)
                ? Node.of(node.op(), node.inputs().stream().map(this::part).toList())
                : same(node);
        return views.contains(node) ? copy(made) : made;
    }

    private Node part(Node node) {
        return isPlaced(node) ? image(node) : copy(image(node));
    }

    private static Node copy(Node node) {
        return Node.of(new Materialize(false), node);
    }
}
