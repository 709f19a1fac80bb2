package org.iolaus.train.engine;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.iolaus.comm.Comm;
import org.iolaus.comm.Pending;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.model.Model;
import org.iolaus.tensor.HostView;
import org.iolaus.train.Training;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.engine.StepProfile.Phase;
import org.iolaus.train.inputs.BatchInputs;
import org.iolaus.train.inputs.ReadyBatch;

/// A training step on the host; each is done when [#step] returns. Gradients are summed over ranks as soon as the
/// backward pass has filled a bucket, while it goes on with the rest.
final class HostStep implements TrainingStep {
    private final Comm comm;
    private final CpuExecutor executor;
    private final ModelState state;
    private final String optimizer;
    private final StepProfile profile;
    private final FlatLayout.Gradient layout;
    private final UpdateProgram update;
    private final HostUpdate hostUpdate;
    private final double[] gradient;
    private final Map<String, Bucket> bucketOf = new HashMap<>();
    private final List<Pending> sums = new ArrayList<>();
    private final List<Result> done = new ArrayList<>();
    private long steps;
    /// Whether the gradient holds that of earlier micro-batches of this step.
    private boolean begun;

    /// Whether the sums over ranks follow the batch.
    private boolean last;

    private static final class Bucket {
        private final FlatLayout.Range range;
        private final int members;
        private int missing;

        Bucket(FlatLayout.GradientBucket bucket) {
            range = bucket.range();
            members = bucket.outputs().size();
        }
    }

    HostStep(
            Comm comm,
            CpuExecutor.Options options,
            Model model,
            ModelState state,
            Training settings,
            StepProfile profile) {
        this.comm = comm;
        this.executor = new CpuExecutor(model.train(settings.convCheckpointing()), options);
        this.state = state;
        this.optimizer = settings.optimizer().type().toString();
        this.profile = profile;
        long bucketBytes = (long) settings.gradientBucketMib() << 20;
        this.layout = state.layout().gradient(executor.program(), bucketBytes / Double.BYTES);
        layout.buckets().forEach(this::addBucket);
        this.update = new UpdateProgram(state.layout(), layout, UpdateProgram.Settings.of(settings, comm.size(), 1));
        double[] averages = settings.emaDecay() == null ? null : state.average().values(); // from before the first step
        this.hostUpdate = new HostUpdate(update, options, state.values(), averages);
        this.gradient = hostUpdate.array(UpdateProgram.GRADIENT);
    }

    private void addBucket(FlatLayout.GradientBucket given) {
        Bucket bucket = new Bucket(given);
        given.outputs().forEach(output -> bucketOf.put(output, bucket));
    }

    @Override
    public void reserve(Collection<org.iolaus.train.inputs.PaddedSize> buckets) {}

    @Override
    public void accumulate(ReadyBatch ready) {
        differentiate(ready, false);
        double[] before = hostUpdate.array(UpdateProgram.BUFFERS_BEFORE);
        layout.buffers().forEach((name, after) -> {
            HostView buffer = state.find(name);
            if (!begun) {
                int start = (int) (after.start() - layout.losses().end());
                System.arraycopy(buffer.data(), buffer.offset(), before, start, buffer.volume());
            }
            System.arraycopy(gradient, (int) after.start(), buffer.data(), buffer.offset(), buffer.volume());
        });
        begun = true;
    }

    @Override
    public void step(ReadyBatch ready, double learningRate) {
        differentiate(ready, true);
        profile.enter(Phase.ALL_REDUCE);
        sums.forEach(Pending::await);
        profile.enter(Phase.OPTIMIZER);
        hostUpdate.run(steps + 1, learningRate, begun);
        double[] record = hostUpdate.array(UpdateProgram.HISTORY);
        done.add(update.result(i -> record[(int) i], (double) ready.batch().globalGraphs()));
        steps += hostUpdate.allowed() ? 1 : 0;
        begun = false;
        profile.endStep();
    }

    private void differentiate(ReadyBatch ready, boolean last) {
        profile.enter(Phase.FORWARD);
        BatchInputs.Bound bound = ready.inputs();
        this.last = last;
        sums.clear();
        bucketOf.values().forEach(bucket -> bucket.missing = bucket.members);
        executor.run(bound.floats(), bound.indices(), state, this::take);
    }

    /// Takes one output of the program as soon as it is there; starts the sum of its bucket if it was the last
    /// one missing.
    private void take(String name, HostView value) {
        int at = (int) layout.place(name).start();
        if (begun && at < layout.losses().end()) { // buffers are not added up
            for (int i = 0; i < value.volume(); i++) {
                gradient[at + i] += value.get(i);
            }
        } else {
            System.arraycopy(value.data(), value.offset(), gradient, at, value.volume());
        }
        if (name.equals(Model.LOSS)) {
            profile.enter(Phase.BACKWARD);
        }
        Bucket bucket = Objects.requireNonNull(bucketOf.get(name), name);
        if (--bucket.missing == 0 && last) {
            sums.forEach(Pending::done); // moves the earlier ones along
            int start = (int) bucket.range.start();
            sums.add(comm.sumAsync(gradient, start, (int) bucket.range.size()));
        }
    }

    @Override
    public void report(boolean all, Consumer<Result> results) {
        List<Result> found = List.copyOf(done);
        done.clear();
        for (Result result : found) {
            results.accept(result);
            if (!result.isFinite()) {
                return;
            }
        }
    }

    @Override
    public Supplier<Checkpoint.Values> save() {
        Map<String, double[]> slots = new HashMap<>();
        for (String slot : update.rule().slots()) {
            double[] values = hostUpdate.array(slot);
            slots.put(slot, state.layout().withoutGaps(at -> values[(int) at]));
        }
        Checkpoint.Values values =
                new Checkpoint.Values(state.snapshot(), new Checkpoint.OptimizerState(optimizer, steps, slots));
        return () -> values;
    }

    @Override
    public void load(Checkpoint.OptimizerState saved) {
        saved.require(optimizer, update.rule().slots());
        saved.slots().forEach((name, values) -> {
            double[] slot = hostUpdate.array(name);
            state.layout().withGaps(values, (at, value) -> slot[(int) at] = value);
        });
        steps = saved.steps();
        hostUpdate.allow();
    }

    @Override
    public void close() {
        executor.close();
        hostUpdate.close();
    }
}
