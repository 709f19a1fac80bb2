package org.iolaus.train.loop;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Supplier;
import org.iolaus.attention.gps.GpsEngine;
import org.iolaus.comm.Comm;
import org.iolaus.data.BatchLoader;
import org.iolaus.data.Batching;
import org.iolaus.data.DataException;
import org.iolaus.data.EpochPlan;
import org.iolaus.data.ShardSet;
import org.iolaus.data.Split;
import org.iolaus.model.Model;
import org.iolaus.nn.Parameters;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.Training;
import org.iolaus.train.TrainingException;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.checkpoint.CheckpointStore;
import org.iolaus.train.engine.DeviceEngine;
import org.iolaus.train.engine.Engine;
import org.iolaus.train.engine.MemoryPrediction;
import org.iolaus.train.engine.ModelState;
import org.iolaus.train.engine.StepProfile;
import org.iolaus.train.engine.StepProfile.Phase;
import org.iolaus.train.engine.TrainingStep;
import org.iolaus.train.inputs.BatchInputs;
import org.iolaus.train.inputs.Bucket;
import org.iolaus.train.inputs.Columns;
import org.iolaus.train.inputs.ReadyBatch;
import org.iolaus.train.optimize.BestMetric;
import org.iolaus.train.optimize.EarlyStopping;
import org.iolaus.train.optimize.ReduceLROnPlateau;
import org.iolaus.train.report.JsonLine;
import org.iolaus.train.report.Metrics;
import org.iolaus.train.report.MetricsLog;
import org.iolaus.train.report.Progress;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Trains a model over all ranks: steps, epochs, schedules, checkpoints. Whatever decides how the run goes
/// on is computed from values that all ranks share, so they decide alike.
public final class Trainer implements AutoCloseable {
    private static final long DRAWS = 0x9E3779B97F4A7C15L;
    private static final Logger LOG = LoggerFactory.getLogger(Trainer.class);

    private final Comm comm;
    private final ModelState state;
    private final List<Parameters.Spec> projections;
    private final ShardSet shards;
    private final Training settings;
    private final Batching batching;
    private final Checkpoint.Run run;
    private final Path folder;

    private final BatchInputs inputs;
    private final Engine engine;
    private final TrainingStep trainingStep;
    private final Evaluator evaluator;
    private final ReduceLROnPlateau schedule;
    private final EarlyStopping earlyStopping;
    private final BestMetric best;
    private final Metrics epochMetrics;
    private final StepProfile profile = new StepProfile();
    private final @Nullable MetricsLog log;
    private final @Nullable CheckpointStore store;
    private final Progress progress;

    /// Reads the next epoch's first batches while this one ends.
    private @Nullable BatchLoader<ReadyBatch> ahead;

    private String profileLine = "";
    private int epoch;
    private int step;
    private int reported;
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
            Engine engine,
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
        this.engine = setup.engine;
        Checkpoint resume = setup.resume;
        int first = resume == null ? settings.epochStart() : resume.position().epoch();
        comm.rootFirst(() -> {
            for (Split split : List.of(Split.TRAIN, Split.VALIDATION, Split.TEST)) {
                EpochPlan.complete(shards.index(), split, batching, 1); // no graph is beyond the budget
            }
            return RunBatches.plan(shards.index(), settings, first, comm.size());
        });
        RunBatches batches = new RunBatches(inputs, shards.index(), settings, comm.size(), comm.rank());
        boolean prepares = setup.engine instanceof DeviceEngine;
        Set<Bucket> training = prepares ? batches.training(first) : Set.of();
        Set<Bucket> evaluation = prepares ? batches.evaluation() : Set.of();
        requireRoom(setup, training, evaluation);
        this.trainingStep = setup.engine.training(setup.model, state, inputs, settings, profile);
        this.evaluator = new Evaluator(comm, setup.model, state.evaluated(), setup.columns, setup.engine);
        this.epochMetrics = evaluator.metrics();
        this.projections = setup.model.parameters().specs().values().stream()
                .filter(spec -> GpsEngine.isProjection(spec.name()))
                .toList();
        this.schedule = new ReduceLROnPlateau(
                settings.reduceLrOnPlateau(), settings.optimizer().learningRate());
        this.earlyStopping = new EarlyStopping(settings.patience());
        this.best = new BestMetric(settings.checkpointWarmup());
        this.epoch = settings.epochStart();
        comm.rootFirst(() -> {
            if (resume != null) {
                restore(resume);
            }
            return epoch;
        });
        trainingStep.reserve(training);
        evaluator.reserve(evaluation);
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

    /// Finds out before anything is allocated whether there is memory for the largest batches of the run.
    private static void requireRoom(Setup setup, Set<Bucket> training, Set<Bucket> evaluation) {
        if (setup.engine instanceof DeviceEngine device) {
            MemoryPrediction.of(setup.model, setup.settings, device.precision(), training, evaluation)
                    .requireRoom(
                            device.freeBytes(),
                            device.deviceName(),
                            setup.settings,
                            training.stream().reduce(new Bucket(0, 0, 0, 0), Bucket::or));
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
        reported = step;
        BatchLoader<ReadyBatch> loader = ahead == null ? read(epoch, step) : ahead;
        ahead = null;
        EpochPlan plan = loader.plan();
        progress.begin("epoch " + epoch, step, plan.steps());
        long edges = 0;
        Metrics validation;
        Map<Phase, Double> seconds;
        double trained;
        try (loader;
                BatchLoader<ReadyBatch> unseen = evaluator.read(shards, Split.VALIDATION, batching)) {
            while (loader.hasNext()) {
                drawProjections();
                for (int microBatch = 1; microBatch <= plan.microBatches(); microBatch++) {
                    profile.enter(Phase.DATA);
                    ReadyBatch batch = loader.next();
                    edges += batch.batch().edges();
                    if (microBatch < plan.microBatches()) {
                        trainingStep.accumulate(batch);
                    } else {
                        trainingStep.step(batch, learningRate(plan, step));
                    }
                }
                step++;
                globalStep++;
                trainingStep.report(false, this::account);
                progress.step(String.format(Locale.ROOT, "loss %.4g", epochMetrics.loss()));
                if (loader.hasNext() && due(settings.checkpointEverySteps())) {
                    checkpoint(false);
                }
            }
            if (epoch + 1 < settings.numEpoch()) {
                ahead = read(epoch + 1, 0);
            }
            trainingStep.report(true, this::account);
            seconds = profile.seconds();
            profileLine = profile.summary();
            trained = (System.nanoTime() - began) * 1e-9;
            validation = evaluator.run(unseen, shards.index().statistics(), null);
        }
        boolean measured = validation.sums()[0] > 0;
        double metric = measured ? validation.loss() : epochMetrics.loss();
        double rate = learningRate(plan, plan.steps() - 1);
        schedule.step(metric);
        boolean improved = best.offer(epoch, metric);
        boolean stop = earlyStopping.step(metric) && settings.earlyStopping();
        double total = (System.nanoTime() - began) * 1e-9;
        report(validation, rate, improved, seconds, trained, total, edges);
        if (comm.size() > 1) {
            Replicas.requireEqual(comm, trainingStep.save().get(), "epoch " + epoch);
        }
        epoch++;
        step = 0;
        checkpoint(improved);
        if (stop && comm.isRoot()) {
            LOG.info("early stopping: no better validation loss for {} epochs", settings.patience());
        }
        return !stop;
    }

    /// Gives attention with random features new ones when they are due.
    private void drawProjections() {
        Integer interval = settings.globalAttnRedrawInterval();
        if (projections.isEmpty() || interval == null || (globalStep + 1) % interval != 0) {
            return;
        }
        Checkpoint.Values saved = trainingStep.save().get();
        state.set(saved.model());
        long seed = settings.seed() ^ ((globalStep + 1) / interval * DRAWS);
        for (Parameters.Spec spec : projections) {
            state.set(spec.name(), Parameters.initial(spec, seed));
            state.evaluated().set(spec.name(), Parameters.initial(spec, seed));
        }
        trainingStep.load(saved.optimizer());
    }

    /// The learning rate of a step of this epoch.
    private double learningRate(EpochPlan plan, int step) {
        Training.CosineWithWarmup cosine = settings.cosineWithWarmup();
        double rate = schedule.learningRate();
        if (cosine == null) {
            return rate;
        }
        double done = epoch - settings.epochStart() + (double) step / plan.steps();
        return rate * cosine.factor(done, settings.numEpoch() - settings.epochStart());
    }

    /// Begins to read what this rank trains on in an epoch.
    private BatchLoader<ReadyBatch> read(int epoch, int firstStep) {
        EpochPlan plan = RunBatches.plan(shards.index(), settings, epoch, comm.size());
        return new BatchLoader<>(shards, plan, comm.rank(), firstStep, batch -> engine.ready(inputs, batch));
    }

    private boolean due(@Nullable Integer every) {
        return every != null && globalStep % every == 0;
    }

    /// All ranks see the same sum, so all of them stop.
    private void account(double loss, double[] tasks, double globalGraphs) {
        reported++;
        if (!Double.isFinite(loss)) {
            throw new TrainingException(
                    "epoch " + epoch + ", step " + (reported - 1) + ": want a finite loss, got " + loss
                            + "; a smaller learning_rate or gradient_clip_norm may help"
                            + (settings.checkpoint() ? "; the last checkpoint is kept" : ""));
        }
        epochMetrics.addLoss(loss, tasks, globalGraphs);
    }

    private void checkpoint(boolean improved) {
        CheckpointStore target = store;
        MetricsLog written = log;
        if (!settings.checkpoint()) {
            return;
        }
        trainingStep.report(true, this::account);
        if (target == null || written == null) {
            return;
        }
        Supplier<Checkpoint.Values> saved = trainingStep.save();
        ReduceLROnPlateau.State scheduled = schedule.state();
        EarlyStopping.State stopping = earlyStopping.state();
        BestMetric.State bestSoFar = best.state();
        Checkpoint.Position position = new Checkpoint.Position(epoch, step, globalStep);
        HostTensor sums = new HostTensor(
                new int[] {1, epochMetrics.sums().length}, epochMetrics.sums().clone());
        MetricsLog.Position lines = written.position();
        target.write(
                () -> {
                    written.force();
                    Checkpoint.Values values = saved.get();
                    return new Checkpoint(
                            values.model(),
                            values.optimizer(),
                            scheduled,
                            stopping,
                            bestSoFar,
                            position,
                            run,
                            sums,
                            lines);
                },
                improved);
    }

    private void restore(Checkpoint saved) {
        if (saved.run().ranks() != comm.size() && saved.position().step() > 0) {
            throw new DataException("checkpoint of the middle of an epoch: want the "
                    + saved.run().ranks() + " ranks that it was made with, got " + comm.size());
        }
        if (settings.emaDecay() != null) {
            saved.model().averages().forEach(state.average()::set);
        }
        trainingStep.load(saved.optimizer());
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
        return trainingStep.messages();
    }

    @Override
    public void close() {
        progress.close();
        if (ahead != null) {
            ahead.close();
        }
        trainingStep.close();
        evaluator.close();
        if (store != null) {
            store.close();
        }
        if (log != null) {
            log.close();
        }
    }
}
