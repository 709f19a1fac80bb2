package org.iolaus.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.iolaus.ir.Program;
import org.iolaus.ir.ProgramExecutor;
import org.iolaus.lower.Lowering;
import org.iolaus.lower.MemoryPlan;
import org.iolaus.lower.Schedule;
import org.iolaus.lower.Schedule.Buffer;
import org.iolaus.lower.Schedule.Call;
import org.iolaus.lower.Schedule.Fused;
import org.iolaus.op.Constant;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// Runs a program on a device: the same schedule as on the host, with every step a kernel or a matrix product.
public final class DeviceExecutor implements ProgramExecutor {
    private static final long ALIGNMENT = 256;

    private final DeviceRuntime device;
    private final Program program;
    private final Schedule schedule;
    private final Precision precision;
    private final LoopKernels loops;
    private final Set<Integer> segmented;
    private final Map<Integer, Long> constants = new HashMap<>();
    private final Block arena;
    private final Block inputs;
    private final Block parameters;
    private final Block workspace;

    /// Number format of arrays and products.
    public enum Precision {
        FP64(8, "f64", "double", DeviceRuntime.Gemm.FP64),
        FP32(4, "f32", "float", DeviceRuntime.Gemm.FP32),
        TF32(4, "f32", "float", DeviceRuntime.Gemm.TF32);

        final int bytes;
        final String suffix;
        final String type;
        final DeviceRuntime.Gemm gemm;

        Precision(int bytes, String suffix, String type, DeviceRuntime.Gemm gemm) {
            this.bytes = bytes;
            this.suffix = suffix;
            this.type = type;
            this.gemm = gemm;
        }
    }

    /// A piece of device memory that grows when more is wanted.
    private final class Block {
        private long address;
        private long bytes;

        /// @return whether the memory moved
        boolean require(long wanted) {
            if (wanted <= bytes) {
                return false;
            }
            if (address != 0) {
                device.synchronize();
                device.free(address);
            }
            bytes = Math.max(ALIGNMENT, wanted + wanted / 8);
            address = device.allocate(bytes);
            return true;
        }
    }

    /// The work for one batch, and where each buffer is.
    @SuppressWarnings("ArrayRecordComponent")
    private record Bound(List<Runnable> launches, long[] address) {}

    public DeviceExecutor(DeviceRuntime device, Program program, Precision precision) {
        this.device = device;
        this.program = program;
        this.precision = precision;
        this.schedule = Lowering.run(program);
        this.loops = new LoopKernels(device, schedule, precision);
        this.arena = new Block();
        this.inputs = new Block();
        this.parameters = new Block();
        this.workspace = new Block();
        this.segmented = segmentedIndices();
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
                        put(staged, i, constant.values().get(i));
                    }
                    long address = device.allocate(Math.max(ALIGNMENT, bytes));
                    device.upload(address, staged, bytes);
                    constants.put(buffer.number(), address);
                }
            }
            device.synchronize();
        }
    }

    private void put(MemorySegment segment, long i, double value) {
        if (precision.bytes == 8) {
            segment.setAtIndex(ValueLayout.JAVA_DOUBLE, i, value);
        } else {
            segment.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) value);
        }
    }

    private double get(MemorySegment segment, long i) {
        return precision.bytes == 8
                ? segment.getAtIndex(ValueLayout.JAVA_DOUBLE, i)
                : segment.getAtIndex(ValueLayout.JAVA_FLOAT, i);
    }

    public Schedule schedule() {
        return schedule;
    }

    @Override
    public Map<String, HostTensor> run(
            Map<String, HostTensor> floats, Map<String, Index> indices, Map<String, HostTensor> given) {
        Sizes sizes = program.sizes(floats, indices);
        Bound plan = bind(sizes, floats, indices, given);
        plan.launches().forEach(Runnable::run);
        Map<String, HostTensor> results = new LinkedHashMap<>();
        try (Arena scope = Arena.ofConfined()) {
            program.outputs().forEach((name, node) -> {
                int number = schedule.outputs().getOrDefault(name, -1);
                int[] shape = node.shape().bind(sizes);
                int volume = (int) HostTensor.volume(shape);
                MemorySegment staged = scope.allocate(Math.max(8, (long) volume * precision.bytes), 8);
                device.download(staged, plan.address()[number], (long) volume * precision.bytes);
                double[] data = new double[volume];
                for (int i = 0; i < volume; i++) {
                    data[i] = get(staged, i);
                }
                results.put(name, new HostTensor(shape, data));
            });
        }
        return results;
    }

    private Bound bind(
            Sizes sizes, Map<String, HostTensor> floats, Map<String, Index> indices, Map<String, HostTensor> given) {
        MemoryPlan plan = MemoryPlan.of(schedule, sizes);
        arena.require(plan.elements() * precision.bytes);
        device.fill(arena.address, 0xFF, arena.bytes); // NaN: what is read before it is written shows
        long[] address = new long[schedule.buffers().size()];
        Csr[] csr = new Csr[address.length];
        Upload inputUpload = new Upload();
        Upload parameterUpload = new Upload();
        for (Buffer buffer : schedule.buffers()) {
            int number = buffer.number();
            switch (buffer.storage()) {
                case ARENA -> address[number] = arena.address + plan.offset()[number] * precision.bytes;
                case CONSTANT -> address[number] = Objects.requireNonNull(constants.get(number));
                case PARAMETER ->
                    parameterUpload.add(
                            number,
                            Objects.requireNonNull(given.get(buffer.label())).data());
                case INPUT -> {
                    if (buffer.type().isIndex()) {
                        inputUpload.add(
                                number,
                                Objects.requireNonNull(indices.get(buffer.label())),
                                segmented.contains(number));
                    } else {
                        inputUpload.add(
                                number,
                                Objects.requireNonNull(floats.get(buffer.label()))
                                        .data());
                    }
                }
            }
        }
        inputUpload.run(inputs, address, csr);
        parameterUpload.run(parameters, address, csr);
        Arena memory = Arena.ofAuto();
        List<Runnable> launches = new ArrayList<>();
        long scratch = 0;
        for (Schedule.Step step : schedule.steps()) {
            scratch = Math.max(
                    scratch, step instanceof Call call ? Launches.workspaceBytes(call, sizes, precision.bytes) : 0);
        }
        workspace.require(scratch);
        Kernels kernels = new Kernels(device.builtin(), precision.bytes, memory);
        Launches builder = new Launches(device, precision, kernels, sizes, address, csr, workspace.address);
        for (int at = 0; at < schedule.steps().size(); at++) {
            switch (schedule.steps().get(at)) {
                case Fused _ -> launches.add(loops.of(at, sizes, address, csr, memory));
                case Call call -> launches.addAll(builder.of(call));
            }
        }
        return new Bound(launches, address);
    }

    /// Addresses of an index's compressed rows.
    ///
    /// @param order 0 where the index ascends
    record Csr(long start, long order) {}

    /// Host arrays that go to one block in one copy.
    private final class Upload {
        private final List<Piece> pieces = new ArrayList<>();

        @SuppressWarnings("ArrayRecordComponent")
        private record Piece(
                int number,
                double @Nullable [] floats,
                @Nullable Index index,
                boolean rows) {}

        void add(int number, double[] values) {
            pieces.add(new Piece(number, values, null, false));
        }

        void add(int number, Index index, boolean rows) {
            pieces.add(new Piece(number, null, index, rows));
        }

        void run(Block block, long[] address, Csr[] csr) {
            long total = 0;
            for (Piece piece : pieces) {
                total += size(piece);
            }
            block.require(total);
            if (total == 0) {
                return;
            }
            try (Arena scope = Arena.ofConfined()) {
                MemorySegment staged = scope.allocate(total, ALIGNMENT);
                long at = 0;
                for (Piece piece : pieces) {
                    place(piece, staged, at, block.address, address, csr);
                    at += size(piece);
                }
                device.upload(block.address, staged, total);
                device.synchronize();
            }
        }

        private long size(Piece piece) {
            if (piece.floats != null) {
                return aligned((long) piece.floats.length * precision.bytes);
            }
            Index index = Objects.requireNonNull(piece.index);
            long size = aligned(4L * index.length());
            if (piece.rows) {
                size += aligned(4L * (index.range() + 1)) + (index.sorted() ? 0 : aligned(4L * index.length()));
            }
            return size;
        }

        private void place(Piece piece, MemorySegment staged, long at, long base, long[] address, Csr[] csr) {
            address[piece.number] = base + at;
            if (piece.floats != null) {
                MemorySegment slice = staged.asSlice(at);
                for (int i = 0; i < piece.floats.length; i++) {
                    put(slice, i, piece.floats[i]);
                }
                return;
            }
            Index index = Objects.requireNonNull(piece.index);
            MemorySegment.copy(index.values(), 0, staged, ValueLayout.JAVA_INT, at, index.length());
            if (piece.rows) {
                long start = at + aligned(4L * index.length());
                MemorySegment.copy(index.start(), 0, staged, ValueLayout.JAVA_INT, start, index.range() + 1);
                long order = 0;
                if (!index.sorted()) {
                    long place = start + aligned(4L * (index.range() + 1));
                    MemorySegment.copy(index.order(), 0, staged, ValueLayout.JAVA_INT, place, index.length());
                    order = base + place;
                }
                csr[piece.number] = new Csr(base + start, order);
            }
        }
    }

    private static long aligned(long bytes) {
        return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    @Override
    public void close() {
        device.synchronize();
        constants.values().forEach(device::free);
        for (Block block : List.of(arena, inputs, parameters, workspace)) {
            if (block.address != 0) {
                device.free(block.address);
            }
        }
    }
}
