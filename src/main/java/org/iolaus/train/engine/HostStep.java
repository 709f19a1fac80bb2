package org.iolaus.train.engine;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;
import org.iolaus.comm.Comm;
import org.iolaus.comm.Pending;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.model.Model;
import org.iolaus.nn.Parameters.Role;
import org.iolaus.tensor.HostView;
import org.iolaus.train.Training;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.engine.StepProfile.Phase;
import org.iolaus.train.inputs.BatchInputs;
import org.iolaus.train.inputs.ReadyBatch;
import org.iolaus.train.optimize.Optimizer;
import org.iolaus.train.optimize.UpdateRule;

/// A training step on the host; each is done when [#step] returns. Gradients are summed over ranks as soon as the
/// backward pass has filled a bucket, while it goes on with the rest.
final class HostStep implements TrainingStep {
    private final Comm comm;
    private final CpuExecutor executor;
    private final ModelState state;
    private final Training settings;
    private final StepProfile profile;
    private final FlatLayout.Gradient layout;
    private final double[] gradient;
    private final Map<String, Bucket> bucketOf = new HashMap<>();
    private final List<Pending> sums = new ArrayList<>();
    private final Optimizer optimizer;
    private final List<Done> done = new ArrayList<>();
    /// Whether the gradient holds that of earlier batches of this step.
    private boolean begun;

    /// Whether the sums over ranks follow the batch.
    private boolean last;

    @SuppressWarnings("ArrayRecordComponent")
    private record Done(double loss, double[] tasks, double globalGraphs) {}

    private static final class Bucket {
        private final FlatLayout.Range range;
        private final int members;
        private int missing;

        Bucket(FlatLayout.GradientBucket bucket) {
            range = bucket.range();
            members = bucket.outputs().size();
        }
    }

    HostStep(Comm comm, CpuExecutor executor, Model model, ModelState state, Training settings, StepProfile profile) {
        this.comm = comm;
        this.executor = executor;
        this.state = state;
        this.settings = settings;
        this.profile = profile;
        if (settings.emaDecay() != null) {
            state.average(); // begins before the first step
        }
        long bucketBytes = (long) settings.gradientBucketMib() << 20;
        this.layout = state.layout().gradient(executor.program(), bucketBytes / Double.BYTES);
        this.gradient = new double[Math.toIntExact(layout.size())];
        layout.buckets().forEach(this::addBucket);
        this.optimizer = new Optimizer(
                UpdateRule.of(settings.optimizer()), (int) state.layout().trained(), List.of(), undecayed());
    }

    private void addBucket(FlatLayout.GradientBucket given) {
        Bucket bucket = new Bucket(given);
        given.outputs().forEach(output -> bucketOf.put(output, bucket));
    }

    private List<Optimizer.Range> undecayed() {
        return state.parameters().specs().values().stream()
                .filter(spec -> spec.role() == Role.TRAINED
                        && settings.optimizer().noDecay().contains(spec.group()))
                .map(spec -> state.layout().range(spec.name()))
                .map(range -> new Optimizer.Range((int) range.start(), (int) range.end()))
                .toList();
    }

    @Override
    public void reserve(Collection<org.iolaus.train.inputs.Bucket> buckets) {}

    @Override
    public void accumulate(ReadyBatch ready) {
        differentiate(ready, false);
        storeBuffers(state, 1);
        begun = true;
    }

    @Override
    public void step(ReadyBatch ready, double learningRate) {
        differentiate(ready, true);
        begun = false;
        profile.enter(Phase.ALL_REDUCE);
        sums.forEach(Pending::await);
        profile.enter(Phase.OPTIMIZER);
        double loss = gradient[(int) layout.place(Model.LOSS).start()];
        FlatLayout.Range tasks = layout.place(Model.TASK_LOSSES);
        done.add(new Done(loss, Arrays.copyOfRange(gradient, (int) tasks.start(), (int) tasks.end()), (double)
                ready.batch().globalGraphs()));
        if (Double.isFinite(loss)) { // else the trainer stops
            update(learningRate);
        }
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

    private void update(double learningRate) {
        if (settings.gradientClipNorm() != null) {
            optimizer.clip(gradient, settings.gradientClipNorm());
        }
        optimizer.step(state.values(), gradient, learningRate);
        storeBuffers(state, comm.size());
        Double decay = settings.emaDecay();
        if (decay != null) {
            state.moveAverage(decay);
            storeBuffers(state.average(), comm.size());
        }
    }

    /// Takes one output of the program as soon as it is there; starts the sum of its bucket if it was the last one
    /// missing.
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

    /// Buffers become the mean over `ranks`, so that replicas stay equal.
    private void storeBuffers(ModelState state, int ranks) {
        layout.buffers().forEach((name, from) -> {
            HostView view = state.find(name);
            for (int i = 0; i < view.volume(); i++) {
                view.set(i, gradient[(int) from.start() + i] / ranks);
            }
        });
    }

    @Override
    public void report(boolean all, Losses losses) {
        done.forEach(step -> losses.add(step.loss, step.tasks, step.globalGraphs));
        done.clear();
    }

    @Override
    public Supplier<Checkpoint.Values> save() {
        Map<String, double[]> slots = new HashMap<>();
        optimizer.state().forEach((name, slot) -> slots.put(name, state.layout().withoutGaps(at -> slot[(int) at])));
        Checkpoint.Values values = new Checkpoint.Values(
                state.snapshot(), new Checkpoint.OptimizerState(optimizer.rule().kind(), optimizer.steps(), slots));
        return () -> values;
    }

    @Override
    public void load(Checkpoint.OptimizerState saved) {
        saved.require(optimizer.rule());
        Map<String, double[]> slots = new HashMap<>();
        saved.slots().forEach((name, values) -> {
            double[] slot = new double[(int) state.layout().trained()];
            state.layout().withGaps(values, (at, value) -> slot[(int) at] = value);
            slots.put(name, slot);
        });
        optimizer.load(saved.steps(), slots);
    }

    @Override
    public int messages() {
        return layout.buckets().size();
    }

    @Override
    public void close() {
        executor.close();
    }
}
