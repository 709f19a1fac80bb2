package org.iolaus.train.engine;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.iolaus.comm.DeviceComm;
import org.iolaus.cuda.DeviceProgram;
import org.iolaus.cuda.DeviceRuntime;
import org.iolaus.cuda.Task;
import org.iolaus.cuda.Work;
import org.iolaus.lower.Precision;
import org.iolaus.model.Model;
import org.iolaus.nn.Parameters;
import org.iolaus.train.Training;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.engine.StepProfile.Phase;
import org.iolaus.train.inputs.PaddedSize;
import org.iolaus.train.inputs.ReadyBatch;
import org.jspecify.annotations.Nullable;

/// A training step on a device: parameters, gradient and optimizer state never leave it, and one step is one
/// start of a recorded graph (two where gradients are summed by MPI between them). The host fetches the losses
/// of many steps at once.
///
/// Gradients are computed where they are summed: one flat array in the layout of [FlatLayout], cut into buckets whose
/// sums over ranks run beside the backward pass; behind it follow the loss, its terms and the buffers. Where several
/// micro-batches make a step, gradients and losses of all but the last are added up in an array of their own.
final class DeviceStep implements TrainingStep {
    /// Steps whose losses the device keeps.
    static final int HISTORY = 64;
    /// Steps that are started before the host waits for the first of them, with a time limit: what it does next must
    /// not wait on the device for a rank that does not come.
    private static final int AHEAD = 2;

    private final DeviceEngine engine;
    private final DeviceRuntime device;
    private final Precision precision;
    private final DeviceComm comm;
    private final Parameters parameters;
    private final DeviceState state;
    private final @Nullable DeviceState average;
    private final String optimizer;
    private final StepProfile profile;
    private final FlatLayout layout;
    private final FlatLayout.Gradient gradientLayout;
    private final UpdateProgram update;
    private final DeviceUpdate deviceUpdate;
    private final DeviceEngine.CompiledProgram prepared;
    private final Deque<Double> pending = new ArrayDeque<>();
    private final Deque<DeviceRuntime.Event> started = new ArrayDeque<>();

    /// Memory for copies of all values that is not in use.
    private final Queue<MemorySegment> copies = new ConcurrentLinkedQueue<>();

    private long steps;
    /// Whether earlier micro-batches of this step have left something.
    private boolean begun;

    DeviceStep(
            DeviceEngine engine,
            Model model,
            DeviceState state,
            @Nullable DeviceState average,
            Training settings,
            StepProfile profile) {
        this.engine = engine;
        this.device = engine.device();
        this.precision = engine.precision();
        this.comm = engine.comm();
        this.parameters = model.parameters();
        this.state = state;
        this.average = average;
        this.optimizer = settings.optimizer().type().toString();
        this.profile = profile;
        var program = model.train(settings.convCheckpointing());
        this.layout = state.layout();
        long bucketBytes = (long) settings.gradientBucketMib() << 20;
        this.gradientLayout = layout.gradient(program, bucketBytes / precision.bytes());
        this.update =
                new UpdateProgram(layout, gradientLayout, UpdateProgram.Settings.of(settings, engine.ranks(), HISTORY));
        this.deviceUpdate = new DeviceUpdate(engine, update, state, average);
        this.prepared = engine.new CompiledProgram(program, state, name -> address(gradientLayout.place(name)));
    }

    /// Brings what the programs need to the device.
    DeviceStep load() {
        prepared.program().load();
        deviceUpdate.load();
        return this;
    }

    /// What a batch of a size needs.
    DeviceProgram.Memory memory(PaddedSize bucket) {
        return prepared.program().memory(bucket.sizes());
    }

    /// Where a part of the gradient begins.
    private long address(FlatLayout.Range range) {
        return deviceUpdate.address(UpdateProgram.GRADIENT, range.start());
    }

    @Override
    public void reserve(Collection<PaddedSize> buckets) {
        prepared.reserve(buckets);
        deviceUpdate.reserve();
    }

    @Override
    public void accumulate(ReadyBatch batch) {
        DeviceEngine.BucketWork entry = feed(batch, 0);
        entry.start("accumulate", () -> joined(entry.tasks(), deviceUpdate.keep()));
        begun = true;
        keepWithin();
    }

    @Override
    public void step(ReadyBatch batch, double learningRate) {
        if (pending.size() == HISTORY) {
            throw new IllegalStateException("DeviceStep: want results fetched after at most " + HISTORY + " steps");
        }
        DeviceEngine.BucketWork entry = feed(batch, learningRate);
        entry.start("step", () -> tasks(entry));
        begun = false;
        keepWithin();
        steps++;
        pending.add((double) batch.batch().globalGraphs());
        profile.endStep();
    }

    private DeviceEngine.BucketWork feed(ReadyBatch batch, double learningRate) {
        profile.enter(Phase.INPUTS);
        deviceUpdate.reserve();
        DeviceEngine.BucketWork entry = prepared.feed(batch, update.numbers(steps + 1, learningRate, begun));
        profile.enter(Phase.DEVICE);
        return entry;
    }

    /// Waits for what was started long ago.
    private void keepWithin() {
        started.add(device.record());
        if (started.size() > AHEAD) {
            comm.await(started.remove());
        }
    }

    /// A step: forward and backward pass, sums over the ranks, update. Where sums can be recorded, each bucket of the
    /// gradient is summed as soon as it is complete; else all are one message.
    private List<Task> tasks(DeviceEngine.BucketWork entry) {
        List<Task> tasks = new ArrayList<>(entry.tasks());
        FlatLayout.Range all = new FlatLayout.Range(0, gradientLayout.size());
        boolean overlaps = engine.ranks() > 1 && comm.capturable();
        for (FlatLayout.Range range : overlaps ? buckets() : List.of(all)) {
            deviceUpdate.addEarlier(range).forEach(task -> Task.addEarly(tasks, task));
            if (engine.ranks() > 1) {
                Task.addEarly(tasks, new Task(new Work.Sum(comm, address(range), range.size(), precision.bytes())));
            }
        }
        return joined(tasks, deviceUpdate.tasks());
    }

    private static List<Task> joined(List<Task> first, List<Task> second) {
        List<Task> all = new ArrayList<>(first);
        all.addAll(second);
        return all;
    }

    private List<FlatLayout.Range> buckets() {
        return gradientLayout.buckets().stream()
                .map(FlatLayout.GradientBucket::range)
                .toList();
    }

    @Override
    public void report(boolean all, Consumer<Result> results) {
        if (pending.isEmpty() || (!all && pending.size() < HISTORY / 2)) {
            return;
        }
        comm.await();
        long width = gradientLayout.losses().size();
        try (Arena scope = Arena.ofConfined()) {
            long bytes = HISTORY * width * precision.bytes();
            MemorySegment rows = scope.allocate(bytes, 64);
            device.download(rows, deviceUpdate.address(UpdateProgram.HISTORY), bytes);
            for (long step = steps - pending.size(); !pending.isEmpty(); step++) {
                long row = step % HISTORY * width;
                Result result = update.result(i -> precision.get(rows, row + i), pending.removeFirst());
                if (!result.isFinite()) {
                    steps = step; // later ones have changed nothing either
                    pending.clear();
                }
                results.accept(result);
            }
        }
    }

    @Override
    public Supplier<Checkpoint.Values> save() {
        DeviceState averages = average;
        List<String> slots = update.rule().slots();
        long bytes = layout.trained() * precision.bytes();
        long all = state.bytes() * (averages == null ? 1 : 2) + bytes * slots.size();
        MemorySegment idle = copies.poll();
        MemorySegment copy = idle == null ? Arena.ofAuto().allocate(Math.max(8, all), 64) : idle;
        MemorySegment ofAverages = copy.asSlice(averages == null ? 0 : state.bytes());
        MemorySegment ofSlots = ofAverages.asSlice(state.bytes());
        device.download(copy, state.address(), state.bytes());
        if (averages != null) {
            device.download(ofAverages, averages.address(), state.bytes());
        }
        for (int slot = 0; slot < slots.size(); slot++) {
            device.download(ofSlots.asSlice(slot * bytes), deviceUpdate.address(slots.get(slot)), bytes);
        }
        long made = steps;
        return () -> {
            Checkpoint.Model model = Checkpoint.Model.of(
                    parameters,
                    name -> state.read(copy, name),
                    averages == null ? null : name -> averages.read(ofAverages, name));
            Map<String, double[]> saved = new LinkedHashMap<>();
            for (int slot = 0; slot < slots.size(); slot++) {
                MemorySegment values = ofSlots.asSlice(slot * bytes);
                saved.put(slots.get(slot), layout.withoutGaps(at -> precision.get(values, at)));
            }
            copies.add(copy);
            return new Checkpoint.Values(model, new Checkpoint.OptimizerState(optimizer, made, saved));
        };
    }

    @Override
    public void load(Checkpoint.OptimizerState saved) {
        saved.require(optimizer, update.rule().slots());
        state.upload();
        if (average != null) {
            average.upload();
        }
        saved.slots().forEach((name, values) -> {
            double[] all = new double[Math.toIntExact(layout.trained())];
            layout.withGaps(values, (at, value) -> all[(int) at] = value);
            deviceUpdate.upload(name, all);
        });
        deviceUpdate.allow();
        steps = saved.steps();
    }

    @Override
    public void close() {
        prepared.close();
        deviceUpdate.close();
    }
}
