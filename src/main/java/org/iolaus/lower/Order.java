package org.iolaus.lower;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import org.iolaus.ir.Node;
import org.iolaus.kernel.Loop;
import org.iolaus.lower.Schedule.Call;
import org.iolaus.lower.Schedule.Fused;
import org.iolaus.lower.Schedule.Step;

/// Puts steps in an order in which each runs after what it reads, and makes loops that differ only in their
/// buffers one step where none waits longer for it: loops that are as many steps away from the beginning, and
/// loops whose results no step reads.
final class Order {
    private static final int MOST_IN_STEP = 8;
    /// Depth of loops whose results no step reads: no depth that any other loop has.
    private static final int LAST = Integer.MAX_VALUE;

    private final List<Unit> units;
    private final Map<Unit, Set<Unit>> sources = new HashMap<>();
    private final Map<Unit, List<Unit>> feeds = new HashMap<>();

    /// A step before it has its place; a key of maps by identity, as loops are long.
    static final class Unit {
        private final long key;
        private final Step step;
        private final Set<Node> reads;
        private final Set<Node> writes;

        /// @param key steps that may be in either order go by this
        /// @param reads nodes in memory; likewise `writes`
        Unit(long key, Step step, Set<Node> reads, Set<Node> writes) {
            this.key = key;
            this.step = step;
            this.reads = reads;
            this.writes = writes;
        }

        long key() {
            return key;
        }

        Step step() {
            return step;
        }
    }

    private Order(List<Unit> units, Map<Node, List<Node>> parts) {
        this.units = units;
        Map<Node, List<Unit>> writers = new HashMap<>();
        for (Unit unit : units) {
            unit.writes.forEach(node ->
                    writers.computeIfAbsent(node, key -> new ArrayList<>()).add(unit));
        }
        for (Unit unit : units) {
            Set<Unit> before = new HashSet<>();
            for (Node node : unit.reads) {
                Node owner = MaterializeViews.owner(node);
                for (Node part : parts.getOrDefault(owner, List.of(owner))) {
                    before.addAll(writers.getOrDefault(part, List.of()));
                }
            }
            before.remove(unit);
            sources.put(unit, before);
            before.forEach(source ->
                    feeds.computeIfAbsent(source, key -> new ArrayList<>()).add(unit));
        }
    }

    /// The steps in order.
    ///
    /// @param parts of the nodes that several steps write
    static List<Step> of(List<Unit> units, Map<Node, List<Node>> parts) {
        return new Order(units, parts).sorted().stream().map(Unit::step).toList();
    }

    /// The steps in order, with loops that are alike made one.
    ///
    /// @param kind of a buffer's numbers: loops are alike only if those of their buffers are
    /// @param reach how far apart the keys of loops in one step may be
    static List<Step> joining(List<Unit> units, Map<Node, List<Node>> parts, IntFunction<Object> kind, long reach) {
        return of(new Order(units, parts).joined(kind, reach), parts);
    }

    /// Each unit behind those that it waits for; of those that are ready, the one of the first place comes first.
    ///
    /// A unit that waits for one of a later place takes that place: else what is ready, but not needed
    /// yet, would run while its place is empty, and lie in memory. For the same reason a unit that waits
    /// for none takes the place of the first that waits for it, and factors are split right before their
    /// first product. A unit that sums up a batch runs as soon as it can, so that what it sums need not
    /// wait for it.
    private List<Unit> sorted() {
        Map<Unit, Long> place = new HashMap<>();
        units.forEach(unit -> place.put(unit, unit.key));
        visit(Comparator.comparingLong(Unit::key), unit -> {
            long own = sums(unit) ? latest(sources(unit), place) : place.getOrDefault(unit, unit.key);
            place.put(unit, own);
            feeds.getOrDefault(unit, List.of()).forEach(user -> place.merge(user, own, Math::max));
        });
        for (Unit unit : units) {
            if (sources(unit).isEmpty()) {
                feeds.getOrDefault(unit, List.of()).stream()
                        .mapToLong(user -> place.getOrDefault(user, user.key))
                        .min()
                        .ifPresent(first -> place.put(unit, first));
            }
        }
        List<Unit> result = new ArrayList<>();
        Comparator<Unit> byPlace = Comparator.comparingLong(unit -> place.getOrDefault(unit, unit.key));
        visit(byPlace.thenComparingLong(Unit::key), result::add);
        if (result.size() != units.size()) {
            throw new IllegalStateException("lowering: want an acyclic schedule, got " + result.size() + " of "
                    + units.size() + " steps ordered");
        }
        Set<Unit> late = new LinkedHashSet<>();
        for (Unit unit : result) {
            if (!isSplit(unit)) {
                sources(unit).stream()
                        .filter(Order::isSplit)
                        .sorted(Comparator.comparingLong(Unit::key))
                        .forEach(late::add);
                late.add(unit);
            }
        }
        return List.copyOf(late);
    }

    private static boolean isSplit(Unit unit) {
        return unit.step instanceof Call call && call.op() instanceof Tf32Operands;
    }

    /// Whether what is as long as the batch ends in what is not, as in the gradient of a parameter.
    private boolean sums(Unit unit) {
        return !sources(unit).isEmpty()
                && unit.writes.stream().allMatch(node -> node.shape().volume().isConstant());
    }

    private static long latest(Set<Unit> units, Map<Unit, Long> place) {
        return units.stream()
                .mapToLong(unit -> place.getOrDefault(unit, unit.key))
                .max()
                .orElseThrow();
    }

    /// Goes through units, each behind those that it waits for.
    private void visit(Comparator<Unit> first, Consumer<Unit> visitor) {
        Map<Unit, Integer> waiting = new HashMap<>();
        PriorityQueue<Unit> ready = new PriorityQueue<>(first);
        for (Unit unit : units) {
            int count = sources(unit).size();
            waiting.put(unit, count);
            if (count == 0) {
                ready.add(unit);
            }
        }
        while (!ready.isEmpty()) {
            Unit unit = ready.remove();
            visitor.accept(unit);
            for (Unit user : feeds.getOrDefault(unit, List.of())) {
                if (waiting.merge(user, -1, Integer::sum) == 0) {
                    ready.add(user);
                }
            }
        }
    }

    private Set<Unit> sources(Unit unit) {
        return sources.getOrDefault(unit, Set.of());
    }

    /// What loops must have in common to be one step.
    private record Kind(Loop loop, List<Object> buffers, int depth) {}

    private List<Unit> joined(IntFunction<Object> kind, long reach) {
        Map<Unit, Integer> depth = new HashMap<>();
        Map<Object, List<Unit>> alike = new LinkedHashMap<>();
        for (Unit unit : sorted()) {
            int deepest = sources(unit).stream()
                    .mapToInt(source -> depth.getOrDefault(source, 0))
                    .max()
                    .orElse(-1);
            depth.put(unit, deepest + 1);
            Object key = unit;
            if (unit.step instanceof Fused fused && !(sources(unit).isEmpty() && isLarge(fused))) {
                List<Integer> buffers = new ArrayList<>();
                Loop plain = fused.loops().getFirst().renumbered(buffers);
                boolean last = !feeds.containsKey(unit);
                key = new Kind(plain, buffers.stream().map(kind::apply).toList(), last ? LAST : deepest);
            }
            alike.computeIfAbsent(key, fresh -> new ArrayList<>()).add(unit);
        }
        List<Unit> result = new ArrayList<>();
        for (List<Unit> group : alike.values()) {
            group.sort(Comparator.comparingInt(unit -> depth.getOrDefault(unit, 0)));
            int from = 0;
            for (int to = 1; to <= group.size(); to++) {
                boolean full = to == group.size() || to - from == MOST_IN_STEP;
                if (full || Math.abs(group.get(to).key - group.get(from).key) > reach) {
                    result.add(one(group.subList(from, to)));
                    from = to;
                }
            }
        }
        return result;
    }

    /// Whether a loop's length depends on the batch. What a batch's sizes alone fill need not lie there all the time.
    private static boolean isLarge(Fused fused) {
        return !fused.loops().getFirst().iteration().volume().isConstant();
    }

    private static Unit one(List<Unit> group) {
        if (group.size() == 1) {
            return group.getFirst();
        }
        long key = 0;
        List<Loop> loops = new ArrayList<>();
        Set<Node> reads = new HashSet<>();
        Set<Node> writes = new HashSet<>();
        for (Unit unit : group) {
            key = Math.max(key, unit.key);
            loops.addAll(((Fused) unit.step).loops());
            reads.addAll(unit.reads);
            writes.addAll(unit.writes);
        }
        return new Unit(key, new Fused(List.copyOf(loops)), reads, writes);
    }
}
