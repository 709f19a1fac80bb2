package org.iolaus.train;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.iolaus.comm.Comm;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.data.Batch;
import org.iolaus.data.BatchLoader;
import org.iolaus.data.Batching;
import org.iolaus.data.DataException;
import org.iolaus.data.EpochPlan;
import org.iolaus.data.ShardSet;
import org.iolaus.data.Split;
import org.iolaus.model.Model;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.HostView;
import org.iolaus.train.StepProfile.Phase;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Trains a model over all ranks: steps, epochs, schedules, checkpoints. Whatever decides how the run goes
/// on is computed from values that all ranks share, so they decide alike.
public final class Trainer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Trainer.class);

    /// Shared besides the gradient: the loss, then its terms, then the buffers that a step sets.
    private static final int LOSS = 0;

    private final Comm comm;
    private final ModelState state;
    private final ShardSet shards;
    private final Training settings;
    private final Batching batching;
    private final Checkpoint.Run run;
    private final Path folder;

    private final BatchInputs inputs;
    private final CpuExecutor executor;
    private final Evaluator evaluator;
    private final GradientBuckets buckets;
    private final Optimizer optimizer;
    private final ReduceLROnPlateau schedule;
    private final EarlyStopping earlyStopping;
    private final BestMetric best;
    private final Metrics epochMetrics;
    private final List<String> updatedBuffers;
    private final StepProfile profile = new StepProfile();
    private final @Nullable MetricsLog log;
    private final @Nullable CheckpointStore store;
    private final Progress progress;

    private String profileLine = "";
    private int epoch;
    private int step;
    private long globalStep;

    /// What a run is made of.
    ///
    /// @param folder where logs and checkpoints go
    /// @param verbosity 0: nothing is said of epochs
    /// @param runLine first line of `metrics.jsonl`
    /// @param resume checkpoint to go on from; its parameters are in `state` already
    public record Setup(
            Model model,
            ModelState state,
            Columns columns,
            ShardSet shards,
            Training settings,
            CpuExecutor.Options options,
            Checkpoint.Run run,
            Path folder,
            int verbosity,
            JsonLine runLine,
            @Nullable Checkpoint resume) {}

    public Trainer(Comm comm, Setup setup) {
        this.comm = comm;
        this.state = setup.state;
        this.shards = setup.shards;
        this.settings = setup.settings;
        this.batching = batching(settings);
        this.run = setup.run;
        this.folder = setup.folder;
        this.inputs = new BatchInputs(setup.model, setup.columns, comm.size());
        this.executor = new CpuExecutor(setup.model.train(), setup.options);
        this.evaluator = new Evaluator(comm, setup.model, state, setup.columns, setup.options);
        this.updatedBuffers = executor.outputNames().stream()
                .filter(name -> name.startsWith(Model.BUFFER_AFTER))
                .map(name -> name.substring(Model.BUFFER_AFTER.length()))
                .toList();
        this.epochMetrics = evaluator.metrics();
        int shared = 1 + epochMetrics.tasks().size();
        for (String buffer : updatedBuffers) {
            shared += state.find(buffer).volume();
        }
        long bucketBytes = (long) settings.gradientBucketMib() << 20;
        this.buckets = new GradientBuckets(comm, setup.model.parameters(), state, bucketBytes, shared);
        this.optimizer = new Optimizer(UpdateRule.of(settings.optimizer()), state.trained().length, List.of());
        this.schedule = new ReduceLROnPlateau(
                settings.reduceLrOnPlateau(), settings.optimizer().learningRate());
        this.earlyStopping = new EarlyStopping(settings.patience());
        this.best = new BestMetric(settings.checkpointWarmup());
        this.epoch = settings.epochStart();
        Checkpoint resume = setup.resume;
        comm.rootFirst(() -> {
            if (resume != null) {
                restore(resume);
            }
            for (Split split : List.of(Split.TRAIN, Split.VALIDATION, Split.TEST)) {
                EpochPlan.complete(shards.index(), split, batching, 1); // no graph is beyond the budget
            }
            return plan();
        });
        comm.barrier(); // all ranks are ready; from here on files are written
        boolean root = comm.isRoot();
        this.log =
                root ? new MetricsLog(folder, logColumns(), setup.runLine, resume == null ? null : resume.log()) : null;
        this.store = root && settings.checkpoint() ? new CheckpointStore(folder, settings.keepCheckpoints()) : null;
        this.progress = new Progress(root && setup.verbosity > 0);
        if (store != null && resume == null) {
            store.clear();
        }
    }

    /// How the configuration gathers graphs into batches.
    public static Batching batching(Training settings) {
        Training.Batching given = settings.batching();
        Batching.Oversized oversized =
                Batching.Oversized.valueOf(given.oversizedSample().name());
        return switch (given.mode()) {
            case FIXED -> new Batching(Batching.Mode.FIXED, settings.batchSize(), 0, oversized, given.dropLast());
            case NODE_BUDGET -> budget(Batching.Mode.NODE_BUDGET, given.maxNodes(), given, oversized);
            case EDGE_BUDGET -> budget(Batching.Mode.EDGE_BUDGET, given.maxEdges(), given, oversized);
        };
    }

    private static Batching budget(
            Batching.Mode mode, @Nullable Integer most, Training.Batching given, Batching.Oversized oversized) {
        int graphs = given.maxGraphs() == null ? Integer.MAX_VALUE : given.maxGraphs();
        return new Batching(mode, graphs, Objects.requireNonNull(most), oversized, given.dropLast());
    }

    /// Trains to the last epoch or until the validation loss stops improving.
    public void run() {
        comm.startupDone();
        boolean going = true;
        while (going && epoch < settings.numEpoch()) {
            going = epoch();
        }
        progress.close();
        if (store != null) {
            store.await();
        }
        comm.barrier();
    }

    /// One pass over the training frames from the current step, then validation.
    ///
    /// @return whether to go on
    private boolean epoch() {
        long began = System.nanoTime();
        profile.reset();
        if (step == 0) {
            epochMetrics.reset();
        }
        EpochPlan plan = plan();
        progress.begin("epoch " + epoch, step, plan.steps());
        long edges = 0;
        try (BatchLoader loader = new BatchLoader(shards, plan, comm.rank(), step)) {
            while (loader.hasNext()) {
                profile.enter(Phase.DATA);
                Batch batch = loader.next();
                edges += batch.edges();
                step(batch);
                progress.step(String.format(Locale.ROOT, "loss %.4g", epochMetrics.loss()));
                if (loader.hasNext() && due(settings.checkpointEverySteps())) {
                    checkpoint(false);
                }
            }
        }
        Map<Phase, Double> seconds = profile.seconds();
        profileLine = profile.summary();
        double trained = (System.nanoTime() - began) * 1e-9;
        Metrics validation = evaluator.run(shards, Split.VALIDATION, batching, null);
        boolean measured = validation.sums()[0] > 0;
        double metric = measured ? validation.loss() : epochMetrics.loss();
        double rate = schedule.learningRate();
        schedule.step(metric);
        boolean improved = best.offer(epoch, metric);
        boolean stop = earlyStopping.step(metric) && settings.earlyStopping();
        double total = (System.nanoTime() - began) * 1e-9;
        report(validation, rate, improved, seconds, trained, total, edges);
        epoch++;
        step = 0;
        checkpoint(improved);
        if (stop && comm.isRoot()) {
            LOG.info("early stopping: no better validation loss for {} epochs", settings.patience());
        }
        return !stop;
    }

    private EpochPlan plan() {
        Long own = settings.batching().seed();
        long seed = own == null ? settings.seed() : own;
        return EpochPlan.training(shards.index(), batching, seed, epoch, comm.size());
    }

    private boolean due(@Nullable Integer every) {
        return every != null && globalStep % every == 0;
    }

    /// Forward, backward with the gradient's all-reduce on its way, clip, update.
    private void step(Batch batch) {
        profile.enter(Phase.FORWARD);
        BatchInputs.Bound bound = inputs.bind(batch);
        buckets.begin();
        executor.run(bound.floats(), bound.indices(), state, this::take);
        profile.enter(Phase.ALL_REDUCE);
        buckets.await();
        double loss = buckets.shared()[LOSS];
        requireFinite(loss);
        profile.enter(Phase.OPTIMIZER);
        double[] gradient = buckets.gradient();
        if (settings.gradientClipNorm() != null) {
            optimizer.clip(gradient, settings.gradientClipNorm());
        }
        optimizer.step(state.trained(), gradient, schedule.learningRate());
        storeBuffers();
        double[] tasks = new double[epochMetrics.tasks().size()];
        System.arraycopy(buckets.shared(), LOSS + 1, tasks, 0, tasks.length);
        epochMetrics.addLoss(loss, tasks, (double) batch.globalGraphs());
        step++;
        globalStep++;
        profile.endStep();
    }

    /// Takes one output of the program as soon as it is there.
    private void take(String name, HostView value) {
        if (name.startsWith(Model.GRADIENT)) {
            buckets.put(name.substring(Model.GRADIENT.length()), value);
        } else if (name.equals(Model.LOSS)) {
            System.arraycopy(value.data(), value.offset(), buckets.shared(), LOSS, 1);
            profile.enter(Phase.BACKWARD);
        } else if (name.equals(Model.TASK_LOSSES)) {
            System.arraycopy(value.data(), value.offset(), buckets.shared(), LOSS + 1, value.volume());
        } else {
            String buffer = name.substring(Model.BUFFER_AFTER.length());
            System.arraycopy(value.data(), value.offset(), buckets.shared(), sharedOffset(buffer), value.volume());
        }
    }

    private int sharedOffset(String buffer) {
        int offset = LOSS + 1 + epochMetrics.tasks().size();
        for (String name : updatedBuffers) {
            if (name.equals(buffer)) {
                break;
            }
            offset += state.find(name).volume();
        }
        return offset;
    }

    /// Buffers become the mean over ranks, so that replicas stay equal.
    private void storeBuffers() {
        for (String buffer : updatedBuffers) {
            HostView view = state.find(buffer);
            int offset = sharedOffset(buffer);
            for (int i = 0; i < view.volume(); i++) {
                view.set(i, buckets.shared()[offset + i] / comm.size());
            }
        }
    }

    /// All ranks see the same sum, so all of them stop.
    private void requireFinite(double loss) {
        if (!Double.isFinite(loss)) {
            throw new TrainingException("epoch " + epoch + ", step " + step + ": want a finite loss, got " + loss
                    + "; a smaller learning_rate or gradient_clip_norm may help"
                    + (settings.checkpoint() ? "; the last checkpoint is kept" : ""));
        }
    }

    private void checkpoint(boolean improved) {
        CheckpointStore target = store;
        MetricsLog written = log;
        if (target == null || written == null) {
            return;
        }
        target.write(
                new Checkpoint(
                        state.snapshot(),
                        Checkpoint.OptimizerState.of(optimizer),
                        schedule.state(),
                        earlyStopping.state(),
                        best.state(),
                        new Checkpoint.Position(epoch, step, globalStep),
                        run,
                        new HostTensor(
                                new int[] {1, epochMetrics.sums().length},
                                epochMetrics.sums().clone()),
                        written.position()),
                improved);
    }

    private void restore(Checkpoint saved) {
        if (saved.run().ranks() != comm.size() && saved.position().step() > 0) {
            throw new DataException("checkpoint of the middle of an epoch: want the "
                    + saved.run().ranks() + " ranks that it was made with, got " + comm.size());
        }
        UpdateRule rule = optimizer.rule();
        Checkpoint.OptimizerState kept = saved.optimizer();
        if (!kept.kind().equals(rule.kind()) || !kept.slots().keySet().equals(Set.copyOf(rule.slots()))) {
            throw new DataException("checkpoint of another optimizer: want %s with %s, got %s with %s"
                    .formatted(
                            rule.kind(), rule.slots(), kept.kind(), kept.slots().keySet()));
        }
        optimizer.load(saved.optimizer().steps(), saved.optimizer().slots());
        schedule.load(saved.schedule());
        earlyStopping.load(saved.earlyStopping());
        best.load(saved.best());
        epochMetrics.load(saved.sums().data());
        epoch = saved.position().epoch();
        step = saved.position().step();
        globalStep = saved.position().globalStep();
    }

    private List<String> logColumns() {
        List<String> columns = new ArrayList<>(List.of("epoch", "step", "learning_rate", "train_loss"));
        epochMetrics.tasks().forEach(task -> columns.add("train_" + task.replace(' ', '_')));
        columns.add("validation_loss");
        epochMetrics.tasks().forEach(task -> columns.add("validation_" + task.replace(' ', '_')));
        for (Metrics.Quantity quantity : epochMetrics.quantities()) {
            columns.add("validation_mae_" + quantity.name().replace(' ', '_'));
        }
        columns.addAll(List.of("seconds", "seconds_waiting_for_data"));
        return columns;
    }

    private void report(
            Metrics validation,
            double rate,
            boolean improved,
            Map<Phase, Double> seconds,
            double trained,
            double total,
            long edges) {
        MetricsLog target = log;
        if (target == null) {
            return;
        }
        List<Double> row = new ArrayList<>(List.of((double) epoch, (double) globalStep, rate, epochMetrics.loss()));
        for (int task = 0; task < epochMetrics.tasks().size(); task++) {
            row.add(epochMetrics.taskLoss(task));
        }
        row.add(validation.loss());
        for (int task = 0; task < validation.tasks().size(); task++) {
            row.add(validation.taskLoss(task));
        }
        JsonLine line =
                new JsonLine().put("epoch", epoch).put("step", globalStep).put("learning_rate", rate);
        line.put("train_loss", epochMetrics.loss()).put("validation_loss", validation.loss());
        StringBuilder errors = new StringBuilder();
        for (int q = 0; q < validation.quantities().size(); q++) {
            Metrics.Quantity quantity = validation.quantities().get(q);
            double mae = validation.errors(q).mae();
            row.add(mae);
            line.put("validation_mae_" + quantity.name().replace(' ', '_'), mae);
            errors.append(String.format(Locale.ROOT, ", %s MAE %.4g %s", quantity.name(), mae, quantity.unit()));
        }
        double waiting = Objects.requireNonNullElse(seconds.get(Phase.DATA), 0.0);
        row.addAll(List.of(total, waiting));
        target.row(row.stream().mapToDouble(Double::doubleValue).toArray());
        seconds.forEach((phase, value) -> line.put("seconds_" + phase.toString().replace('-', '_'), value));
        line.put("seconds", total).put("edges_per_second", edges / trained);
        target.line(line);
        progress.end(String.format(
                Locale.ROOT,
                "epoch %d: train loss %.4g, validation loss %.4g%s, lr %.3g, %.1f s%s",
                epoch,
                epochMetrics.loss(),
                validation.loss(),
                errors,
                rate,
                total,
                improved ? " *" : ""));
    }

    /// Where the time of the last epoch's steps went, in one line.
    public String profile() {
        return profileLine;
    }

    /// The evaluator of the model that is trained.
    public Evaluator evaluator() {
        return evaluator;
    }

    public long globalStep() {
        return globalStep;
    }

    /// Messages that one step sends to be summed over ranks.
    public int messagesPerStep() {
        return buckets.messages();
    }

    @Override
    public void close() {
        progress.close();
        executor.close();
        evaluator.close();
        if (store != null) {
            store.close();
        }
        if (log != null) {
            log.close();
        }
    }
}
