package org.iolaus.lower;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.iolaus.ir.LoopSum;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Program;
import org.iolaus.op.Concat;
import org.iolaus.op.Constant;
import org.iolaus.op.Reshape;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;
import org.jspecify.annotations.Nullable;

/// Decides which values are written to memory, and partitions the pointwise operations and sums of a program into
/// groups that each become one loop.
///
/// Values are visited from users to inputs. A value that one group uses element by element is computed there
/// and never written. Of several groups, those that can run as one are joined (no path may lead from one
/// through memory into the other); if some remain, the value is computed in each of them where that is cheaper
/// than writing and reading it ([CostModel]), else one group writes it. What a matrix product, a gather or
/// another whole operation reads is always written.
///
/// | what | where in its group's loop |
/// | --- | --- |
/// | pointwise | with the elements, or with the sums that it uses |
/// | sum over the last axes | with the elements; what uses the sum row by row follows |
/// | segment sum, sum over the first axis | walks the rows; what uses the sums runs after the walk |
///
/// On the host only pointwise operations are grouped, and nothing is computed twice.
final class Fusion {
    private static final int MOST_HOST_NODES = 48;
    private static final int MOST_DEVICE_NODES = 160;

    /// A node among its users, as searches over the program meet it. They take most of the time of lowering, so
    /// nothing is looked up on the way.
    private static final class Site {
        private final Node node;
        private final boolean fusable;
        private final Node bare;
        private final List<Use> uses = new ArrayList<>();
        private final Set<LoopGroup> groups = new LinkedHashSet<>();
        /// The last search that came here.
        private int search;

        /// @param bare the node without reshapes that change nothing
        Site(Node node, boolean fusable, Node bare) {
            this.node = node;
            this.fusable = fusable;
            this.bare = bare;
        }

        /// Has a search go on from here unless it has been here.
        void enter(int number, Deque<Site> open) {
            if (search != number) {
                search = number;
                open.push(this);
            }
        }
    }

    /// @param aligned whether a loop over the user's elements reads one element for each
    private record Use(Site user, boolean aligned) {}

    /// Nodes that lie between two loops that may become one where memory is dear: about as many as the backward pass of
    /// a layer has.
    private static final long NEAR = 400;

    private final Program program;
    private final Target target;
    private final long forwardEnd;
    private final Map<Node, Site> sites = new HashMap<>();
    private final Set<Node> inMemory = new HashSet<>();
    private final Map<Node, Node> concatOf = new HashMap<>();
    private final CostModel price = new CostModel(this);
    private int searches;

    /// @param forwardEnd sequence number of the last node of the forward pass where values are computed
    ///     again behind it: then no loop gives values to both sides, or they would live as long as if they
    ///     had been kept
    Fusion(Program program, Target target, long forwardEnd) {
        this.program = program;
        this.target = target;
        this.forwardEnd = forwardEnd;
        for (Node node : program.nodes()) {
            Site site = new Site(node, isFusable(node), strip(node));
            sites.put(node, site);
            for (Node input : new LinkedHashSet<>(node.inputs())) {
                boolean aligned = site.fusable && operands(node).contains(input) && isAligned(node, input);
                site(input).uses.add(new Use(site, aligned));
            }
        }
        requireMemory();
        for (Node node : program.nodes().reversed()) {
            visit(node);
        }
    }

    // what the rest of lowering asks

    /// How far apart in the program loops may be that become one.
    long reach() {
        return forwardEnd == Long.MAX_VALUE ? Long.MAX_VALUE : NEAR;
    }

    /// The loops: groups of nodes, in no order.
    Set<LoopGroup> groups() {
        Set<LoopGroup> groups = new LinkedHashSet<>();
        program.nodes().forEach(node -> groups.addAll(computedIn(node)));
        return groups;
    }

    /// Whether a node's elements stand in memory, by themselves or as part of a concatenation.
    boolean isInMemory(Node node) {
        return inMemory.contains(node);
    }

    /// Whether a loop can compute the node.
    static boolean isFusable(Node node, Target target) {
        return node.op() instanceof Pointwise || (target == Target.DEVICE && LoopSums.of(node) != LoopSums.Kind.NONE);
    }

    boolean isFusable(Node node) {
        return isFusable(node, target);
    }

    /// Whether the parts of a concatenation are computed where they belong.
    static boolean isAssembled(Node node, Target target) {
        return target == Target.DEVICE && node.op() instanceof Concat;
    }

    boolean isAssembled(Node node) {
        return isAssembled(node, target);
    }

    /// Whether a node sums over rows, so that its result follows a walk.
    static boolean isRowSum(Node node) {
        return LoopSums.of(node) == LoopSums.Kind.ROWS;
    }

    /// How a loop reads a node that it does not compute.
    Access view(Node input) {
        return Access.isView(input)
                ? Objects.requireNonNull(view(input.input(0)).over(input))
                : place(input);
    }

    /// Where a node in memory stands: in memory of its own or in that of a concatenation.
    Access place(Node node) {
        Node concat = concatOf.get(node);
        if (concat == null) {
            return Access.direct(node);
        }
        int part = 0;
        while (held(concat.input(part)) != node) {
            part++;
        }
        return Objects.requireNonNull(place(concat).inside(concat, part, node));
    }

    /// The concatenation in whose memory a node stands; null if it has memory of its own.
    @Nullable
    Node concatOf(Node node) {
        return concatOf.get(node);
    }

    /// The node that writes a part of a concatenation: the part without reshapes that only split axes or add or
    /// remove extents of 1.
    static Node held(Node part) {
        Node bare = strip(part);
        while (bare.op() instanceof Reshape
                && Access.splits(part.shape(), bare.input(0).shape())) {
            bare = strip(bare.input(0));
        }
        return bare;
    }

    /// The shape whose elements a node's inputs are read for.
    static Shape frame(Node user) {
        return user.op() instanceof Pointwise ? user.shape() : user.input(0).shape();
    }

    /// A node without the reshapes that only add or remove extents of 1.
    static Node strip(Node node) {
        Node bare = node;
        while (Access.isPlain(bare)) {
            bare = bare.input(0);
        }
        return bare;
    }

    /// Whether a loop over the user's elements reads one element of the input for each.
    static boolean isAligned(Node user, Node input) {
        return Access.sameExtents(input.shape(), frame(user));
    }

    private Site site(Node node) {
        return Objects.requireNonNull(sites.get(node));
    }

    /// The inputs that a loop computes a fusable node of.
    static List<Node> operands(Node node) {
        return node.op() instanceof Pointwise ? node.inputs() : node.inputs().subList(0, 1);
    }

    // what must be in memory

    private void requireMemory() {
        inMemory.addAll(program.outputs().values());
        for (Node node : program.nodes().reversed()) {
            if (isFusable(node)) {
                for (Node input : operands(node)) {
                    if (!isFusable(strip(input)) || !isAligned(node, input)) {
                        inMemory.add(view(input).base());
                    }
                }
            } else if (isAssembled(node)) {
                if (inMemory.contains(node)) {
                    node.inputs().forEach(part -> inMemory.add(held(part)));
                }
            } else if (node.op() instanceof Reshape) {
                if (inMemory.contains(node)) {
                    inMemory.add(strip(node.input(0)));
                }
            } else if (!Access.isView(node)) {
                inMemory.add(node);
                inMemory.addAll(node.inputs());
            }
        }
        for (Node node : program.nodes()) {
            if (isAssembled(node) && inMemory.contains(node)) {
                for (Node part : node.inputs()) {
                    if (concatOf.put(held(part), node) != null) {
                        throw new IllegalStateException(
                                "fusion: want a part of one concatenation, got one of two: " + part);
                    }
                }
            }
        }
    }

    // which loop computes what

    Set<LoopGroup> computedIn(Node node) {
        return site(node).groups;
    }

    private void visit(Node node) {
        if (target == Target.DEVICE
                && node.shape().rank() > 0
                && !(Access.base(node).op() instanceof Constant)) {
            joinAll(groupsUsing(node));
        }
        if (!isFusable(node)) {
            return;
        }
        if (node.op() instanceof Pointwise) {
            placePointwise(node);
        } else {
            placeSum(node);
        }
    }

    /// The groups that use a value element by element.
    private Set<LoopGroup> groupsUsing(Node node) {
        Set<LoopGroup> groups = new LinkedHashSet<>();
        Deque<Node> open = new ArrayDeque<>(List.of(node));
        while (!open.isEmpty()) {
            Node next = open.pop();
            for (Use use : site(next).uses) {
                Node user = use.user.node;
                if (use.aligned) {
                    groups.addAll(use.user.groups);
                } else if (Access.isPlain(user)) {
                    open.push(user);
                }
            }
        }
        return groups;
    }

    private void placePointwise(Node node) {
        Set<LoopGroup> using = groupsUsing(node);
        boolean stored = using.isEmpty() || inMemory.contains(node);
        stored |= using.removeIf(group -> group.placeIn(node) == null);
        if (!stored && isWorthRepeating(node, using)) {
            using.forEach(group -> add(group, node));
            return;
        }
        LoopGroup home = using.stream()
                .filter(group -> isBackward(group) == isBackward(node)
                        && hasRoom(group, node)
                        && !makesCycle(Set.of(node), Set.of(group), Set.of(node)))
                .findFirst()
                .orElse(null);
        for (LoopGroup group : using) {
            if (group == home || (target == Target.DEVICE && price.repeating(node, group) < CostModel.READ)) {
                add(group, node);
            } else {
                stored = true;
            }
        }
        if (!stored) {
            return;
        }
        if (home == null) {
            home = new LoopGroup(
                    Access.extents(node.shape()), 0, null, Map.of(node, LoopGroup.Place.ELEMENT), Set.of());
            register(home);
        }
        home.stored().add(node);
        inMemory.add(node);
    }

    /// How far two groups are apart in the program.
    private static long distance(LoopGroup a, LoopGroup b) {
        return Math.abs(a.last() - b.last());
    }

    private boolean isBackward(Node node) {
        return node.sequence() > forwardEnd;
    }

    private boolean isBackward(LoopGroup group) {
        return group.last() > forwardEnd;
    }

    private boolean isWorthRepeating(Node node, Set<LoopGroup> using) {
        if (using.size() == 1) {
            return hasRoom(using.iterator().next(), node);
        }
        if (target == Target.HOST || using.isEmpty()) {
            return false;
        }
        double repeated = 0;
        double cheapest = Double.POSITIVE_INFINITY;
        for (LoopGroup group : using) {
            double once = price.repeating(node, group);
            repeated += once;
            cheapest = Math.min(cheapest, once);
        }
        return repeated <= cheapest + CostModel.WRITE + (using.size() - 1) * CostModel.READ;
    }

    private void placeSum(Node node) {
        List<Dim> domain = Access.extents(node.input(0).shape());
        LoopGroup group;
        if (isRowSum(node)) {
            LoopGroup.Walk walk = switch (node.op().loopSum()) {
                case LoopSum.Segments segments -> new LoopGroup.Walk(node.input(segments.index()), 0);
                case LoopSum.Runs runs -> new LoopGroup.Walk(null, runs.parts());
                case null, default -> new LoopGroup.Walk(null, 1);
            };
            group = new LoopGroup(domain, 0, walk, Map.of(node, LoopGroup.Place.RESULT), Set.of(node));
        } else {
            int columns = domain.size() - Access.extents(node.shape()).size();
            group = new LoopGroup(domain, columns, null, Map.of(node, LoopGroup.Place.ROW), Set.of(node));
        }
        Set<LoopGroup> using = groupsUsing(node);
        register(group);
        for (LoopGroup user : List.copyOf(using)) {
            LoopGroup joined = joined(group, user);
            if (joined != null) {
                replace(group, joined);
                replace(user, joined);
                using.remove(user);
                group = joined;
            }
        }
        if (using.isEmpty() && !inMemory.contains(node)) {
            group.stored().remove(node);
        } else {
            inMemory.add(node);
        }
    }

    private void add(LoopGroup group, Node node) {
        group.add(node);
        site(node).groups.add(group);
    }

    private void register(LoopGroup group) {
        group.computed().forEach(node -> site(node).groups.add(group));
    }

    private void replace(LoopGroup old, LoopGroup fresh) {
        for (Node node : old.computed()) {
            Set<LoopGroup> groups = site(node).groups;
            groups.remove(old);
            groups.add(fresh);
        }
    }

    // joining

    private void joinAll(Set<LoopGroup> candidates) {
        List<LoopGroup> groups = new ArrayList<>(candidates);
        for (int i = 0; i < groups.size(); i++) {
            for (int j = i + 1; j < groups.size(); j++) {
                LoopGroup joined = joined(groups.get(i), groups.get(j));
                if (joined != null) {
                    replace(groups.get(i), joined);
                    replace(groups.get(j), joined);
                    groups.set(i, joined);
                    groups.remove(j);
                    j = i;
                }
            }
        }
    }

    /// The two groups as one; null if they cannot run as one loop.
    private @Nullable LoopGroup joined(LoopGroup a, LoopGroup b) {
        if (isBackward(a) != isBackward(b) || distance(a, b) > reach()) {
            return null;
        }
        LoopGroup union = LoopGroup.union(a, b);
        if (union == null) {
            union = LoopGroup.union(b, a);
        }
        if (union == null || !hasRoom(union) || !union.isConsistent()) {
            return null;
        }
        Set<Node> written = new LinkedHashSet<>(a.stored());
        written.addAll(b.stored());
        return makesCycle(written, Set.of(a, b), union.computed()) ? null : union;
    }

    private boolean hasRoom(LoopGroup group) {
        return target == Target.HOST
                ? group.computed().size() < MOST_HOST_NODES
                : group.computed().size() < MOST_DEVICE_NODES
                        && RegisterPressure.by(group, null).fits();
    }

    /// Whether a group that uses a value can compute it: its loop does not hold too much, or not more than if
    /// it read the value.
    private boolean hasRoom(LoopGroup group, Node node) {
        if (target == Target.HOST) {
            return group.computed().size() < MOST_HOST_NODES;
        }
        RegisterPressure more = RegisterPressure.by(group, node);
        return group.computed().size() < MOST_DEVICE_NODES
                && (more.fits() || more.isWithin(RegisterPressure.by(group, null)));
    }

    /// Whether a loop of some groups would wait for its own results: a path leads from a value that it
    /// writes, by way of other steps, to a value that it reads.
    ///
    /// Example: one loop computes `a`, a matrix product reads `a`, another loop reads the product. As one
    /// loop, they would need the product before `a` is written. What the loop computes element by element,
    /// it need not read.
    ///
    /// @param written what the groups write: the path begins here
    /// @param groups of the loop: the path ends here
    /// @param computed what the loop has in registers
    private boolean makesCycle(Set<Node> written, Set<LoopGroup> groups, Set<Node> computed) {
        int search = ++searches;
        int goal = -search;
        groups.forEach(group -> group.search = goal);
        Deque<Site> open = new ArrayDeque<>();
        written.forEach(node -> site(node).enter(search, open));
        while (!open.isEmpty()) {
            Site site = open.pop();
            for (Use use : site.uses) {
                if (!use.user.fusable) {
                    use.user.enter(search, open);
                    continue;
                }
                for (LoopGroup group : use.user.groups) {
                    if (group.search == goal) {
                        if (!use.aligned || !computed.contains(site.bare)) {
                            return true;
                        }
                    } else if (group.search != search && !(use.aligned && group.computes(site.bare))) {
                        group.search = search;
                        group.stored().forEach(node -> site(node).enter(search, open));
                    }
                }
            }
        }
        return false;
    }
}
