package org.iolaus.lower;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.PriorityQueue;
import java.util.Set;
import org.iolaus.ir.Leaf;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Program;
import org.iolaus.kernel.Loop;
import org.iolaus.lower.Schedule.Buffer;
import org.iolaus.lower.Schedule.Call;
import org.iolaus.lower.Schedule.Fused;
import org.iolaus.lower.Schedule.Step;
import org.iolaus.lower.Schedule.Storage;
import org.iolaus.op.Constant;
import org.iolaus.op.Reshape;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;
import org.jspecify.annotations.Nullable;

/// Turns a program into a schedule: simplifies, decides what is written to memory, fuses pointwise chains and
/// orders steps.
public final class Lowering {
    private final Program program;
    private final Fusion fusion;

    /// Nodes whose elements stand in memory in order.
    private final Set<Node> materialised = new HashSet<>();

    private final Map<Node, View> views = new HashMap<>();

    /// For nodes that only rearrange reading but must stand in memory: what is copied there.
    private final Map<Node, View> copied = new HashMap<>();

    private final Map<Node, Integer> bufferOf = new HashMap<>();
    private final List<Draft> pending = new ArrayList<>();

    /// A buffer whose life is not known yet.
    private record Draft(Node node, Storage storage, String label) {}

    private Lowering(Program program) {
        this.program = program;
        this.fusion = new Fusion(program);
    }

    public static Schedule run(Program program) {
        return new Lowering(Simplify.run(program)).schedule();
    }

    private Schedule schedule() {
        materialise();
        List<Unit> units = ordered(units());
        List<Step> steps = new ArrayList<>();
        Map<Integer, Integer> birth = new HashMap<>();
        Map<Integer, Integer> death = new HashMap<>();
        for (Unit unit : units) {
            Step step = step(unit);
            int at = steps.size();
            reads(step).forEach(buffer -> death.put(buffer, at));
            writes(step).forEach(buffer -> {
                birth.put(buffer, at);
                death.merge(buffer, at, Math::max);
            });
            steps.add(step);
        }
        Map<String, Integer> outputs = new LinkedHashMap<>();
        program.outputs().forEach((name, node) -> outputs.put(name, buffer(node)));
        outputs.values().forEach(buffer -> death.put(buffer, steps.size()));
        List<Buffer> buffers = new ArrayList<>();
        for (Draft entry : pending) {
            int number = buffers.size();
            buffers.add(new Buffer(
                    number,
                    entry.node().type(),
                    entry.storage(),
                    entry.label(),
                    entry.storage() == Storage.CONSTANT ? entry.node() : null,
                    birth.getOrDefault(number, 0),
                    death.getOrDefault(number, 0)));
        }
        return new Schedule(List.copyOf(buffers), List.copyOf(steps), outputs);
    }

    /// Decides, from users to inputs, which nodes must stand in memory.
    private void materialise() {
        materialised.addAll(program.outputs().values());
        for (Node node : program.nodes().reversed()) {
            if (node.op() instanceof Leaf || node.op() instanceof Constant) {
                materialised.add(node);
            } else if (node.op() instanceof Pointwise) {
                Fusion.Group group = fusion.groupOf().get(node);
                if (fusion.users(node).stream()
                        .anyMatch(user -> fusion.groupOf().get(user) != group)) {
                    materialised.add(node);
                }
                for (Node input : node.inputs()) {
                    if (fusion.groupOf().get(input) != group) {
                        view(input);
                    }
                }
            } else if (View.isView(node)) {
                if (materialised.contains(node)) {
                    if (node.op() instanceof Reshape) {
                        materialised.add(node.input(0));
                    } else {
                        copied.put(node, readable(View.direct(node).through()));
                    }
                }
            } else {
                node.inputs().forEach(materialised::add);
            }
        }
    }

    /// Finds the memory that a loop reads a node from, going down through views that need not stand in memory.
    private void view(Node node) {
        views.put(node, readable(View.direct(node)));
    }

    /// A view of memory that is there: this one, or one further down; where none can be had, its base is
    /// written.
    private View readable(@Nullable View first) {
        View view = Objects.requireNonNull(first);
        while (!materialised.contains(view.base())) {
            View deeper = view.through();
            if (deeper == null) {
                materialised.add(view.base());
                break;
            }
            view = deeper;
        }
        return view;
    }

    /// What becomes one step: a group of pointwise nodes or a single node.
    private record Unit(List<Node> nodes) {
        long key() {
            return nodes.getLast().sequence();
        }
    }

    private List<Unit> units() {
        Set<Fusion.Group> seen = new HashSet<>();
        List<Unit> units = new ArrayList<>();
        for (Node node : program.nodes()) {
            Fusion.Group group = fusion.groupOf().get(node);
            if (group != null) {
                if (seen.add(group)) {
                    units.add(new Unit(group.nodes()));
                }
            } else if (needsStep(node)) {
                units.add(new Unit(List.of(node)));
            }
        }
        return units;
    }

    private boolean needsStep(Node node) {
        boolean given = node.op() instanceof Leaf || node.op() instanceof Constant || node.op() instanceof Reshape;
        return materialised.contains(node) && !given;
    }

    /// The units in an order in which each runs after what it reads; ties go by place in the program.
    private List<Unit> ordered(List<Unit> units) {
        Map<Node, Unit> unitOf = new HashMap<>();
        units.forEach(unit -> unit.nodes().forEach(node -> unitOf.put(node, unit)));
        Map<Unit, Integer> waiting = new HashMap<>();
        Map<Unit, List<Unit>> feeds = new HashMap<>();
        for (Unit unit : units) {
            Set<Unit> sources = new LinkedHashSet<>();
            for (Node node : unit.nodes()) {
                View copy = copied.get(node);
                if (copy != null) {
                    addSource(copy.base(), unit, unitOf, sources);
                }
                for (Node input : node.inputs()) {
                    addSource(input, unit, unitOf, sources);
                    View view = views.get(input);
                    if (view != null) {
                        addSource(view.base(), unit, unitOf, sources);
                    }
                }
            }
            waiting.put(unit, sources.size());
            sources.forEach(source ->
                    feeds.computeIfAbsent(source, key -> new ArrayList<>()).add(unit));
        }
        PriorityQueue<Unit> ready = new PriorityQueue<>(Comparator.comparingLong(Unit::key));
        units.stream().filter(unit -> waiting.getOrDefault(unit, 0) == 0).forEach(ready::add);
        List<Unit> result = new ArrayList<>();
        while (!ready.isEmpty()) {
            Unit unit = ready.remove();
            result.add(unit);
            for (Unit user : feeds.getOrDefault(unit, List.of())) {
                if (waiting.merge(user, -1, Integer::sum) == 0) {
                    ready.add(user);
                }
            }
        }
        if (result.size() != units.size()) {
            throw new IllegalStateException("lowering: want an acyclic schedule, got " + result.size() + " of "
                    + units.size() + " steps ordered");
        }
        return result;
    }

    /// Adds the unit that writes a node, if another does.
    private void addSource(Node node, Unit unit, Map<Node, Unit> unitOf, Set<Unit> sources) {
        Unit source = unitOf.get(producer(node));
        if (source != null && !source.equals(unit)) {
            sources.add(source);
        }
    }

    /// The node whose step writes the memory of a materialised node: reshapes share their input's.
    private Node producer(Node node) {
        Node owner = node;
        while (owner.op() instanceof Reshape && materialised.contains(owner)) {
            owner = owner.input(0);
        }
        return owner;
    }

    private int buffer(Node node) {
        Node owner = producer(node);
        Integer known = bufferOf.get(owner);
        if (known != null) {
            return known;
        }
        int number = pending.size();
        pending.add(
                switch (owner.op()) {
                    case Leaf leaf when leaf.kind() == Leaf.Kind.INPUT -> new Draft(owner, Storage.INPUT, leaf.label());
                    case Leaf leaf -> new Draft(owner, Storage.PARAMETER, leaf.label());
                    case Constant c -> new Draft(owner, Storage.CONSTANT, "");
                    default -> new Draft(owner, Storage.ARENA, "");
                });
        bufferOf.put(owner, number);
        return number;
    }

    private Step step(Unit unit) {
        Node last = unit.nodes().getLast();
        if (last.op() instanceof Pointwise) {
            return new Fused(new LoopBuilder(last.shape()).group(unit.nodes()));
        }
        if (View.isView(last)) {
            return new Fused(new LoopBuilder(last.shape()).copy(last));
        }
        List<Integer> inputs = last.inputs().stream().map(this::buffer).toList();
        return new Call(last.op(), last, inputs, buffer(last));
    }

    /// Writes the loop of one unit; registers are used again when their value has no reader left.
    private final class LoopBuilder {
        private final Shape iteration;
        private final List<Loop.Load> loads = new ArrayList<>();
        private final List<Loop.Instruction> instructions = new ArrayList<>();
        private final List<Loop.Store> stores = new ArrayList<>();
        private final Map<Node, Integer> registerOf = new HashMap<>();
        private final PriorityQueue<Integer> free = new PriorityQueue<>();
        private int registers;

        LoopBuilder(Shape iteration) {
            this.iteration = iteration;
        }

        Loop copy(Node node) {
            View view = Objects.requireNonNull(copied.get(node));
            int register = load(view);
            stores.add(new Loop.Store(register, buffer(node)));
            return loop();
        }

        Loop group(List<Node> nodes) {
            Set<Node> members = new HashSet<>(nodes);
            Map<Node, Node> lastReader = new HashMap<>();
            nodes.forEach(node -> node.inputs().forEach(input -> lastReader.put(input, node)));
            for (Node node : nodes) {
                List<Integer> operands = new ArrayList<>();
                for (Node input : node.inputs()) {
                    Integer register = registerOf.get(input);
                    if (register == null) {
                        if (members.contains(input)) {
                            throw new IllegalStateException("lowering: want inputs before users in " + node);
                        }
                        register = load(viewOf(input));
                        registerOf.put(input, register);
                    }
                    operands.add(register);
                }
                new LinkedHashSet<>(node.inputs())
                        .stream()
                                .filter(input -> lastReader.get(input) == node && !isPinned(input, members))
                                .map(registerOf::get)
                                .forEach(free::add);
                int register = take();
                registerOf.put(node, register);
                instructions.add(new Loop.Instruction((Pointwise) node.op(), List.copyOf(operands), register));
                if (materialised.contains(node)) {
                    stores.add(new Loop.Store(register, buffer(node)));
                }
            }
            return loop();
        }

        /// Loads come first and stores last, so what is loaded or stored keeps its register.
        private boolean isPinned(Node input, Set<Node> members) {
            return !members.contains(input) || materialised.contains(input);
        }

        private View viewOf(Node input) {
            View view = views.get(input);
            return view == null ? View.direct(input) : view;
        }

        private int load(View view) {
            int register = registers++;
            int index = view.index() == null ? Loop.NO_INDEX : buffer(view.index());
            List<Dim> strides = view.strides();
            loads.add(new Loop.Load(register, buffer(view.base()), index, view.offsets(), strides));
            return register;
        }

        private int take() {
            Integer reused = free.poll();
            return reused == null ? registers++ : reused;
        }

        private Loop loop() {
            return new Loop(iteration, registers, List.copyOf(loads), List.copyOf(instructions), List.copyOf(stores));
        }
    }

    private static List<Integer> reads(Step step) {
        List<Integer> buffers = new ArrayList<>();
        switch (step) {
            case Call call -> buffers.addAll(call.inputs());
            case Fused fused ->
                fused.loop().loads().forEach(load -> {
                    buffers.add(load.buffer());
                    if (load.indexBuffer() != Loop.NO_INDEX) {
                        buffers.add(load.indexBuffer());
                    }
                });
        }
        return buffers;
    }

    private static List<Integer> writes(Step step) {
        return switch (step) {
            case Call call -> List.of(call.out());
            case Fused fused ->
                fused.loop().stores().stream().map(Loop.Store::buffer).toList();
        };
    }
}
