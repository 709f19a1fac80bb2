package org.iolaus.train.engine;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import org.iolaus.comm.DeviceComm;
import org.iolaus.cuda.DeviceException;
import org.iolaus.cuda.DeviceProgram;
import org.iolaus.cuda.DeviceRuntime;
import org.iolaus.cuda.Task;
import org.iolaus.cuda.Work;
import org.iolaus.cuda.WorkQueue;
import org.iolaus.data.Batch;
import org.iolaus.ir.Program;
import org.iolaus.lower.Precision;
import org.iolaus.model.Model;
import org.iolaus.tensor.Index;
import org.iolaus.train.Training;
import org.iolaus.train.inputs.BatchInputs;
import org.iolaus.train.inputs.PaddedSize;
import org.iolaus.train.inputs.ReadyBatch;
import org.jspecify.annotations.Nullable;

/// Runs programs on a device. Values of a model stay there; batches are padded to [PaddedSize]s, and the work
/// for a bucket is prepared once and recorded as a graph that is started as a whole.
///
/// The programs take turns in one arena, one workspace and one block of inputs.
public final class DeviceEngine implements Engine {
    /// In front of the inputs, bytes: numbers of the step.
    static final long HEADER = 1024;

    /// The inputs in use, and those on their way.
    private static final int INPUT_BLOCKS = 1 + DeviceRuntime.Feed.SLOTS;

    private final int ranks;
    private final DeviceRuntime device;
    private final Precision precision;
    private final DeviceComm comm;
    private final WorkQueue queue;
    private final Map<ModelState, DeviceState> states = new HashMap<>();
    private final List<CompiledProgram> prepared = new ArrayList<>();
    private final long usedBefore;
    private DeviceProgram.Memory sizes = new DeviceProgram.Memory(0, 0, 0);
    private long arena;
    private long workspace;
    private long inputs;
    private DeviceRuntime.@Nullable Feed feed;

    /// @param ranks of the job
    /// @param comm is closed with the engine, like `device`
    public DeviceEngine(int ranks, DeviceRuntime device, Precision precision, DeviceComm comm) {
        this.ranks = ranks;
        this.device = device;
        this.precision = precision;
        this.comm = comm;
        this.queue = new WorkQueue(device);
        this.usedBefore = device.totalBytes() - device.freeBytes();
    }

    @Override
    public String describe() {
        return precision.toString().toLowerCase(Locale.ROOT) + " on " + device.name() + ", " + comm.name();
    }

    /// For people: `NVIDIA H100 80GB HBM3`.
    public String deviceName() {
        return device.name();
    }

    /// Memory of the device that is not in use, bytes.
    public long freeBytes() {
        return device.freeBytes();
    }

    int ranks() {
        return ranks;
    }

    /// Where all work of the programs is started.
    public WorkQueue queue() {
        return queue;
    }

    @Override
    public ReadyBatch ready(BatchInputs batchInputs, Batch batch) {
        PaddedSize bucket = batchInputs.paddedSize(batch);
        BatchInputs.Bound bound = batchInputs.bind(batch, bucket);
        for (Index index : bound.indices().values()) {
            index.start();
            if (!index.sorted()) {
                index.order();
            }
        }
        return new ReadyBatch(batch, bucket, batchInputs.exact(batch), bound);
    }

    @Override
    public BatchSizes prepare(
            Model model, Training settings, Supplier<Set<PaddedSize>> training, Supplier<Set<PaddedSize>> evaluation) {
        BatchSizes sizes = new BatchSizes(training.get(), evaluation.get());
        PaddedSize largest = sizes.training().stream().reduce(PaddedSize.NONE, PaddedSize::or);
        MemoryPrediction.of(model, settings, precision, sizes.training(), sizes.evaluation())
                .requireRoom(freeBytes(), deviceName(), settings, largest);
        return sizes;
    }

    DeviceRuntime device() {
        return device;
    }

    public Precision precision() {
        return precision;
    }

    DeviceComm comm() {
        return comm;
    }

    /// The device's copy of a model's values; made at the first call.
    DeviceState values(ModelState state) {
        return states.computeIfAbsent(state, key -> {
            DeviceState made = new DeviceState(device, precision, key.layout(), key::values);
            made.upload();
            return made;
        });
    }

    /// Memory of the device that was in use before this engine: the context, the libraries, other programs.
    public long usedBeforeBytes() {
        return usedBefore;
    }

    /// Memory of the device in use, less what was so before this engine.
    public long usedBytes() {
        return device.totalBytes() - device.freeBytes() - usedBefore;
    }

    /// Sees to it that the shared memory is large enough. If it moves, all prepared work is dropped.
    ///
    /// @throws DeviceException if it cannot be; then what was reserved before is still there
    void reserve(DeviceProgram.Memory wanted, String what) {
        DeviceProgram.Memory all = sizes.or(wanted);
        if (all.equals(sizes)) {
            return;
        }
        long need = bytes(all);
        long free = device.freeBytes() + (feed == null ? 0 : bytes(sizes));
        if (need > free) {
            throw new DeviceException(String.format(
                    Locale.ROOT,
                    "%s: want at most %.2f GiB free on %s, got a need of %.2f GiB (%.2f for what is computed, %.2f for "
                            + "inputs); lower Training.batch_size, or Batching.max_nodes or max_edges",
                    what,
                    gib(free),
                    device.name(),
                    gib(need),
                    gib(all.arena() + all.workspace()),
                    gib(INPUT_BLOCKS * (HEADER + all.inputs()))));
        }
        free();
        arena = device.allocate(Math.max(1, all.arena()), "computed");
        workspace = device.allocate(Math.max(1, all.workspace()), "computed");
        inputs = device.allocate(HEADER + all.inputs(), "inputs");
        feed = device.feed(HEADER + all.inputs());
        sizes = all;
        device.fill(arena, 0xFF, all.arena()); // NaN: what is read before it is written shows
    }

    private static long bytes(DeviceProgram.Memory memory) {
        return memory.arena() + memory.workspace() + INPUT_BLOCKS * (HEADER + memory.inputs());
    }

    /// Gives the shared memory back; what was prepared for it is dropped.
    private void free() {
        device.synchronize();
        prepared.forEach(CompiledProgram::drop);
        sizes = new DeviceProgram.Memory(0, 0, 0);
        for (long address : new long[] {arena, workspace, inputs}) {
            if (address != 0) {
                device.free(address);
            }
        }
        arena = 0;
        workspace = 0;
        inputs = 0;
        DeviceRuntime.Feed open = feed;
        feed = null;
        if (open != null) {
            open.close();
        }
    }

    private static double gib(long bytes) {
        return bytes / (double) (1 << 30);
    }

    /// Places in the shared memory.
    ///
    /// @param inputs address of the inputs
    DeviceProgram.Places places(ToLongFunction<String> parameters, ToLongFunction<String> outputs, long inputs) {
        return new Addresses(this, parameters, outputs, inputs);
    }

    /// Addresses of the shared memory, the parameters and the outputs of one program.
    private record Addresses(
            DeviceEngine engine, ToLongFunction<String> parameters, ToLongFunction<String> outputs, long inputs)
            implements DeviceProgram.Places {
        @Override
        public long arena() {
            return engine.arena;
        }

        @Override
        public long workspace() {
            return engine.workspace;
        }

        @Override
        public long parameter(String name) {
            return parameters.applyAsLong(name);
        }

        @Override
        public long output(String name) {
            return outputs.applyAsLong(name);
        }
    }

    /// Where the header of the inputs is on the device.
    long header() {
        return inputs;
    }

    /// A program's work by bucket.
    final class CompiledProgram implements AutoCloseable {
        private final DeviceProgram program;
        private final DeviceState state;
        private final ToLongFunction<String> outputs;
        private final Map<Key, BucketWork> entries = new HashMap<>();
        private final Set<PaddedSize> reserved = new HashSet<>();

        private record Key(PaddedSize bucket, Set<String> sorted) {}

        /// @param outputs address of each output
        CompiledProgram(Program program, DeviceState state, ToLongFunction<String> outputs) {
            this.program = new DeviceProgram(device, program, precision, ranks == 1 ? null : comm);
            this.state = state;
            this.outputs = outputs;
            prepared.add(this);
        }

        DeviceProgram program() {
            return program;
        }

        void reserve(Collection<PaddedSize> buckets) {
            if (reserved.containsAll(buckets)) {
                return; // as in every step but the first of a bucket
            }
            DeviceProgram.Memory wanted = sizes;
            PaddedSize largest = PaddedSize.NONE;
            for (PaddedSize bucket : buckets) {
                wanted = wanted.or(program.memory(bucket.sizes()));
                largest = largest.or(bucket);
            }
            DeviceEngine.this.reserve(
                    wanted,
                    "a batch of " + largest.graphs() + " graphs, " + largest.atoms() + " atoms and " + largest.edges()
                            + " edges");
            reserved.addAll(buckets);
        }

        /// Puts a batch on its way to the device.
        ///
        /// @param numbers of the step, for the header
        /// @return the work for its bucket
        BucketWork feed(ReadyBatch batch, double... numbers) {
            PaddedSize bucket = batch.padded();
            BatchInputs.Bound bound = batch.inputs();
            Set<String> sorted = new HashSet<>();
            bound.indices().forEach((name, index) -> addIfSorted(sorted, name, index));
            reserve(Set.of(bucket));
            BucketWork entry = entries.computeIfAbsent(
                    new Key(bucket, sorted),
                    key -> new BucketWork(
                            program.bind(bucket.sizes(), sorted, places(state::address, outputs, inputs + HEADER))));
            DeviceRuntime.Feed way = Objects.requireNonNull(feed);
            MemorySegment slot = way.next();
            for (int i = 0; i < numbers.length; i++) {
                precision.put(slot.asSlice(0, HEADER), i, numbers[i]);
            }
            entry.bound.pack(slot.asSlice(HEADER), bound.floats(), bound.indices());
            queue.start(new Task(new Work.Send(way, inputs, HEADER + entry.bound.inputBytes())));
            return entry;
        }

        private static void addIfSorted(Set<String> sorted, String name, Index index) {
            if (index.sorted()) {
                sorted.add(name);
            }
        }

        void drop() {
            entries.values().forEach(BucketWork::close);
            entries.clear();
            reserved.clear();
        }

        @Override
        public void close() {
            drop();
            prepared.remove(this);
            program.close();
        }
    }

    /// The work for one bucket.
    final class BucketWork {
        private final DeviceProgram.Bound bound;
        private final Map<String, WorkQueue.Recording> recordings = new HashMap<>();

        BucketWork(DeviceProgram.Bound bound) {
            this.bound = bound;
        }

        /// The work of the program alone.
        List<Task> tasks() {
            return bound.tasks();
        }

        /// Starts work in which the program's is a part.
        ///
        /// @param name by which it is known again
        /// @param tasks makes it, at the first start
        void start(String name, Supplier<List<Task>> tasks) {
            recordings.computeIfAbsent(name, _ -> queue.recording(tasks.get())).start();
        }

        void close() {
            recordings.values().forEach(WorkQueue.Recording::close);
            recordings.clear();
        }
    }

    @Override
    public Forward forward(Program program, ModelState state) {
        return new DeviceForward(this, program, values(state)).load();
    }

    @Override
    public TrainingStep training(Model model, ModelState state, Training settings, StepProfile profile) {
        DeviceState average = settings.emaDecay() == null ? null : values(state.average());
        return new DeviceStep(this, model, values(state), average, settings, profile).load();
    }

    @Override
    public void close() {
        comm.close();
        device.close();
    }
}
