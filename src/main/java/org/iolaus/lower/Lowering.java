package org.iolaus.lower;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.iolaus.ir.Leaf;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.lower.Schedule.Buffer;
import org.iolaus.lower.Schedule.Call;
import org.iolaus.lower.Schedule.Fused;
import org.iolaus.lower.Schedule.Step;
import org.iolaus.lower.Schedule.Storage;
import org.iolaus.op.Constant;

/// Turns a program into a schedule: simplifies, decides what is written to memory and what runs as one loop ([Fusion]),
/// writes the loops and orders the steps.
public final class Lowering {
    private final Program program;
    private final Target target;
    private final Fusion fusion;
    private final Bf16Storage rule;
    private final Map<Node, Integer> bufferOf = new HashMap<>();
    private final List<Draft> drafts = new ArrayList<>();

    private record Way(Target target, LowPrecision lowPrecision) {}

    /// By identity: programs have no equality of their own, and schedules hold their nodes only.
    private static final Map<Program, Map<Way, FutureTask<Schedule>>> KNOWN = new WeakHashMap<>();

    /// A buffer whose life is not known yet.
    private record Draft(Node node, Storage storage, String label) {}

    private Lowering(Program program, Target target, LowPrecision lowPrecision, long forwardEnd) {
        this.program = program;
        this.target = target;
        this.fusion = new Fusion(program, target, forwardEnd);
        this.rule = new Bf16Storage(program, lowPrecision);
    }

    /// The schedule of a program, all arrays in full.
    public static Schedule run(Program program, Target target) {
        return run(program, target, LowPrecision.NONE);
    }

    /// The schedule of a program. It is found once, as long as the program is in use: what
    /// predicts memory and what runs ask for the same one, on any thread.
    public static Schedule run(Program program, Target target, LowPrecision lowPrecision) {
        FutureTask<Schedule> task;
        synchronized (KNOWN) {
            task = KNOWN.computeIfAbsent(program, _ -> new HashMap<>())
                    .computeIfAbsent(
                            new Way(target, lowPrecision),
                            way -> new FutureTask<>(() ->
                                    of(program, way.target, way.lowPrecision).schedule()));
        }
        task.run(); // unless it is run or running already
        try {
            return task.get();
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case Error failure -> throw failure;
                case RuntimeException failure -> throw failure;
                case null, default -> throw new IllegalStateException(e);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while another thread lowers the program", e);
        }
    }

    /// Runs the passes, in this order:
    ///
    /// | pass | target | why here |
    /// | --- | --- | --- |
    /// | [Simplify] | all | the others see each value once, without views of views |
    /// | [FuseGatherScatter] | device | needs gathers and sums beside products; the next two move them |
    /// | [Rearrange] | device | moves views to where loops read, before [Expand] cuts axes into parts |
    /// | [Expand], [Simplify] | device | makes slices and concatenations that cancel |
    /// | [MergeMatmuls], [Simplify] | device | joins what [Expand] left products |
    /// | [Bf16Storage] | device | rounds operands of the final products |
    /// | [Recompute] | all | computes values twice: [Simplify] behind it would make them one again |
    /// | [Tf32x3] | device | splits an operand anew for products far apart: as [Recompute] |
    /// | [MaterializeViews] | all | last: which views need memory depends on who reads them in the end |
    private static Lowering of(Program program, Target target, LowPrecision lowPrecision) {
        Program plain = Simplify.run(program);
        if (target == Target.DEVICE) {
            plain = FuseGatherScatter.run(plain);
            plain = Rearrange.run(plain);
            plain = Simplify.run(Expand.run(plain));
            plain = Simplify.run(MergeMatmuls.run(plain));
            plain = Bf16Storage.operands(plain, lowPrecision);
        }
        String end = program.forwardEnd();
        if (end != null) {
            plain = Recompute.run(plain, end, target);
        }
        plain = MaterializeViews.run(Tf32x3.run(plain, lowPrecision), target);
        long last = Long.MAX_VALUE;
        if (end != null) {
            Node loss = Objects.requireNonNull(plain.outputs().get(end));
            last = Program.reachable(List.of(loss)).getLast().sequence(); // what is made anew comes behind it
        }
        return new Lowering(plain, target, lowPrecision, last);
    }

    /// A program as its schedule computes it, with the nodes that are stored in bfloat16.
    public record Stored(Program program, Set<Node> bf16) {}

    /// What is stored in bfloat16 when a program runs on a device.
    public static Stored stored(Program program, LowPrecision lowPrecision) {
        Lowering lowering = of(program, Target.DEVICE, lowPrecision);
        List<Buffer> buffers = lowering.schedule().buffers();
        Set<Node> bf16 = new HashSet<>();
        for (Node node : lowering.program.nodes()) {
            Integer buffer = lowering.bufferOf.get(lowering.holder(node));
            if (buffer != null && buffers.get(buffer).bf16()) {
                bf16.add(node);
            }
        }
        return new Stored(lowering.program, bf16);
    }

    private Schedule schedule() {
        List<Step> steps = target == Target.DEVICE
                ? Order.joining(units(), parts(), buffer -> isWantedBf16(drafts.get(buffer)), fusion.reach())
                : Order.of(units(), parts());
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
        boolean[] bf16 = new boolean[drafts.size()];
        for (int number = 0; number < bf16.length; number++) {
            bf16[number] = isWantedBf16(drafts.get(number));
        }
        Bf16Storage.agree(steps, bf16);
        List<Buffer> buffers = new ArrayList<>();
        for (Draft draft : drafts) {
            int number = buffers.size();
            buffers.add(new Buffer(
                    number,
                    draft.node().type(),
                    draft.storage(),
                    draft.label(),
                    draft.storage() == Storage.CONSTANT ? draft.node() : null,
                    bf16[number],
                    birth.getOrDefault(number, 0),
                    complete.getOrDefault(number, 0),
                    death.getOrDefault(number, 0)));
        }
        return new Schedule(List.copyOf(buffers), steps, outputs);
    }

    private List<Order.Unit> units() {
        List<Order.Unit> units = new ArrayList<>();
        LoopBuilder loops = new LoopBuilder(fusion, this::buffer);
        for (LoopGroup group : fusion.groups()) {
            LoopBuilder.Written written = loops.group(group);
            long key = group.last();
            units.add(new Order.Unit(key, new Fused(List.of(written.loop())), written.reads(), written.writes()));
        }
        for (Node node : program.nodes()) {
            boolean given = node.op() instanceof Leaf || node.op() instanceof Constant;
            boolean arranged = Access.isView(node) || fusion.isAssembled(node);
            if (!given && !arranged && !fusion.isFusable(node)) {
                List<Integer> inputs = node.inputs().stream().map(this::buffer).toList();
                Step step = new Call(node.op(), node, inputs, buffer(node));
                units.add(new Order.Unit(node.sequence(), step, new HashSet<>(node.inputs()), Set.of(node)));
            }
        }
        return units;
    }

    /// The nodes of which concatenations in memory consist.
    private Map<Node, List<Node>> parts() {
        Map<Node, List<Node>> parts = new HashMap<>();
        for (Node node : program.nodes()) {
            if (fusion.isAssembled(node) && fusion.isInMemory(node)) {
                parts.put(
                        node,
                        node.inputs().stream()
                                .map(Fusion::held)
                                .flatMap(part -> parts.getOrDefault(part, List.of(part)).stream())
                                .toList());
            }
        }
        return parts;
    }

    private boolean isWantedBf16(Draft draft) {
        return draft.storage() == Storage.ARENA && rule.isWanted(draft.node());
    }

    /// The node whose memory a node in memory stands in: itself, or what it is a reshape or a part of.
    private Node holder(Node node) {
        Node owner = MaterializeViews.owner(node);
        Node concat = fusion.concatOf(owner);
        return concat == null ? owner : holder(concat);
    }

    /// The buffer that holds a node in memory.
    private int buffer(Node node) {
        Node owner = holder(node);
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
