package org.iolaus.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.iolaus.ir.Program;
import org.iolaus.lower.Lowering;
import org.iolaus.lower.MemoryPlan;
import org.iolaus.lower.Schedule;
import org.iolaus.lower.Schedule.Buffer;
import org.iolaus.lower.Schedule.Call;
import org.iolaus.lower.Schedule.Fused;
import org.iolaus.lower.Schedule.Storage;
import org.iolaus.op.AllReduce;
import org.iolaus.op.Constant;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// A program made ready for a device: lowered, its loops compiled, its constants there. [#bind] makes the work for one
/// batch's sizes.
public final class DeviceProgram implements AutoCloseable {
    private static final long ALIGNMENT = 256;

    private final DeviceRuntime device;
    private final Program program;
    private final DeviceExecutor.Precision precision;
    private final @Nullable Collective collective;
    private final Schedule schedule;
    private final LoopKernels loops;
    private final Set<Integer> segmented;
    private final Map<Integer, Long> constants = new HashMap<>();

    /// Sums arrays of the device over all ranks, in the order of its stream.
    public interface Collective {
        /// Sums one array.
        ///
        /// @param address of `count` numbers, replaced by their sums
        void sum(long address, long count, int bytesPerNumber);
    }

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

    /// Where a run finds and puts things: addresses of the device.
    public interface Places {
        long arena();

        long workspace();

        /// A block that [Bound#pack] has filled.
        long inputs();

        long parameter(String name);

        /// Where an output has to be, without gaps.
        long output(String name);
    }

    /// @param collective for programs that sum over ranks; null on a single rank
    public DeviceProgram(
            DeviceRuntime device,
            Program program,
            DeviceExecutor.Precision precision,
            @Nullable Collective collective) {
        this.device = device;
        this.program = program;
        this.precision = precision;
        this.collective = collective;
        this.schedule = Lowering.run(program);
        this.segmented = segmentedIndices();
        this.loops = new LoopKernels(device, schedule, precision);
        uploadConstants();
    }

    /// Buffers of indices that segment operations walk: those need rows in compressed form.
    private Set<Integer> segmentedIndices() {
        Set<Integer> found = new HashSet<>();
        for (Schedule.Step step : schedule.steps()) {
            if (step instanceof Call call && call.op().name().startsWith("Segment")) {
                found.add(call.inputs().get(1));
            }
        }
        return found;
    }

    private void uploadConstants() {
        try (Arena scope = Arena.ofConfined()) {
            for (Buffer buffer : schedule.buffers()) {
                if (buffer.value() != null && buffer.value().op() instanceof Constant constant) {
                    long bytes = (long) constant.values().size() * precision.bytes;
                    MemorySegment staged = scope.allocate(Math.max(8, bytes), 8);
                    for (int i = 0; i < constant.values().size(); i++) {
                        precision.put(staged, i, constant.values().get(i));
                    }
                    long address = device.allocate(Math.max(ALIGNMENT, bytes));
                    device.upload(address, staged, bytes);
                    constants.put(buffer.number(), address);
                }
            }
            device.synchronize();
        }
    }

    public Program program() {
        return program;
    }

    public Schedule schedule() {
        return schedule;
    }

    /// Whether a run sums over ranks by itself.
    public boolean sumsOverRanks() {
        return collective != null
                && schedule.steps().stream()
                        .anyMatch(step -> step instanceof Call call && call.op() instanceof AllReduce);
    }

    /// What a batch of these sizes needs.
    public Memory memory(Sizes sizes) {
        long workspace = 0;
        for (Schedule.Step step : schedule.steps()) {
            if (step instanceof Call call) {
                workspace = Math.max(workspace, Launches.workspaceBytes(call, sizes, precision.bytes));
            }
        }
        return new Memory(
                MemoryPlan.of(schedule, sizes).elements() * precision.bytes,
                workspace,
                layout(sizes, Set.of()).bytes());
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

    /// A program bound to sizes and addresses. It may run any number of times, also into a graph.
    public final class Bound {
        private final InputLayout layout;
        private final List<List<Runnable>> work = new ArrayList<>();
        private final List<List<String>> completed = new ArrayList<>();
        private final Map<String, Runnable> copies = new LinkedHashMap<>();

        private Bound(Sizes sizes, Set<String> sorted, Places places) {
            layout = layout(sizes, sorted);
            long[] address = new long[schedule.buffers().size()];
            DeviceExecutor.Csr[] csr = new DeviceExecutor.Csr[address.length];
            MemoryPlan plan = MemoryPlan.of(schedule, sizes);
            for (Buffer buffer : schedule.buffers()) {
                int number = buffer.number();
                switch (buffer.storage()) {
                    case ARENA -> address[number] = places.arena() + plan.offset()[number] * precision.bytes;
                    case CONSTANT -> address[number] = Objects.requireNonNull(constants.get(number));
                    case PARAMETER -> address[number] = places.parameter(buffer.label());
                    case INPUT -> {} // below
                }
            }
            layout.addresses(places.inputs(), address, csr);
            for (int step = 0; step <= schedule.steps().size(); step++) {
                completed.add(new ArrayList<>());
            }
            placeOutputs(sizes, places, address);
            Arena arguments = Arena.ofAuto();
            Kernels kernels = new Kernels(device.builtin(), precision.bytes, arguments);
            Launches launches =
                    new Launches(device, precision, kernels, sizes, address, csr, places.workspace(), collective);
            for (int at = 0; at < schedule.steps().size(); at++) {
                work.add(
                        switch (schedule.steps().get(at)) {
                            case Fused _ -> List.of(loops.of(at, sizes, address, csr, arguments));
                            case Call call -> launches.of(call);
                        });
            }
        }

        /// An output that a step computes for itself alone is computed where it is wanted; others are copied there.
        private void placeOutputs(Sizes sizes, Places places, long[] address) {
            Set<Integer> placed = new HashSet<>();
            program.outputs().forEach((name, node) -> {
                int number = schedule.outputs().getOrDefault(name, -1);
                Buffer buffer = schedule.buffers().get(number);
                long wanted = places.output(name);
                if (buffer.storage() == Storage.ARENA && placed.add(number)) {
                    address[number] = wanted;
                    completed.get(buffer.birth()).add(name);
                } else {
                    long from = address[number];
                    long bytes = HostTensor.volume(node.shape().bind(sizes)) * precision.bytes;
                    copies.put(name, () -> device.copy(wanted, from, bytes));
                    completed.getLast().add(name);
                }
            });
        }

        /// Bytes of the inputs.
        public long inputBytes() {
            return layout.bytes();
        }

        /// Writes a batch into a block of [#inputBytes], which is then to be copied to [Places#inputs].
        public void pack(MemorySegment block, Map<String, HostTensor> floats, Map<String, Index> indices) {
            layout.pack(block, floats, indices);
        }

        /// Kernels, products and copies of one run.
        public int launches() {
            return work.stream().mapToInt(List::size).sum() + copies.size();
        }

        /// Starts all work.
        ///
        /// @param complete is told each output once the work for it is started
        public void start(Completion complete) {
            for (int step = 0; step <= work.size(); step++) {
                if (step < work.size()) {
                    work.get(step).forEach(Runnable::run);
                }
                for (String name : completed.get(step)) {
                    Runnable copy = copies.get(name);
                    if (copy != null) {
                        copy.run();
                    }
                    complete.of(name);
                }
            }
        }
    }

    /// Is told that the work for an output was started.
    public interface Completion {
        void of(String output);
    }

    @Override
    public void close() {
        device.synchronize();
        constants.values().forEach(device::free);
        constants.clear();
    }
}
