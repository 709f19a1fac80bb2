package org.iolaus.train.loop;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.iolaus.attention.gps.GpsEngine;
import org.iolaus.comm.Comm;
import org.iolaus.data.BatchLoader;
import org.iolaus.data.DataException;
import org.iolaus.data.EpochPlan;
import org.iolaus.data.ShardSet;
import org.iolaus.data.Split;
import org.iolaus.model.Model;
import org.iolaus.nn.Parameters;
import org.iolaus.train.Training;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.checkpoint.CheckpointStore;
import org.iolaus.train.engine.Engine;
import org.iolaus.train.engine.ModelState;
import org.iolaus.train.engine.StepProfile;
import org.iolaus.train.engine.StepProfile.Phase;
import org.iolaus.train.engine.TrainingStep;
import org.iolaus.train.inputs.BatchInputs;
import org.iolaus.train.inputs.Columns;
import org.iolaus.train.inputs.ReadyBatch;
import org.iolaus.train.report.EpochReport;
import org.iolaus.train.report.JsonLine;
import org.iolaus.train.report.Metrics;
import org.iolaus.train.report.Progress;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Trains a model over all ranks: steps, epochs, validation, checkpoints.
public final class Trainer implements AutoCloseable {
    private static final long DRAWS = 0x9E3779B97F4A7C15L;
    private static final Logger LOG = LoggerFactory.getLogger(Trainer.class);

    private final Comm comm;
    private final Setup setup;
    private final Training settings;
    private final BatchInputs inputs;
    private final RunBatches batches;
    private final TrainingStep trainingStep;
    private final Evaluator evaluator;
    private final RunState run;
    private final StepProfile profile = new StepProfile();
    private final Progress progress;
    private final List<Parameters.Spec> projections;
    /// Of rank zero.
    private final @Nullable RunFiles files;

    /// Reads the next epoch's first batches while this one ends.
    private @Nullable BatchLoader<ReadyBatch> ahead;

    private String profileLine = "";
    private int reported;

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
            CheckpointStore.@Nullable Found resume) {}

    /// Gets everything ready for the first step. No file is written or moved before all ranks have found everything
    /// in order. A collective.
    public Trainer(Comm comm, Setup setup) {
        this.comm = comm;
        this.setup = setup;
        this.settings = setup.settings;
        this.inputs = new BatchInputs(setup.model, setup.columns, comm.size());
        this.batches = new RunBatches(
                inputs, setup.shards.index(), settings, new EpochPlan.Ranks(comm.rank(), comm.size(), comm::sum));
        comm.rootFirst(batches::check);
        Checkpoint resume = setup.resume == null ? null : setup.resume.checkpoint();
        int firstEpoch =
                resume == null ? settings.epochStart() : resume.position().epoch();
        Engine.BatchSizes sizes =
                setup.engine.prepare(setup.model, settings, () -> batches.training(firstEpoch), batches::evaluation);
        this.trainingStep = setup.engine.training(setup.model, setup.state, settings, profile);
        this.evaluator = new Evaluator(comm, setup.model, setup.state.evaluated(), setup.columns, setup.engine);
        this.run = new RunState(settings, evaluator.metrics());
        this.projections = setup.model.parameters().specs().values().stream()
                .filter(spec -> GpsEngine.isProjection(spec.name()))
                .toList();
        if (resume != null) {
            comm.rootFirst(() -> restore(resume));
        }
        trainingStep.reserve(sizes.training());
        evaluator.reserve(sizes.evaluation());
        comm.barrier(); // all ranks are ready
        this.progress = new Progress(comm.isRoot() && setup.verbosity > 0);
        this.files = comm.isRoot() ? new RunFiles(setup, EpochReport.columns(run.losses())) : null;
    }

    private RunState restore(Checkpoint saved) {
        if (saved.run().ranks() != comm.size() && saved.position().step() > 0) {
            throw new DataException("checkpoint of the middle of an epoch: want the "
                    + saved.run().ranks() + " ranks that it was made with, got " + comm.size());
        }
        if (settings.emaDecay() != null) {
            saved.model().averages().forEach(setup.state.average()::set);
        }
        trainingStep.load(saved.optimizer());
        run.load(saved);
        return run;
    }

    /// Trains to the last epoch or until the validation loss stops improving. The final model is then on disk.
    public void run() {
        comm.startupDone();
        while (!run.isOver()) {
            epoch();
        }
        progress.close();
        if (files != null) {
            files.await();
        }
        comm.barrier();
    }

    /// The steps that are left of an epoch, then validation, and what follows from it.
    private void epoch() {
        long began = System.nanoTime();
        int epoch = run.epoch();
        BatchLoader<ReadyBatch> loader = loader();
        int steps = loader.plan().steps();
        long edges;
        double trained;
        Map<String, Double> phases;
        Metrics validation;
        try (loader;
                BatchLoader<ReadyBatch> unseen = evaluator.read(setup.shards, Split.VALIDATION, batches.batching())) {
            edges = train(loader);
            readAhead(epoch + 1);
            trainingStep.report(true, this::account);
            phases = profile.secondsByName();
            profileLine = profile.summary();
            trained = seconds(began);
            validation = evaluator.run(unseen, setup.shards.index().statistics(), null);
        }
        double rate = run.learningRate(steps - 1, steps);
        boolean measured = validation.sums()[0] > 0;
        boolean best = run.endEpoch(measured ? validation.loss() : run.losses().loss());
        report(new EpochReport(
                epoch,
                run.globalStep(),
                rate,
                run.losses(),
                validation,
                best,
                phases,
                seconds(began),
                edges / trained));
        if (comm.size() > 1) {
            Replicas.requireEqual(comm, trainingStep.save().get(), "epoch " + epoch);
        }
        save(settings.checkpoint() || run.isOver(), best);
        if (run.isStopped() && comm.isRoot()) {
            LOG.info("early stopping: no better validation loss for {} epochs", settings.patience());
        }
    }

    private void report(EpochReport report) {
        if (files != null) {
            files.report(report);
        }
        progress.end(report.summary());
    }

    /// What this rank trains on in the running epoch.
    private BatchLoader<ReadyBatch> loader() {
        BatchLoader<ReadyBatch> started = ahead;
        ahead = null;
        return started == null ? read(run.epoch(), run.step()) : started;
    }

    private void readAhead(int epoch) {
        if (epoch < settings.numEpoch()) {
            ahead = read(epoch, 0);
        }
    }

    private BatchLoader<ReadyBatch> read(int epoch, int firstStep) {
        return new BatchLoader<>(
                setup.shards, batches.plan(epoch), comm.rank(), firstStep, batch -> setup.engine.ready(inputs, batch));
    }

    /// Makes the steps that are left of the epoch.
    ///
    /// @return edges of this rank's batches
    private long train(BatchLoader<ReadyBatch> loader) {
        profile.reset();
        reported = run.step();
        if (run.step() == 0) {
            run.losses().reset();
        }
        progress.begin("epoch " + run.epoch(), run.step(), loader.plan().steps());
        long edges = 0;
        while (loader.hasNext()) {
            edges += step(loader);
            progress.step(String.format(Locale.ROOT, "loss %.4g", run.losses().loss()));
            Integer every = settings.checkpointEverySteps();
            if (every != null && run.globalStep() % every == 0 && loader.hasNext()) {
                save(settings.checkpoint(), false);
            }
        }
        return edges;
    }

    /// One step: the gradients of its micro-batches add up, and the last of them completes it.
    ///
    /// @return edges of this rank's batches
    private long step(BatchLoader<ReadyBatch> loader) {
        drawProjections();
        EpochPlan plan = loader.plan();
        double rate = run.learningRate(run.step(), plan.steps());
        long edges = 0;
        for (int left = plan.microBatches(); left > 0; left--) {
            profile.enter(Phase.DATA);
            ReadyBatch batch = loader.next();
            edges += batch.batch().edges();
            if (left > 1) {
                trainingStep.accumulate(batch);
            } else {
                trainingStep.step(batch, rate);
            }
        }
        run.endStep();
        trainingStep.report(false, this::account);
        return edges;
    }

    /// Gives attention with random features new ones when they are due.
    private void drawProjections() {
        Integer interval = settings.globalAttnRedrawInterval();
        long next = run.globalStep() + 1;
        if (projections.isEmpty() || interval == null || next % interval != 0) {
            return;
        }
        ModelState state = setup.state;
        Checkpoint.Values saved = trainingStep.save().get();
        state.set(saved.model());
        long seed = settings.seed() ^ (next / interval * DRAWS);
        for (Parameters.Spec spec : projections) {
            state.set(spec.name(), Parameters.initial(spec, seed));
            state.evaluated().set(spec.name(), Parameters.initial(spec, seed));
        }
        trainingStep.load(saved.optimizer());
    }

    /// Takes the result of a step. All ranks see the same sums, so all of them stop at the same one.
    private void account(TrainingStep.Result result) {
        result.requireFinite(
                "epoch " + run.epoch() + ", step " + reported++,
                "; lower learning_rate or gradient_clip_norm, or compute in a wider precision"
                        + (settings.checkpoint()
                                ? "; continue=1 goes on from the newest checkpoint in " + setup.folder
                                : ""));
        run.losses().addLoss(result.loss(), result.tasks(), result.globalGraphs());
    }

    /// Starts to write the state after the last step, if its losses are finite.
    ///
    /// @param restart whether a run may go on from it
    /// @param best whether it is the best model so far
    private void save(boolean restart, boolean best) {
        trainingStep.report(true, this::account);
        if (files != null && (restart || best)) {
            files.save(run, trainingStep.save(), restart, best);
        }
    }

    private static double seconds(long began) {
        return (System.nanoTime() - began) * 1e-9;
    }

    /// Where the time of the last epoch's steps went, in one line.
    public String profile() {
        return profileLine;
    }

    /// The evaluator of the model that is trained.
    public Evaluator evaluator() {
        return evaluator;
    }

    /// Steps since the run began.
    public long globalStep() {
        return run.globalStep();
    }

    @Override
    public void close() {
        progress.close();
        if (ahead != null) {
            ahead.close();
        }
        trainingStep.close();
        evaluator.close();
        if (files != null) {
            files.close();
        }
    }
}
