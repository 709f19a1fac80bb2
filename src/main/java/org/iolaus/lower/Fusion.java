package org.iolaus.lower;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
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
/// Values are visited from users to inputs. A value that one group uses element by element is computed there and never
/// written. Of several groups, those that can run as one are joined (no path may lead from one through memory into
/// the other); if some remain, the value is computed in each of them where that is cheaper than writing and reading it
/// ([CostModel]), else one group writes it. What a matrix product, a gather or another whole operation reads is always
/// written.
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

    /// Where in a loop a value lives.
    enum Place {
        /// one per element of the domain
        ELEMENT,
        /// one per row: after a sum over columns
        ROW,
        /// one per element of the results of a walk
        RESULT
    }

    /// Which rows a loop's sums bring together: those of one index value, or runs of rows.
    ///
    /// @param index null for runs
    /// @param parts number of runs
    record Walk(@Nullable Node index, int parts) {}

    /// Nodes that run as one loop.
    static final class Group {
        private final List<Dim> domain;
        private final int columns;
        private final @Nullable Walk walk;
        private final Map<Node, Place> places;
        private final Set<Node> stored;
        /// The last search that came here; its negative if that looked for this group.
        private int search;

        private Group(List<Dim> domain, int columns, @Nullable Walk walk, Map<Node, Place> places, Set<Node> stored) {
            this.domain = domain;
            this.columns = columns;
            this.walk = walk;
            this.places = new LinkedHashMap<>(places);
            this.stored = new LinkedHashSet<>(stored);
        }

        /// Extents of the elements, those of 1 left out.
        List<Dim> domain() {
            return domain;
        }

        /// How many of the last axes are summed row by row; 0 for none.
        int columns() {
            return columns;
        }

        @Nullable
        Walk walk() {
            return walk;
        }

        /// What is computed, and where in the loop.
        Set<Map.Entry<Node, Place>> members() {
            return places.entrySet();
        }

        /// What is computed, in program order.
        List<Node> nodes() {
            return places.keySet().stream()
                    .sorted(Comparator.comparingLong(Node::sequence))
                    .toList();
        }

        /// Sequence number of the last node.
        long last() {
            return places.keySet().stream().mapToLong(Node::sequence).max().orElseThrow();
        }

        boolean computes(Node node) {
            return places.containsKey(node);
        }

        Place place(Node node) {
            Place place = places.get(node);
            if (place == null) {
                throw new IllegalStateException("fusion: want a member of the group, got " + node);
            }
            return place;
        }

        Set<Node> stored() {
            return stored;
        }

        /// Whether a member's operand is the given node, which the loop does not compute.
        boolean reads(Node node) {
            return !computes(node)
                    && places.keySet().stream()
                            .anyMatch(member -> operands(member).stream().anyMatch(input -> strip(input) == node));
        }
    }

    /// A node among its users, as searches over the program meet it. They take most of the time of lowering, so nothing
    /// is
    /// looked up on the way.
    private static final class Site {
        private final Node node;
        private final boolean fusable;
        private final Node bare;
        private final List<Use> uses = new ArrayList<>();
        private final Set<Group> groups = new LinkedHashSet<>();
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

    /// @param forwardEnd sequence number of the last node of the forward pass where values are computed again behind
    /// it:
    ///     then no loop gives values to both sides, or they would live as long as if they had been kept
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
    Set<Group> groups() {
        Set<Group> groups = new LinkedHashSet<>();
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

    Set<Group> computedIn(Node node) {
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
    private Set<Group> groupsUsing(Node node) {
        Set<Group> groups = new LinkedHashSet<>();
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
        Set<Group> using = groupsUsing(node);
        boolean stored = using.isEmpty() || inMemory.contains(node);
        stored |= using.removeIf(group -> placeIn(group, node) == null);
        if (!stored && isWorthRepeating(node, using)) {
            using.forEach(group -> add(group, node));
            return;
        }
        Group home = using.stream()
                .filter(group -> isBackward(group) == isBackward(node)
                        && hasRoom(group, node)
                        && !leadsBack(Set.of(node), Set.of(group), Set.of(node)))
                .findFirst()
                .orElse(null);
        for (Group group : using) {
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
            home = new Group(Access.extents(node.shape()), 0, null, Map.of(node, Place.ELEMENT), Set.of());
            register(home);
        }
        home.stored.add(node);
        inMemory.add(node);
    }

    /// How far two groups are apart in the program.
    private static long distance(Group a, Group b) {
        return Math.abs(a.last() - b.last());
    }

    private boolean isBackward(Node node) {
        return node.sequence() > forwardEnd;
    }

    private boolean isBackward(Group group) {
        return group.last() > forwardEnd;
    }

    private boolean isWorthRepeating(Node node, Set<Group> using) {
        if (using.size() == 1) {
            return hasRoom(using.iterator().next(), node);
        }
        if (target == Target.HOST || using.isEmpty()) {
            return false;
        }
        double repeated = 0;
        double cheapest = Double.POSITIVE_INFINITY;
        for (Group group : using) {
            double once = price.repeating(node, group);
            repeated += once;
            cheapest = Math.min(cheapest, once);
        }
        return repeated <= cheapest + CostModel.WRITE + (using.size() - 1) * CostModel.READ;
    }

    private void placeSum(Node node) {
        List<Dim> domain = Access.extents(node.input(0).shape());
        Group group;
        if (isRowSum(node)) {
            Walk walk = switch (node.op().loopSum()) {
                case LoopSum.Segments segments -> new Walk(node.input(segments.index()), 0);
                case LoopSum.Runs runs -> new Walk(null, runs.parts());
                case null, default -> new Walk(null, 1);
            };
            group = new Group(domain, 0, walk, Map.of(node, Place.RESULT), Set.of(node));
        } else {
            int columns = domain.size() - Access.extents(node.shape()).size();
            group = new Group(domain, columns, null, Map.of(node, Place.ROW), Set.of(node));
        }
        Set<Group> using = groupsUsing(node);
        register(group);
        for (Group user : List.copyOf(using)) {
            Group joined = joined(group, user);
            if (joined != null) {
                replace(group, joined);
                replace(user, joined);
                using.remove(user);
                group = joined;
            }
        }
        if (using.isEmpty() && !inMemory.contains(node)) {
            group.stored.remove(node);
        } else {
            inMemory.add(node);
        }
    }

    /// Where a value that the group's members use would live in it; null if not in one place.
    static @Nullable Place placeIn(Group group, Node node) {
        Place found = null;
        for (Node member : group.places.keySet()) {
            for (Node input : operands(member)) {
                if (strip(input) == node && isAligned(member, input)) {
                    Place place = operandPlace(group, member, input);
                    if (place == null || (found != null && found != place)) {
                        return null;
                    }
                    found = place;
                }
            }
        }
        return found;
    }

    /// Where in the group's loop the operand of a member is read; null if the loop has no such place.
    static @Nullable Place operandPlace(Group group, Node member, Node input) {
        if (member.op() instanceof Pointwise) {
            return group.place(member);
        }
        List<Dim> extents = Access.extents(input.shape());
        if (extents.equals(group.domain)) {
            return Place.ELEMENT;
        }
        int rows = group.domain.size() - group.columns;
        return extents.equals(group.domain.subList(0, rows)) ? Place.ROW : null;
    }

    private void add(Group group, Node node) {
        group.places.put(node, Objects.requireNonNull(placeIn(group, node)));
        site(node).groups.add(group);
    }

    private void register(Group group) {
        group.places.keySet().forEach(node -> site(node).groups.add(group));
    }

    private void replace(Group old, Group fresh) {
        for (Node node : old.places.keySet()) {
            Set<Group> groups = site(node).groups;
            groups.remove(old);
            groups.add(fresh);
        }
    }

    // joining

    private void joinAll(Set<Group> candidates) {
        List<Group> groups = new ArrayList<>(candidates);
        for (int i = 0; i < groups.size(); i++) {
            for (int j = i + 1; j < groups.size(); j++) {
                Group joined = joined(groups.get(i), groups.get(j));
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
    private @Nullable Group joined(Group a, Group b) {
        if (isBackward(a) != isBackward(b) || distance(a, b) > reach()) {
            return null;
        }
        Group union = union(a, b);
        if (union == null) {
            union = union(b, a);
        }
        if (union == null || !hasRoom(union) || !isConsistent(union)) {
            return null;
        }
        Set<Node> written = new LinkedHashSet<>(a.stored);
        written.addAll(b.stored);
        return leadsBack(written, Set.of(a, b), union.places.keySet()) ? null : union;
    }

    /// One group of what two compute, the domain being that of the first; null if the second's elements have no place.
    private static @Nullable Group union(Group a, Group b) {
        Map<Place, Place> moved = new HashMap<>();
        Walk walk = a.walk == null ? b.walk : a.walk;
        int columns = Math.max(a.columns, b.columns);
        int rows = a.domain.size() - columns;
        if (b.domain.equals(a.domain)) {
            boolean sameRows = a.columns == 0 || b.columns == 0 || a.columns == b.columns;
            boolean sameWalk = a.walk == null || b.walk == null || a.walk.equals(b.walk);
            if (!sameRows || !sameWalk) {
                return null;
            }
            moved.put(Place.ELEMENT, Place.ELEMENT);
            moved.put(Place.ROW, Place.ROW);
            moved.put(Place.RESULT, Place.RESULT);
        } else if (b.walk == null && b.columns == 0 && a.columns > 0 && b.domain.equals(a.domain.subList(0, rows))) {
            moved.put(Place.ELEMENT, Place.ROW);
        } else if (b.walk == null && b.columns == 0 && a.walk != null && b.domain.equals(results(a))) {
            moved.put(Place.ELEMENT, Place.RESULT);
        } else {
            return null;
        }
        if (walk != null && rows > 1 && columns > 0) {
            return null;
        }
        Map<Node, Place> places = new LinkedHashMap<>(a.places);
        for (Map.Entry<Node, Place> entry : b.places.entrySet()) {
            Place place = moved.get(entry.getValue());
            Place before = places.put(entry.getKey(), Objects.requireNonNull(place));
            if (before != null && before != place) {
                return null;
            }
        }
        Set<Node> stored = new LinkedHashSet<>(a.stored);
        stored.addAll(b.stored);
        return new Group(a.domain, columns, walk, places, stored);
    }

    /// Extents of what a walk yields.
    static List<Dim> results(Group group) {
        Walk walk = Objects.requireNonNull(group.walk);
        List<Dim> extents = new ArrayList<>();
        if (walk.index != null) {
            extents.add(walk.index.type().indexRange());
        } else if (walk.parts > 1) {
            extents.add(Dim.of(walk.parts));
        }
        extents.addAll(group.domain.subList(Math.min(1, group.domain.size()), group.domain.size()));
        return extents;
    }

    /// Whether every value that is computed in the loop lives where its users in the loop read it.
    private static boolean isConsistent(Group group) {
        for (Node member : group.places.keySet()) {
            for (Node input : operands(member)) {
                Node bare = strip(input);
                if (group.computes(bare)
                        && isAligned(member, input)
                        && group.place(bare) != operandPlace(group, member, input)) {
                    return false;
                }
            }
        }
        return true;
    }

    private boolean hasRoom(Group group) {
        return target == Target.HOST
                ? group.places.size() < MOST_HOST_NODES
                : group.places.size() < MOST_DEVICE_NODES
                        && RegisterPressure.by(group, null).fits();
    }

    /// Whether a group that uses a value can compute it: its loop does not hold too much, or not more than if it read
    /// the
    /// value.
    private boolean hasRoom(Group group, Node node) {
        if (target == Target.HOST) {
            return group.places.size() < MOST_HOST_NODES;
        }
        RegisterPressure more = RegisterPressure.by(group, node);
        return group.places.size() < MOST_DEVICE_NODES
                && (more.fits() || more.isWithin(RegisterPressure.by(group, null)));
    }

    /// Whether a path leads from values in memory to one of the groups, other than by values that the group, having
    /// computed them, need not read.
    private boolean leadsBack(Set<Node> written, Set<Group> groups, Set<Node> computed) {
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
                for (Group group : use.user.groups) {
                    if (group.search == goal) {
                        if (!use.aligned || !computed.contains(site.bare)) {
                            return true;
                        }
                    } else if (group.search != search && !(use.aligned && group.computes(site.bare))) {
                        group.search = search;
                        group.stored.forEach(node -> site(node).enter(search, open));
                    }
                }
            }
        }
        return false;
    }
}
