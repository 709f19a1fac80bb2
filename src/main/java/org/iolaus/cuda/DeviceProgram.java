package org.iolaus.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.iolaus.ir.Program;
import org.iolaus.lower.Dependencies.Range;
import org.iolaus.lower.InPlace;
import org.iolaus.lower.LowPrecision;
import org.iolaus.lower.Lowering;
import org.iolaus.lower.MemoryPlan;
import org.iolaus.lower.Precision;
import org.iolaus.lower.Schedule;
import org.iolaus.lower.Schedule.Buffer;
import org.iolaus.lower.Schedule.Call;
import org.iolaus.lower.Schedule.Storage;
import org.iolaus.lower.Target;
import org.iolaus.op.Constant;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// A program made ready for a device: lowered, its loops compiled, its constants there. [#bind] makes the work for one
/// batch's sizes.
public final class DeviceProgram implements AutoCloseable {
    private static final long ALIGNMENT = 256;

    /// Up to this much, all intermediate values have memory of their own, so that small steps may run at the same time;
    /// beyond, steps are long and memory is what matters.
    private static final long APART_BYTES = 256L << 20;

    private static final long SCRATCH_BYTES = 64L << 20;
    private static final int MOST_SCRATCHES = 8;

    private final DeviceRuntime device;
    private final Program program;
    private final Precision precision;
    private final @Nullable Collective collective;
    private final Schedule schedule;
    private @Nullable Loaded loaded;
    private final Set<Integer> segmented;
    private final Map<String, Integer> placed;
    private final Map<Integer, Long> constants = new HashMap<>();
    private final Map<Sizes, Memory> memories = new HashMap<>();

    /// Memory of the device that a run of a program needs.
    ///
    /// @param arena for what is computed, bytes; likewise `workspace` within single operations, and `inputs`
    public record Memory(long arena, long workspace, long inputs) {
        /// Enough for either.
        public Memory or(Memory other) {
            return new Memory(
                    Math.max(arena, other.arena), Math.max(workspace, other.workspace), Math.max(inputs, other.inputs));
        }
    }

    /// Where a run finds and puts things: addresses of the device, multiples of 16.
    public interface Places {
        long arena();

        long workspace();

        /// A block that [Bound#pack] has filled.
        long inputs();

        long parameter(String name);

        /// Where an output has to be, without gaps; where the parameter of its name is, if there is one.
        long output(String name);
    }

    /// The work of a run, on a device that does none.
    public static List<Task> tasks(Program program, Precision precision, Sizes sizes) {
        Places nowhere = new Places() {
            @Override
            public long arena() {
                return 0;
            }

            @Override
            public long workspace() {
                return 0;
            }

            @Override
            public long inputs() {
                return 0;
            }

            @Override
            public long parameter(String name) {
                return 0;
            }

            @Override
            public long output(String name) {
                return 0;
            }
        };
        try (DeviceProgram made = new DeviceProgram(new CountingRuntime(), program, precision, null)) {
            return made.bind(sizes, Set.of(), nowhere).tasks();
        }
    }

    /// @param collective for programs that sum over ranks; null on a single rank
    public DeviceProgram(DeviceRuntime device, Program program, Precision precision, @Nullable Collective collective) {
        this(device, program, precision, precision.lowPrecision(), collective);
    }

    DeviceProgram(
            DeviceRuntime device,
            Program program,
            Precision precision,
            LowPrecision lowPrecision,
            @Nullable Collective collective) {
        this.device = device;
        this.program = program;
        this.precision = precision;
        this.collective = collective;
        this.schedule = Lowering.run(program, Target.DEVICE, lowPrecision);
        this.segmented = schedule.segmented();
        this.placed = placed(schedule);
        for (Buffer buffer : schedule.buffers()) {
            if (buffer.value() != null && buffer.value().op() instanceof Constant constant) {
                long bytes = (long) constant.values().size() * precision.bytes();
                constants.put(buffer.number(), device.allocate(Math.max(ALIGNMENT, bytes)));
            }
        }
    }

    /// Brings the constants to the device and compiles all kernels whose text is generated, at the same time. [#bind]
    /// does it if nobody has before.
    public void load() {
        loaded();
    }

    private Loaded loaded() {
        Loaded known = loaded;
        if (known == null) {
            uploadConstants();
            LoopKernels loops = new LoopKernels(device, schedule, precision);
            Launches launches = new Launches(schedule, precision, new Kernels(device, precision.bytes()), collective);
            List<DeviceRuntime.Source> sources = new ArrayList<>(loops.sources());
            for (Schedule.Step step : schedule.steps()) {
                if (step instanceof Call call) {
                    sources.addAll(launches.sources(call));
                }
            }
            device.compile(sources.stream().distinct().toList());
            known = new Loaded(loops, launches);
            loaded = known;
        }
        return known;
    }

    /// What makes the work of steps: of loops and of operations on whole arrays.
    private record Loaded(LoopKernels loops, Launches launches) {}

    private void uploadConstants() {
        try (Arena scope = Arena.ofConfined()) {
            constants.forEach((buffer, address) -> {
                if (Objects.requireNonNull(schedule.buffers().get(buffer).value())
                                .op()
                        instanceof Constant constant) {
                    long bytes = (long) constant.values().size() * precision.bytes();
                    MemorySegment staged = scope.allocate(Math.max(8, bytes), 8);
                    for (int i = 0; i < constant.values().size(); i++) {
                        precision.put(staged, i, constant.values().get(i));
                    }
                    device.upload(address, staged, bytes);
                }
            });
            device.synchronize();
        }
    }

    public Program program() {
        return program;
    }

    public Schedule schedule() {
        return schedule;
    }

    /// What a batch of these sizes needs.
    public Memory memory(Sizes sizes) {
        return memories.computeIfAbsent(sizes, _ -> {
            long scratch = scratchBytes(sizes);
            return new Memory(
                    plan(sizes).elements() * precision.bytes(),
                    scratch * scratches(scratch),
                    layout(sizes, Set.of()).bytes());
        });
    }

    private MemoryPlan plan(Sizes sizes) {
        Set<Integer> elsewhere = new HashSet<>(placed.values());
        MemoryPlan apart = MemoryPlan.apart(schedule, sizes, elsewhere);
        return apart.elements() * precision.bytes() <= APART_BYTES ? apart : MemoryPlan.of(schedule, sizes, elsewhere);
    }

    /// The outputs that are computed where they are wanted, and their buffers; others are copied there.
    private static Map<String, Integer> placed(Schedule schedule) {
        Set<Integer> inPlace = InPlace.of(schedule).keySet();
        Set<String> parameters = new HashSet<>();
        schedule.buffers().stream()
                .filter(buffer -> buffer.storage() == Storage.PARAMETER)
                .forEach(buffer -> parameters.add(buffer.label()));
        Map<String, Integer> placed = new HashMap<>();
        Set<Integer> taken = new HashSet<>();
        schedule.outputs().forEach((name, buffer) -> {
            boolean computed = schedule.buffers().get(buffer).storage() == Storage.ARENA;
            boolean early = parameters.contains(name) && !inPlace.contains(buffer);
            if (computed && !early && taken.add(buffer)) {
                placed.put(name, buffer);
            }
        });
        return placed;
    }

    /// The most that one step needs of workspace.
    private long scratchBytes(Sizes sizes) {
        long most = 0;
        for (Schedule.Step step : schedule.steps()) {
            if (step instanceof Call call) {
                most = Math.max(most, Launches.workspaceBytes(call, sizes, precision.bytes()));
            }
        }
        return (most + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    /// How many steps may have workspace at a time.
    private static int scratches(long scratchBytes) {
        return Math.clamp(SCRATCH_BYTES / Math.max(1, scratchBytes), 1, MOST_SCRATCHES);
    }

    private InputLayout layout(Sizes sizes, Set<String> sorted) {
        return new InputLayout(schedule, precision, segmented, sizes, sorted);
    }

    /// The work for one batch's sizes.
    ///
    /// @param sorted names of the indices that ascend
    /// @param places addresses; they have to hold as long as the result is used
    public Bound bind(Sizes sizes, Set<String> sorted, Places places) {
        return new Bound(sizes, sorted, places);
    }

    /// A program bound to sizes and addresses.
    public final class Bound {
        private final InputLayout layout;
        private final List<Task> tasks = new ArrayList<>();

        private Bound(Sizes sizes, Set<String> sorted, Places places) {
            Loaded makers = loaded();
            layout = layout(sizes, sorted);
            long[] address = new long[schedule.buffers().size()];
            Csr[] csr = new Csr[address.length];
            MemoryPlan plan = plan(sizes);
            for (Buffer buffer : schedule.buffers()) {
                int number = buffer.number();
                switch (buffer.storage()) {
                    case ARENA -> address[number] = places.arena() + plan.offset()[number] * precision.bytes();
                    case CONSTANT -> address[number] = Objects.requireNonNull(constants.get(number));
                    case PARAMETER -> address[number] = places.parameter(buffer.label());
                    case INPUT -> {} // below
                }
            }
            layout.addresses(places.inputs(), address, csr);
            List<Work.Copy> copies = placeOutputs(sizes, places, address);
            Binding binding = new Binding(sizes, address, csr);
            long scratchBytes = scratchBytes(sizes);
            int scratches = scratches(scratchBytes);
            int scratchesUsed = 0;
            int products = 0;
            for (int at = 0; at < schedule.steps().size(); at++) {
                Schedule.Step step = schedule.steps().get(at);
                List<Range> reads = ranges(Schedule.reads(step), address, sizes);
                List<Range> writes = ranges(Schedule.writes(step), address, sizes);
                List<Work> works;
                if (step instanceof Call call) {
                    long scratch = places.workspace() + scratchesUsed % scratches * scratchBytes;
                    if (Launches.workspaceBytes(call, sizes, precision.bytes()) > 0) {
                        scratchesUsed++;
                        writes.add(new Range(scratch, scratch + scratchBytes));
                    }
                    works = makers.launches.of(call, binding, scratch);
                } else {
                    works = makers.loops.of(at, binding);
                }
                int lane = products % Work.Gemm.LANES;
                products += works.stream().anyMatch(Work.Gemm.class::isInstance) ? 1 : 0;
                for (Work work : works) {
                    tasks.add(new Task(work instanceof Work.Gemm gemm ? gemm.inLane(lane) : work, reads, writes, at));
                }
            }
            copies.forEach(copy -> tasks.add(new Task(copy)));
        }

        /// The ranges of the buffers that something writes while the program or what belongs to it runs.
        private List<Range> ranges(List<Integer> buffers, long[] address, Sizes sizes) {
            List<Range> ranges = new ArrayList<>();
            for (int number : buffers) {
                Buffer buffer = schedule.buffers().get(number);
                if (buffer.storage() == Storage.ARENA || buffer.storage() == Storage.PARAMETER) {
                    long bytes = buffer.elements(sizes) * precision.bytes();
                    ranges.add(new Range(address[number], address[number] + bytes));
                }
            }
            return ranges;
        }

        /// Enters where outputs are computed.
        ///
        /// @return the copies of those that are computed elsewhere
        private List<Work.Copy> placeOutputs(Sizes sizes, Places places, long[] address) {
            placed.forEach((name, buffer) -> address[buffer] = places.output(name));
            List<Work.Copy> copies = new ArrayList<>();
            program.outputs().forEach((name, node) -> {
                if (!placed.containsKey(name)) {
                    int buffer = Objects.requireNonNull(schedule.outputs().get(name));
                    long bytes = HostTensor.volume(node.shape().bind(sizes)) * precision.bytes();
                    copies.add(new Work.Copy(places.output(name), address[buffer], bytes));
                }
            });
            return copies;
        }

        /// Bytes of the inputs.
        public long inputBytes() {
            return layout.bytes();
        }

        /// Writes a batch into a block of [#inputBytes], which is then to be copied to [Places#inputs].
        public void pack(MemorySegment block, Map<String, HostTensor> floats, Map<String, Index> indices) {
            layout.pack(block, floats, indices);
        }

        /// The work of one run, in the order of the schedule.
        public List<Task> tasks() {
            return tasks;
        }
    }

    @Override
    public void close() {
        device.synchronize();
        constants.values().forEach(device::free);
        constants.clear();
    }
}
