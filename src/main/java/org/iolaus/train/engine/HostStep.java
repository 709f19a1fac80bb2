package org.iolaus.train.engine;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.function.Supplier;
import org.iolaus.comm.Comm;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.model.Model;
import org.iolaus.nn.Parameters;
import org.iolaus.tensor.HostView;
import org.iolaus.train.Training;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.engine.StepProfile.Phase;
import org.iolaus.train.inputs.BatchInputs;
import org.iolaus.train.inputs.Bucket;
import org.iolaus.train.inputs.ReadyBatch;
import org.iolaus.train.optimize.Optimizer;
import org.iolaus.train.optimize.UpdateRule;

/// A training step on the host; each is done when [#step] returns.
final class HostStep implements TrainingStep {
    /// Shared besides the gradient: the loss, then its terms, then the buffers that a step sets.
    private static final int LOSS = 0;

    private final Comm comm;
    private final CpuExecutor executor;
    private final ModelState state;
    private final Training settings;
    private final StepProfile profile;
    private final SharedValues values;
    private final GradientBuckets buckets;
    private final Optimizer optimizer;
    private final List<Done> done = new ArrayList<>();
    /// Whether the gradient holds that of earlier batches of this step.
    private boolean begun;

    @SuppressWarnings("ArrayRecordComponent")
    private record Done(double loss, double[] tasks, double globalGraphs) {}

    HostStep(Comm comm, CpuExecutor executor, Model model, ModelState state, Training settings, StepProfile profile) {
        this.comm = comm;
        this.executor = executor;
        this.state = state;
        this.settings = settings;
        this.profile = profile;
        if (settings.emaDecay() != null) {
            state.average(); // begins before the first step
        }
        this.values = SharedValues.of(executor.program(), state);
        int shared = 1
                + values.tasks()
                + values.buffers().values().stream().mapToInt(Integer::intValue).sum();
        long bucketBytes = (long) settings.gradientBucketMib() << 20;
        this.buckets = new GradientBuckets(comm, model.parameters(), state, bucketBytes, shared);
        List<Parameters.Group> noDecay = settings.optimizer().noDecay();
        this.optimizer = new Optimizer(
                UpdateRule.of(settings.optimizer()),
                state.trained().length,
                List.of(),
                state.ranges(spec -> noDecay.contains(spec.group())));
    }

    @Override
    public void reserve(Collection<Bucket> buckets) {}

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
        buckets.await();
        profile.enter(Phase.OPTIMIZER);
        double[] shared = buckets.shared();
        int from = LOSS + 1;
        double[] tasks = Arrays.copyOfRange(shared, from, from + values.tasks());
        done.add(new Done(shared[LOSS], tasks, (double) ready.batch().globalGraphs()));
        if (Double.isFinite(shared[LOSS])) { // else the trainer stops
            update(learningRate);
        }
        profile.endStep();
    }

    private void differentiate(ReadyBatch ready, boolean last) {
        profile.enter(Phase.FORWARD);
        BatchInputs.Bound bound = ready.inputs();
        if (!begun) {
            Arrays.fill(buckets.shared(), 0);
        }
        buckets.begin(begun, last);
        executor.run(bound.floats(), bound.indices(), state, this::take);
    }

    private void update(double learningRate) {
        double[] gradient = buckets.gradient();
        if (settings.gradientClipNorm() != null) {
            optimizer.clip(gradient, settings.gradientClipNorm());
        }
        optimizer.step(state.trained(), gradient, learningRate);
        storeBuffers(state, comm.size());
        Double decay = settings.emaDecay();
        if (decay != null) {
            state.moveAverage(decay);
            storeBuffers(state.average(), comm.size());
        }
    }

    /// Takes one output of the program as soon as it is there.
    private void take(String name, HostView value) {
        if (name.startsWith(Model.GRADIENT)) {
            buckets.put(name.substring(Model.GRADIENT.length()), value);
        } else if (name.equals(Model.LOSS)) {
            addToShared(LOSS, value);
            profile.enter(Phase.BACKWARD);
        } else if (name.equals(Model.TASK_LOSSES)) {
            addToShared(LOSS + 1, value);
        } else {
            String buffer = name.substring(Model.BUFFER_AFTER.length());
            System.arraycopy(value.data(), value.offset(), buckets.shared(), sharedOffset(buffer), value.volume());
        }
    }

    private void addToShared(int at, HostView value) {
        for (int i = 0; i < value.volume(); i++) {
            buckets.shared()[at + i] += value.get(i);
        }
    }

    private int sharedOffset(String buffer) {
        int offset = LOSS + 1 + values.tasks();
        for (var entry : values.buffers().entrySet()) {
            if (entry.getKey().equals(buffer)) {
                break;
            }
            offset += entry.getValue();
        }
        return offset;
    }

    /// Buffers become the mean over `ranks`, so that replicas stay equal.
    private void storeBuffers(ModelState state, int ranks) {
        for (String buffer : values.buffers().keySet()) {
            HostView view = state.find(buffer);
            int offset = sharedOffset(buffer);
            for (int i = 0; i < view.volume(); i++) {
                view.set(i, buckets.shared()[offset + i] / ranks);
            }
        }
    }

    @Override
    public void report(boolean all, Losses losses) {
        done.forEach(step -> losses.add(step.loss, step.tasks, step.globalGraphs));
        done.clear();
    }

    @Override
    public Supplier<Checkpoint.Values> save() {
        Checkpoint.Values values = new Checkpoint.Values(state.snapshot(), Checkpoint.OptimizerState.of(optimizer));
        return () -> values;
    }

    @Override
    public void load(Checkpoint.OptimizerState saved) {
        saved.require(optimizer.rule());
        optimizer.load(saved.steps(), saved.slots());
    }

    @Override
    public int messages() {
        return buckets.messages();
    }

    @Override
    public void close() {
        executor.close();
    }
}
