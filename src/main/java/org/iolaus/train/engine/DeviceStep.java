package org.iolaus.train.engine;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.LongToDoubleFunction;
import java.util.function.Supplier;
import org.iolaus.comm.DeviceComm;
import org.iolaus.cuda.DeviceProgram;
import org.iolaus.cuda.DeviceRuntime;
import org.iolaus.cuda.Kernels;
import org.iolaus.cuda.Task;
import org.iolaus.cuda.Work;
import org.iolaus.lower.Dependencies.Range;
import org.iolaus.lower.Precision;
import org.iolaus.model.Model;
import org.iolaus.nn.Parameters;
import org.iolaus.nn.Parameters.Role;
import org.iolaus.train.Training;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.engine.StepProfile.Phase;
import org.iolaus.train.inputs.Bucket;
import org.iolaus.train.inputs.ReadyBatch;
import org.iolaus.train.optimize.UpdateRule;
import org.jspecify.annotations.Nullable;

/// A training step on a device: parameters, gradient and optimizer state never leave it, and one step is one start of a
/// recorded graph (two where gradients are summed by MPI between them). The host fetches the losses of many steps at
/// once.
///
/// Gradients are computed where they are summed: one flat array in the layout of [DeviceState], cut into buckets whose
/// sums over ranks run beside the backward pass; behind it follow the loss, its terms and the buffers. Where several
/// batches make a step, gradients and losses of all but the last are added up in an array of their own, which is zero
/// between steps.
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
    private final StepProfile profile;
    private final FlatLayout layout;
    private final FlatLayout.Gradient gradientLayout;
    private final UpdateRule rule;
    private final DeviceEngine.Prepared prepared;
    private final Deque<Double> pending = new ArrayDeque<>();
    private final Deque<DeviceRuntime.Event> started = new ArrayDeque<>();

    /// Memory for copies of all values that is not in use.
    private final Queue<MemorySegment> copies = new ConcurrentLinkedQueue<>();

    private final long gradient;
    /// What earlier batches of the step add, as far as the losses go; 0 where there are none.
    private final long earlier;
    private final List<Long> slots = new ArrayList<>();
    private final long counter;
    private final long history;
    private final long clip;
    private final long undecayed;
    private final Training settings;
    private long steps;

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
        this.profile = profile;
        this.rule = UpdateRule.of(settings.optimizer());
        this.settings = settings;
        var program = settings.program(model);
        this.layout = state.layout();
        long bucketBytes = (long) settings.gradientBucketMib() << 20;
        this.gradientLayout = layout.gradient(program, bucketBytes / precision.bytes());
        this.gradient = zeros(gradientLayout.size() * precision.bytes(), "gradient");
        boolean several = settings.gradientAccumulationSteps() > 1;
        long accumulated = gradientLayout.losses().end();
        this.earlier = several ? zeros(accumulated * precision.bytes(), "gradient") : 0;
        for (int slot = 0; slot < rule.slots().size(); slot++) {
            slots.add(zeros(layout.trained() * precision.bytes(), "optimizer"));
        }
        this.counter = zeros(8, "other");
        this.history = zeros(HISTORY * gradientLayout.losses().size() * precision.bytes(), "other");
        this.clip = zeros(8L * (2 + Kernels.squareSumParts(layout.trained())), "other");
        this.undecayed = undecayed(settings.optimizer().noDecay());
        this.prepared = engine.new Prepared(program, state, name -> address(gradientLayout.place(name)));
        fillSlots(rule.initial());
    }

    /// Brings what the program needs to the device.
    DeviceStep load() {
        prepared.program().load();
        return this;
    }

    /// What a batch of a size needs.
    DeviceProgram.Memory memory(Bucket bucket) {
        return prepared.program().memory(bucket.sizes());
    }

    private Kernels kernels() {
        return new Kernels(device.builtin(), precision.bytes(), Arena.ofAuto());
    }

    /// Where a part of the gradient begins.
    private long address(FlatLayout.Range range) {
        return gradient + range.start() * precision.bytes();
    }

    /// Adds what earlier batches of the step gave to a part of the gradient. Buffers are not added up.
    private List<Task> addEarlier(Kernels kernels, FlatLayout.Range range) {
        if (earlier == 0) {
            return List.of();
        }
        int bytes = precision.bytes();
        long size = Math.min(range.end(), gradientLayout.losses().end()) - range.start();
        long from = earlier + range.start() * bytes;
        long to = address(range);
        List<Range> both = List.of(new Range(from, from + size * bytes), new Range(to, to + size * bytes));
        return kernels.addAndZero(from, to, size).stream()
                .map(work -> new Task(work, both, both))
                .toList();
    }

    private long zeros(long bytes, String what) {
        long address = device.allocate(bytes, what);
        device.fill(address, 0, bytes);
        return address;
    }

    /// Which numbers do not decay; 0 if all do.
    private long undecayed(List<Parameters.Group> noDecay) {
        if (noDecay.isEmpty()) {
            return 0;
        }
        byte[] blocks = layout.blocks(spec -> noDecay.contains(spec.group()));
        long address = device.allocate(blocks.length);
        try (Arena scope = Arena.ofConfined()) {
            device.upload(address, scope.allocateFrom(ValueLayout.JAVA_BYTE, blocks), blocks.length);
            device.synchronize();
        }
        return address;
    }

    /// Clip, update, store buffers, average, keep the losses.
    private List<Work> update(long learningRate) {
        Kernels kernels = kernels();
        long n = layout.trained();
        List<Work> launches = new ArrayList<>(kernels.increment(counter));
        long scale = 0;
        Double most = settings.gradientClipNorm();
        if (most != null) {
            long partial = clip + 16;
            launches.addAll(kernels.squareSum(gradient, partial, n));
            launches.addAll(kernels.clipScale(partial, Kernels.squareSumParts(n), clip, most));
            scale = clip;
        }
        launches.addAll(rule(kernels, new Kernels.StepState(counter, learningRate, scale, undecayed), n));
        storeBuffers(kernels, state, engine.ranks(), launches);
        DeviceState averages = average;
        Double decay = settings.emaDecay();
        if (averages != null && decay != null) {
            launches.addAll(kernels.movingAverage(state.address(), averages.address(), 1 - decay, n));
            storeBuffers(kernels, averages, engine.ranks(), launches);
        }
        launches.addAll(kernels.append(
                address(gradientLayout.losses()),
                history,
                counter,
                HISTORY,
                gradientLayout.losses().size()));
        return launches;
    }

    private void storeBuffers(Kernels kernels, DeviceState to, int ranks, List<Work> launches) {
        gradientLayout
                .buffers()
                .forEach((name, from) ->
                        launches.addAll(kernels.scaledCopy(address(from), to.address(name), 1.0 / ranks, from.size())));
    }

    private List<Work> rule(Kernels kernels, Kernels.StepState at, long n) {
        long p = state.address();
        return switch (rule) {
            case UpdateRule.Adam r ->
                kernels.adamw(
                        p,
                        gradient,
                        slots.get(0),
                        slots.get(1),
                        at,
                        r.beta1(),
                        r.beta2(),
                        r.epsilon(),
                        r.weightDecay(),
                        r.decoupled(),
                        n);
            case UpdateRule.Sgd r ->
                kernels.sgd(
                        p,
                        gradient,
                        slots.isEmpty() ? 0 : slots.getFirst(),
                        at,
                        r.momentum(),
                        r.dampening(),
                        r.weightDecay(),
                        r.nesterov(),
                        n);
            case UpdateRule.Adadelta r ->
                kernels.adaptive(
                        Kernels.Adaptive.ADADELTA, p, gradient, slots, at, r.rho(), 0, r.epsilon(), r.weightDecay(), n);
            case UpdateRule.Adagrad r ->
                kernels.adaptive(
                        Kernels.Adaptive.ADAGRAD,
                        p,
                        gradient,
                        slots,
                        at,
                        r.learningRateDecay(),
                        0,
                        r.epsilon(),
                        r.weightDecay(),
                        n);
            case UpdateRule.Adamax r ->
                kernels.adaptive(
                        Kernels.Adaptive.ADAMAX,
                        p,
                        gradient,
                        slots,
                        at,
                        r.beta2(),
                        r.beta1(),
                        r.epsilon(),
                        r.weightDecay(),
                        n);
            case UpdateRule.RmsProp r -> {
                long means = r.centered() ? slots.get(1) : 0;
                long buffer = r.momentum() > 0 ? slots.getLast() : 0;
                yield kernels.adaptive(
                        Kernels.Adaptive.RMSPROP,
                        p,
                        gradient,
                        List.of(slots.getFirst(), means, buffer),
                        at,
                        r.alpha(),
                        r.momentum(),
                        r.epsilon(),
                        r.weightDecay(),
                        n);
            }
        };
    }

    @Override
    public void reserve(Collection<Bucket> buckets) {
        prepared.reserve(buckets);
    }

    @Override
    public void accumulate(ReadyBatch batch) {
        profile.enter(Phase.INPUTS);
        DeviceEngine.Entry entry = prepared.feed(batch, 0);
        profile.enter(Phase.DEVICE);
        entry.start("accumulate", () -> {
            List<Task> tasks = new ArrayList<>(entry.tasks());
            Kernels kernels = kernels();
            List<Work> kept = new ArrayList<>(
                    kernels.add(gradient, earlier, gradientLayout.losses().end()));
            storeBuffers(kernels, state, 1, kept);
            kept.forEach(work -> tasks.add(new Task(work)));
            return tasks;
        });
        keepWithin();
    }

    @Override
    public void step(ReadyBatch batch, double learningRate) {
        if (pending.size() == HISTORY) {
            throw new IllegalStateException("DeviceStep: want losses fetched after at most " + HISTORY + " steps");
        }
        profile.enter(Phase.INPUTS);
        DeviceEngine.Entry entry = prepared.feed(batch, learningRate);
        profile.enter(Phase.DEVICE);
        entry.start("step", () -> tasks(entry));
        keepWithin();
        steps++;
        pending.add((double) batch.batch().globalGraphs());
        profile.endStep();
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
    private List<Task> tasks(DeviceEngine.Entry entry) {
        List<Task> tasks = new ArrayList<>(entry.tasks());
        Kernels kernels = kernels();
        FlatLayout.Range all = new FlatLayout.Range(0, gradientLayout.size());
        boolean overlaps = engine.ranks() > 1 && comm.capturable();
        for (FlatLayout.Range range : overlaps ? buckets() : List.of(all)) {
            addEarlier(kernels, range).forEach(task -> Task.addEarly(tasks, task));
            if (engine.ranks() > 1) {
                Task.addEarly(tasks, new Task(new Work.Sum(comm, address(range), range.size(), precision.bytes())));
            }
        }
        update(engine.header()).forEach(work -> tasks.add(new Task(work)));
        return tasks;
    }

    private List<FlatLayout.Range> buckets() {
        return gradientLayout.buckets().stream()
                .map(FlatLayout.GradientBucket::range)
                .toList();
    }

    @Override
    public void report(boolean all, Losses losses) {
        if (pending.isEmpty() || (!all && pending.size() < HISTORY / 2)) {
            return;
        }
        comm.await();
        long width = gradientLayout.losses().size();
        long firstTask = gradientLayout.place(Model.TASK_LOSSES).start()
                - gradientLayout.losses().start();
        try (Arena scope = Arena.ofConfined()) {
            long bytes = HISTORY * width * precision.bytes();
            MemorySegment rows = scope.allocate(bytes, 64);
            device.download(rows, history, bytes);
            for (long step = steps - pending.size(); !pending.isEmpty(); step++) {
                long row = step % HISTORY * width;
                double[] tasks = new double[gradientLayout.tasks()];
                for (int i = 0; i < tasks.length; i++) {
                    tasks[i] = precision.get(rows, row + firstTask + i);
                }
                losses.add(precision.get(rows, row), tasks, pending.removeFirst());
            }
        }
    }

    @Override
    public Supplier<Checkpoint.Values> save() {
        DeviceState averages = average;
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
            device.download(ofSlots.asSlice(slot * bytes), slots.get(slot), bytes);
        }
        long made = steps;
        return () -> {
            Checkpoint.Model model = Checkpoint.Model.of(
                    parameters,
                    name -> state.read(copy, name),
                    averages == null ? null : name -> averages.read(ofAverages, name));
            Map<String, double[]> saved = new LinkedHashMap<>();
            for (int slot = 0; slot < slots.size(); slot++) {
                saved.put(rule.slots().get(slot), layout.withoutGaps(at(ofSlots.asSlice(slot * bytes))));
            }
            copies.add(copy);
            return new Checkpoint.Values(model, new Checkpoint.OptimizerState(rule.kind(), made, saved));
        };
    }

    @Override
    public void load(Checkpoint.OptimizerState saved) {
        saved.require(rule);
        state.upload();
        if (average != null) {
            average.upload();
        }
        for (int slot = 0; slot < slots.size(); slot++) {
            double[] values =
                    Objects.requireNonNull(saved.slots().get(rule.slots().get(slot)));
            setSlot(slots.get(slot), values);
        }
        steps = saved.steps();
        try (Arena scope = Arena.ofConfined()) {
            device.upload(counter, scope.allocateFrom(ValueLayout.JAVA_LONG, steps), 8);
            device.synchronize();
        }
    }

    private LongToDoubleFunction at(MemorySegment array) {
        return i -> precision.get(array, i);
    }

    private void fillSlots(double value) {
        if (value != 0) {
            double[] values = new double[Math.toIntExact(parameters.count(Role.TRAINED))];
            Arrays.fill(values, value);
            slots.forEach(slot -> setSlot(slot, values));
        }
    }

    private void setSlot(long address, double[] values) {
        try (Arena scope = Arena.ofConfined()) {
            long bytes = layout.trained() * precision.bytes();
            MemorySegment staged = scope.allocate(Math.max(8, bytes), 64);
            layout.withGaps(values, (at, value) -> precision.put(staged, at, value));
            device.upload(address, staged, bytes);
            device.synchronize();
        }
    }

    @Override
    public int messages() {
        return comm.capturable() ? gradientLayout.buckets().size() : 1;
    }

    @Override
    public void close() {
        prepared.close();
        device.free(gradient);
        if (earlier != 0) {
            device.free(earlier);
        }
        slots.forEach(device::free);
        device.free(counter);
        device.free(history);
        device.free(clip);
        if (undecayed != 0) {
            device.free(undecayed);
        }
    }
}
