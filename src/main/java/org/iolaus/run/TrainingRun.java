package org.iolaus.run;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.iolaus.comm.Comm;
import org.iolaus.config.Config;
import org.iolaus.config.ConfigException;
import org.iolaus.config.ConfigReader;
import org.iolaus.data.DataException;
import org.iolaus.data.ShardSet;
import org.iolaus.data.Split;
import org.iolaus.nn.Parameters.Role;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.Training;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.checkpoint.CheckpointBroadcast;
import org.iolaus.train.checkpoint.CheckpointStore;
import org.iolaus.train.engine.Engine;
import org.iolaus.train.engine.ModelState;
import org.iolaus.train.loop.Evaluator;
import org.iolaus.train.loop.RunBatches;
import org.iolaus.train.loop.Trainer;
import org.iolaus.train.report.JsonLine;
import org.iolaus.train.report.Metrics;
import org.iolaus.train.report.Plots;
import org.jspecify.annotations.Nullable;

/// A training run as a configuration describes it: data, model, engine and trainer. Its methods are collectives.
public final class TrainingRun implements AutoCloseable {
    private final Comm comm;
    private final ConfiguredModel configured;
    private final ShardSet shards;
    private final Engine engine;
    private final Trainer trainer;

    private TrainingRun(Comm comm, ConfiguredModel configured, ShardSet shards, Engine engine, Trainer trainer) {
        this.comm = comm;
        this.configured = configured;
        this.shards = shards;
        this.engine = engine;
        this.trainer = trainer;
    }

    /// Opens a run that is ready for its first step: with first values, or where the newest checkpoint says if the
    /// run is to continue. Nothing is written before every rank has found everything in order.
    public static TrainingRun open(Comm comm, Config given) {
        try (EngineFactory engines =
                new EngineFactory(comm, given.neuralNetwork().training())) {
            ShardSet shards = ShardSets.open(comm, given);
            try {
                ConfiguredModel configured = comm.rootFirst(
                        () -> ModelFactory.of(given, shards.index().requireTrainingFrames()));
                configured.lowerAhead();
                return open(comm, configured, shards, engines.engine());
            } catch (RuntimeException | Error e) {
                shards.close();
                throw e;
            }
        }
    }

    private static TrainingRun open(Comm comm, ConfiguredModel configured, ShardSet shards, Engine engine) {
        try {
            Trainer trainer = trainer(comm, configured, shards, engine);
            return new TrainingRun(comm, configured, shards, engine, trainer);
        } catch (RuntimeException | Error e) {
            engine.close();
            throw e;
        }
    }

    /// A trainer that is ready to run, as [#open] makes it, on an engine of the caller's.
    public static Trainer trainer(Comm comm, ConfiguredModel configured, ShardSet shards, Engine engine) {
        Training settings = configured.training();
        CheckpointStore.Found resume = settings.continueRun() ? resume(comm, settings) : null;
        ModelState state = state(comm, configured, shards, resume);
        String json = ConfigReader.toJsonOfWholeRun(configured.config());
        return new Trainer(
                comm,
                new Trainer.Setup(
                        configured.model(),
                        state,
                        configured.columns(),
                        shards,
                        settings,
                        engine,
                        new Checkpoint.Run(settings.seed(), comm.size(), json, BuildInfo.version(), BuildInfo.commit()),
                        folder(settings),
                        configured.config().verbosity().level(),
                        runLine(comm, configured, engine, json),
                        resume));
    }

    private static Path folder(Training settings) {
        return Path.of(settings.logPath(), settings.logName());
    }

    /// The newest whole checkpoint of the run to go on from. Rank zero reads it and sends it to the others.
    private static CheckpointStore.Found resume(Comm comm, Training settings) {
        String run = settings.startfrom().isEmpty() ? settings.logName() : settings.startfrom();
        Path folder = Path.of(settings.logPath(), run);
        CheckpointStore.Found found = null;
        if (comm.isRoot()) {
            try (CheckpointStore store = new CheckpointStore(folder, settings.keepCheckpoints())) {
                found = store.latest()
                        .orElseThrow(() -> new ConfigException("NeuralNetwork.Training.continue: want a checkpoint in "
                                + folder + " to go on from, got none"));
            }
        }
        Checkpoint checkpoint = CheckpointBroadcast.send(comm, found == null ? null : found.checkpoint());
        return new CheckpointStore.Found(found == null ? folder : found.path(), checkpoint);
    }

    /// First values of the model: from the run's checkpoint, from the one to begin with (its averages, if it has
    /// some), or from the seed and the data.
    private static ModelState state(
            Comm comm, ConfiguredModel configured, ShardSet shards, CheckpointStore.@Nullable Found resume) {
        String initial = configured.training().initFrom();
        if (resume != null) {
            return state(
                    comm,
                    configured,
                    resume.path(),
                    ModelState.values(resume.checkpoint().model()));
        }
        if (!initial.isEmpty()) {
            Checkpoint saved = CheckpointBroadcast.read(comm, Path.of(initial));
            return state(comm, configured, Path.of(initial), ModelState.evaluated(saved.model()));
        }
        return comm.rootFirst(() -> configured.initialState(shards.index().statistics()));
    }

    private static ModelState state(Comm comm, ConfiguredModel configured, Path path, Map<String, HostTensor> values) {
        return comm.rootFirst(() -> {
            try {
                return new ModelState(configured.model().parameters(), values);
            } catch (DataException e) {
                throw new DataException(path + ", " + e.getMessage(), e);
            }
        });
    }

    private static JsonLine runLine(Comm comm, ConfiguredModel configured, Engine engine, String json) {
        return new JsonLine()
                .put("version", BuildInfo.version())
                .put("commit", BuildInfo.commit())
                .put("java", Runtime.version().toString())
                .put("seed", configured.training().seed())
                .put("ranks", comm.size())
                .put("engine", engine.describe())
                .put("parameters", configured.model().parameters().count(Role.TRAINED))
                .raw("config", json.replace("\n", ""));
    }

    public ConfiguredModel configured() {
        return configured;
    }

    public Engine engine() {
        return engine;
    }

    public Trainer trainer() {
        return trainer;
    }

    /// Where the files of the run are.
    public Path folder() {
        return folder(configured.training());
    }

    /// Draws the predictions for the validation frames before the first step.
    public void plotInitial() {
        ParityPlots plots = new ParityPlots(trainer.evaluator().metrics().quantities());
        Evaluator.Watcher watcher = plots.of(Split.VALIDATION);
        trainer.evaluator().run(shards, Split.VALIDATION, RunBatches.batching(configured.training()), watcher);
        if (comm.isRoot()) {
            plots.draw(folder().resolve("plots/initial"));
        }
    }

    /// Errors of a model on each split.
    ///
    /// @param best whether it is the best model of the run, else its last
    /// @param plots its predictions against the truth
    public record Errors(boolean best, Map<String, Metrics> splits, ParityPlots plots) {}

    /// Measures the best model of the run, or its last where there is none.
    public Errors errors() {
        Path file = CheckpointStore.best(folder());
        if (!comm.any(comm.isRoot() && Files.exists(file))) {
            return errors(trainer.evaluator(), false);
        }
        Map<String, HostTensor> values =
                ModelState.evaluated(CheckpointBroadcast.read(comm, file).model());
        ModelState state = new ModelState(configured.model().parameters(), values);
        try (Evaluator evaluator = new Evaluator(comm, configured.model(), state, configured.columns(), engine)) {
            return errors(evaluator, true);
        }
    }

    private Errors errors(Evaluator evaluator, boolean best) {
        ParityPlots plots = new ParityPlots(evaluator.metrics().quantities());
        Map<String, Metrics> splits = new LinkedHashMap<>();
        for (Split split : List.of(Split.TRAIN, Split.VALIDATION, Split.TEST)) {
            Metrics metrics = evaluator.run(shards, split, RunBatches.batching(configured.training()), plots.of(split));
            splits.put(split.toString().toLowerCase(Locale.ROOT), metrics);
        }
        return new Errors(best, splits, plots);
    }

    /// Draws predictions and learning curves.
    ///
    /// @return their folder
    public Path draw(ParityPlots plots) {
        Path pictures = folder().resolve("plots");
        plots.draw(pictures);
        new Plots(pictures)
                .learningCurve(
                        folder().resolve("metrics.csv"), "loss", "loss", List.of("train_loss", "validation_loss"));
        return pictures;
    }

    @Override
    public void close() {
        try (shards;
                engine) {
            trainer.close();
        }
    }
}
