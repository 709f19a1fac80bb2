package org.iolaus.lower;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.function.Consumer;
import org.iolaus.ir.Leaf;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.lower.Schedule.Buffer;
import org.iolaus.lower.Schedule.Call;
import org.iolaus.lower.Schedule.Fused;
import org.iolaus.lower.Schedule.Step;
import org.iolaus.lower.Schedule.Storage;
import org.iolaus.op.Constant;
import org.iolaus.op.Reshape;

/// Turns a program into a schedule: simplifies, decides what is written to memory and what runs as one loop ([Fusion]),
/// writes the loops and orders the steps.
public final class Lowering {
    private final Program program;
    private final Fusion fusion;
    private final Map<Node, Integer> bufferOf = new HashMap<>();
    private final List<Draft> drafts = new ArrayList<>();

    /// A buffer whose life is not known yet.
    private record Draft(Node node, Storage storage, String label) {}

    /// A step before it has its place, with the nodes in memory that it reads and writes; ties in the order go by key.
    private record Unit(long key, Step step, Set<Node> reads, Set<Node> writes) {}

    private Lowering(Program program, Target target, long forwardEnd) {
        this.program = program;
        this.fusion = new Fusion(program, target, forwardEnd);
    }

    /// The schedule of a program.
    public static Schedule run(Program program, Target target) {
        Program simple = Simplify.run(program);
        Program fit = target == Target.DEVICE ? Products.run(Expand.run(simple)) : simple;
        Program plain = Copies.run(fit, target);
        String end = program.forwardEnd();
        if (end == null) {
            return new Lowering(plain, target, Long.MAX_VALUE).schedule();
        }
        long last = plain.nodes().getLast().sequence(); // what is made anew comes behind it
        return new Lowering(Recompute.run(plain, end), target, last).schedule();
    }

    private Schedule schedule() {
        List<Step> steps = ordered(units());
        Map<Integer, Integer> birth = new HashMap<>();
        Map<Integer, Integer> complete = new HashMap<>();
        Map<Integer, Integer> death = new HashMap<>();
        for (int at = 0; at < steps.size(); at++) {
            int now = at;
            Schedule.reads(steps.get(at)).forEach(buffer -> death.put(buffer, now));
            Schedule.writes(steps.get(at)).forEach(buffer -> {
                birth.putIfAbsent(buffer, now);
                complete.put(buffer, now);
                death.merge(buffer, now, Math::max);
            });
        }
        Map<String, Integer> outputs = new LinkedHashMap<>();
        program.outputs().forEach((name, node) -> outputs.put(name, buffer(node)));
        outputs.values().forEach(buffer -> death.put(buffer, steps.size()));
        List<Buffer> buffers = new ArrayList<>();
        for (Draft draft : drafts) {
            int number = buffers.size();
            buffers.add(new Buffer(
                    number,
                    draft.node().type(),
                    draft.storage(),
                    draft.label(),
                    draft.storage() == Storage.CONSTANT ? draft.node() : null,
                    birth.getOrDefault(number, 0),
                    complete.getOrDefault(number, 0),
                    death.getOrDefault(number, 0)));
        }
        return new Schedule(List.copyOf(buffers), steps, outputs);
    }

    private List<Unit> units() {
        List<Unit> units = new ArrayList<>();
        LoopBuilder loops = new LoopBuilder(fusion, this::buffer);
        for (Fusion.Group group : fusion.groups()) {
            LoopBuilder.Written written = loops.group(group);
            long key = group.nodes().getLast().sequence();
            units.add(new Unit(key, new Fused(written.loop()), written.reads(), written.writes()));
        }
        for (Node node : program.nodes()) {
            boolean given = node.op() instanceof Leaf || node.op() instanceof Constant;
            boolean arranged = node.op() instanceof Reshape || View.isView(node) || fusion.isAssembled(node);
            if (!given && !arranged && !fusion.isFusable(node)) {
                List<Integer> inputs = node.inputs().stream().map(this::buffer).toList();
                Step step = new Call(node.op(), node, inputs, buffer(node));
                units.add(new Unit(node.sequence(), step, new HashSet<>(node.inputs()), Set.of(node)));
            }
        }
        return units;
    }

    /// Goes through units, each behind those that it waits for.
    private static void visit(
            List<Unit> units,
            Map<Unit, Integer> sources,
            Map<Unit, List<Unit>> feeds,
            Comparator<Unit> first,
            Consumer<Unit> visitor) {
        Map<Unit, Integer> waiting = new HashMap<>(sources);
        PriorityQueue<Unit> ready = new PriorityQueue<>(first);
        units.stream().filter(unit -> waiting.getOrDefault(unit, 0) == 0).forEach(ready::add);
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

    /// The steps in an order in which each runs after what it reads; ties go by place in the program.
    private List<Step> ordered(List<Unit> units) {
        Map<Node, List<Unit>> writers = new HashMap<>();
        for (Unit unit : units) {
            unit.writes()
                    .forEach(node -> writers.computeIfAbsent(node, key -> new ArrayList<>())
                            .add(unit));
        }
        for (Node node : program.nodes()) {
            if (fusion.isAssembled(node) && fusion.isInMemory(node)) {
                List<Unit> parts = writers.computeIfAbsent(node, key -> new ArrayList<>());
                node.inputs().forEach(part -> parts.addAll(writers.getOrDefault(Fusion.strip(part), List.of())));
            }
        }
        Map<Unit, Integer> waiting = new HashMap<>();
        Map<Unit, List<Unit>> feeds = new HashMap<>();
        for (Unit unit : units) {
            Set<Unit> sources = new HashSet<>();
            unit.reads().forEach(node -> sources.addAll(writers.getOrDefault(Copies.owner(node), List.of())));
            sources.remove(unit);
            waiting.put(unit, sources.size());
            sources.forEach(source ->
                    feeds.computeIfAbsent(source, key -> new ArrayList<>()).add(unit));
        }
        // a unit that has to wait for one of a later place takes that place: else what is not needed yet, but ready,
        // would
        // run while its place is empty, and lie in memory
        Map<Unit, Long> place = new HashMap<>();
        units.forEach(unit -> place.put(unit, unit.key()));
        visit(units, waiting, feeds, Comparator.comparingLong(Unit::key), unit -> {
            long own = place.getOrDefault(unit, unit.key());
            feeds.getOrDefault(unit, List.of()).forEach(user -> place.merge(user, own, Math::max));
        });
        List<Step> result = new ArrayList<>();
        Comparator<Unit> byPlace = Comparator.comparingLong(unit -> place.getOrDefault(unit, unit.key()));
        visit(units, waiting, feeds, byPlace.thenComparingLong(Unit::key), unit -> result.add(unit.step()));
        if (result.size() != units.size()) {
            throw new IllegalStateException("lowering: want an acyclic schedule, got " + result.size() + " of "
                    + units.size() + " steps ordered");
        }
        return List.copyOf(result);
    }

    /// The buffer that holds a node in memory.
    private int buffer(Node node) {
        Node owner = Copies.owner(node);
        Integer known = bufferOf.get(owner);
        if (known != null) {
            return known;
        }
        if (!fusion.isInMemory(owner)) {
            throw new IllegalStateException("lowering: want a value in memory, got " + owner);
        }
        int number = drafts.size();
        drafts.add(
                switch (owner.op()) {
                    case Leaf leaf when leaf.kind() == Leaf.Kind.INPUT -> new Draft(owner, Storage.INPUT, leaf.label());
                    case Leaf leaf -> new Draft(owner, Storage.PARAMETER, leaf.label());
                    case Constant _ -> new Draft(owner, Storage.CONSTANT, "");
                    default -> new Draft(owner, Storage.ARENA, "");
                });
        bufferOf.put(owner, number);
        return number;
    }
}
