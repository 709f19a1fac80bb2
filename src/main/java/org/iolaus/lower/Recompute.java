package org.iolaus.lower;

import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Program;
import org.iolaus.ir.Rewriter;
import org.iolaus.op.Concat;
import org.iolaus.op.Pad;
import org.iolaus.tensor.Dim;

/// Gives memory for time: what the forward pass computed cheaply is computed again where the backward pass needs it,
/// instead of being kept from one to the other.
///
/// Large results of pointwise operations, gathers, rotations, narrow products and what merely moves numbers are
/// computed again if that
///
/// - takes little: at most [#MOST] reads for each number, of the values that it follows from and in arithmetic,
/// - saves much: what would be kept only for it is less than half as long.
///
/// Everything else is kept: wide products, sums and what is small. (Chen, Xu, Zhang and Guestrin, "Training deep nets
/// with sublinear memory cost", 2016, with a choice of what to keep by its price.)
final class Recompute extends Rewriter {
    /// Numbers for each atom or edge from which keeping them matters.
    private static final long LARGE = 64;

    /// Reads of one number that computing a number again may cost.
    private static final double MOST = 2.25;

    private final Target target;
    private final Set<Node> forward;
    /// What the backward pass reads of the forward pass.
    private final Set<Node> needed = new HashSet<>();
    /// What only rearranges reading, but has to be copied for a whole operation.
    private final Set<Node> copied = new HashSet<>();
    private final Map<Node, Boolean> anew = new HashMap<>();
    private final Map<Node, Node> again = new HashMap<>();

    private Recompute(Program program, Node boundary, Target target) {
        this.target = target;
        this.forward = new HashSet<>(Program.reachable(List.of(boundary)));
        for (Node node : program.nodes()) {
            if (!forward.contains(node)) {
                node.inputs().stream().filter(forward::contains).forEach(input -> needed.add(stored(node, input)));
            }
            if (!isRead(node)) {
                node.inputs().stream()
                        .map(MaterializeViews::owner)
                        .filter(Access::isView)
                        .forEach(copied::add);
            }
        }
    }

    /// Whether a node's operands are read from where they stand: by a loop, or by whatever reads the node.
    private boolean isRead(Node node) {
        return Fusion.isFusable(node, target) || Fusion.isAssembled(node, target) || Access.isView(node);
    }

    /// What has to be in memory for a node to read an input. A whole operation reads a copy of what is only rearranged.
    private Node stored(Node user, Node input) {
        return isRead(user) ? Access.base(input) : MaterializeViews.owner(input);
    }

    /// An equal program that keeps less.
    ///
    /// @param output whose node ends the forward pass
    static Program run(Program program, String output, Target target) {
        Node boundary = Objects.requireNonNull(program.outputs().get(output));
        return new Recompute(program, boundary, target).rewrite(program);
    }

    @Override
    protected Node rewritten(Node node) {
        if (forward.contains(node) || node.inputs().isEmpty()) {
            return node;
        }
        return Node.of(
                node.op(),
                node.inputs().stream()
                        .map(input -> forward.contains(input) ? again(input) : image(input))
                        .toList());
    }

    /// A node of the forward pass, or its second computation.
    private Node again(Node node) {
        if (!isAnew(node)) {
            return node;
        }
        Node known = again.get(node);
        if (known == null) {
            known = Node.of(node.op(), node.inputs().stream().map(this::again).toList());
            again.put(node, known);
        }
        return known;
    }

    /// Whether a node of the forward pass is computed again.
    private boolean isAnew(Node node) {
        Boolean known = anew.get(node);
        if (known == null) {
            known = (Access.isView(node) && isAnew(Access.base(node))) || (isLarge(node) && isCheap(node));
            anew.put(node, known);
            if (known && node.op() instanceof Concat) {
                node.inputs().forEach(this::requireAnew);
            }
        }
        return known;
    }

    /// Has a part of a concatenation be computed again with it, as it stands in the memory of the first one.
    private void requireAnew(Node part) {
        Node held = Fusion.held(part);
        if (inLoops(held)) {
            for (Node node = part; node != held; node = node.input(0)) {
                anew.put(node, true);
            }
            anew.put(held, true);
            if (held.op() instanceof Concat) {
                held.inputs().forEach(this::requireAnew);
            }
        }
    }

    private boolean isCheap(Node node) {
        if (Double.isInfinite(node.op().instructions(node)) || (Access.isView(node) && !copied.contains(node))) {
            return false;
        }
        Recipe recipe = new Recipe(node);
        recipe.add(node);
        return recipe.price <= MOST && recipe.kept < 0.5;
    }

    private static boolean inLoops(Node node) {
        return node.op() instanceof Pointwise || node.op() instanceof Concat || node.op() instanceof Pad;
    }

    /// What computing a node again takes, in reads for each of its numbers.
    private final class Recipe {
        private final Node node;
        private final Set<Node> steps = new HashSet<>();
        private final Set<Node> read = new LinkedHashSet<>();
        private double price;
        /// What is kept for this alone, in numbers for each of the node's.
        private double kept;

        Recipe(Node node) {
            this.node = node;
        }

        void add(Node step) {
            if (!steps.add(step)) {
                return;
            }
            price += CostModel.work(step) * share(step);
            for (Node input : step.inputs()) {
                Node base = stored(step, input);
                if (inLoops(base) && isAnew(base)) {
                    add(base);
                } else if (read.add(base)) {
                    price += Math.min(share(input), share(base));
                    kept += needed.contains(base) || isAnew(base) ? 0 : share(base);
                }
            }
        }

        /// How many numbers another node has for each of this one's. Arrays of atoms or graphs, beside one of edges,
        /// are read from a cache.
        private double share(Node other) {
            Dim mine = node.shape().volume();
            Dim theirs = other.shape().volume();
            return mine.symbols().equals(theirs.symbols()) ? (double) theirs.factor() / mine.factor() : 0;
        }
    }

    private static boolean isLarge(Node node) {
        return !node.shape().volume().isConstant() && node.shape().volume().factor() >= LARGE;
    }
}
