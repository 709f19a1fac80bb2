package org.iolaus.app;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.iolaus.comm.Comm;
import org.iolaus.config.Config;
import org.iolaus.config.ConfigException;
import org.iolaus.config.ConfigReader;
import org.iolaus.data.DataException;
import org.iolaus.data.ShardSet;
import org.iolaus.data.Split;
import org.iolaus.model.Model;
import org.iolaus.nn.Parameters.Role;
import org.iolaus.run.BuildInfo;
import org.iolaus.run.ConfiguredModel;
import org.iolaus.run.EngineFactory;
import org.iolaus.run.ModelFactory;
import org.iolaus.run.ParityPlots;
import org.iolaus.run.ShardSets;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.Training;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.checkpoint.CheckpointBroadcast;
import org.iolaus.train.checkpoint.CheckpointStore;
import org.iolaus.train.engine.Engine;
import org.iolaus.train.engine.ModelState;
import org.iolaus.train.loop.Evaluator;
import org.iolaus.train.loop.Trainer;
import org.iolaus.train.report.ErrorTable;
import org.iolaus.train.report.JsonLine;
import org.iolaus.train.report.Metrics;
import org.iolaus.train.report.Plots;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `iolaus train`: the main job.
@Command(
        name = "train",
        description = {
            "Train a model on shards; under mpirun on all ranks.",
            "With --set continue=1 an interrupted run goes on from its newest checkpoint as if nothing had happened;",
            "without it a run of the same log_name begins anew and replaces the earlier one.",
            "With --set init_from=CHECKPOINT.h5 a run begins with the model of a checkpoint and a fresh optimizer."
        })
final class Train implements OnRanks {

    @Parameters(paramLabel = "CONFIG", description = "Configuration (HydraGNN's JSON).")
    private Path configFile = Path.of("");

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "Setting that takes precedence over the file, such as batch_size=8.")
    private List<String> overrides = List.of();

    @ArgGroup(exclusive = false, validate = false)
    private DeviceOptions device = new DeviceOptions();

    @Option(names = "--no-plots", description = "Draw no plots at the end.")
    private boolean noPlots;

    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public int run(Comm comm) {
        Config given = comm.rootFirst(() -> ConfigReader.read(configFile, device.over(overrides)));
        try (EngineFactory start = new EngineFactory(comm, given.neuralNetwork().training());
                ShardSet shards = ShardSets.open(comm, given)) {
            ConfiguredModel configured = comm.rootFirst(() -> ModelFactory.of(given, shards.index()));
            configured.lowerAhead();
            try (Engine engine = start.engine();
                    Trainer trainer = trainer(comm, configured, shards, engine)) {
                print("%s, %,d parameters; %d rank%s; %s; logs in %s"
                        .formatted(
                                configured
                                        .config()
                                        .neuralNetwork()
                                        .architecture()
                                        .mpnnType(),
                                configured.model().parameters().count(Role.TRAINED),
                                comm.size(),
                                comm.size() == 1 ? "" : "s",
                                engine.describe(),
                                folder(configured.training())));
                if (draws(configured) && configured.config().visualization().plotInitSolution()) {
                    plotInitial(comm, trainer, shards, configured.training());
                }
                trainer.run();
                report(comm, configured, trainer, shards, engine);
            }
        }
        return 0;
    }

    /// A trainer that is ready to run: from first values, or from the newest checkpoint if the run is to continue.
    /// Nothing is written before every rank has found everything in order.
    static Trainer trainer(Comm comm, ConfiguredModel configured, ShardSet shards, Engine engine) {
        Training settings = configured.training();
        Path folder = folder(settings);
        CheckpointStore.Found found = settings.continueRun() ? resume(comm, settings) : null;
        ModelState state = state(comm, configured, shards, settings, found);
        String json = ConfigReader.toJsonOfWholeRun(configured.config());
        Trainer trainer = new Trainer(
                comm,
                new Trainer.Setup(
                        configured.model(),
                        state,
                        configured.columns(),
                        shards,
                        settings,
                        engine,
                        new Checkpoint.Run(settings.seed(), comm.size(), json, BuildInfo.version(), BuildInfo.commit()),
                        folder,
                        configured.config().verbosity().level(),
                        runLine(comm, configured, settings, engine, json),
                        found == null ? null : found.checkpoint()));
        if (comm.isRoot()) {
            write(folder.resolve("config.json"), json);
        }
        return trainer;
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

    /// First values of the model: from the run's checkpoint, from the one to begin with (its averages, if it has some),
    /// or from the seed and the data.
    private static ModelState state(
            Comm comm,
            ConfiguredModel configured,
            ShardSet shards,
            Training settings,
            CheckpointStore.@Nullable Found resume) {
        if (resume == null && settings.initFrom().isEmpty()) {
            return comm.rootFirst(() -> configured.initialState(shards.index().statistics()));
        }
        Path path = resume == null ? Path.of(settings.initFrom()) : resume.path();
        Checkpoint.Model saved = resume == null
                ? CheckpointBroadcast.read(comm, path).model()
                : resume.checkpoint().model();
        Map<String, HostTensor> values = resume == null ? ModelState.evaluated(saved) : ModelState.values(saved);
        return comm.rootFirst(() -> state(configured.model(), path, values));
    }

    private static ModelState state(Model model, Path path, Map<String, HostTensor> values) {
        try {
            return new ModelState(model.parameters(), values);
        } catch (DataException e) {
            throw new DataException(path + ", " + e.getMessage(), e);
        }
    }

    private static JsonLine runLine(
            Comm comm, ConfiguredModel configured, Training settings, Engine engine, String json) {
        return new JsonLine()
                .put("version", BuildInfo.version())
                .put("commit", BuildInfo.commit())
                .put("java", Runtime.version().toString())
                .put("seed", settings.seed())
                .put("ranks", comm.size())
                .put("engine", engine.describe())
                .put("parameters", configured.model().parameters().count(Role.TRAINED))
                .raw("config", json.replace("\n", ""));
    }

    /// Errors of the best model on all splits, and where everything is.
    private void report(Comm comm, ConfiguredModel configured, Trainer trainer, ShardSet shards, Engine engine) {
        Training settings = configured.training();
        Path folder = folder(settings);
        Path best = folder.resolve("best.h5");
        boolean hasBest = comm.any(comm.isRoot() && settings.checkpoint() && Files.exists(best));
        Map<String, Metrics> table;
        ParityPlots plots = new ParityPlots(trainer.evaluator().metrics().quantities());
        if (hasBest) {
            ModelState state = new ModelState(
                    configured.model().parameters(),
                    ModelState.evaluated(CheckpointBroadcast.read(comm, best).model()));
            try (Evaluator evaluator = new Evaluator(comm, configured.model(), state, configured.columns(), engine)) {
                table = table(evaluator, shards, settings, plots);
            }
        } else {
            table = table(trainer.evaluator(), shards, settings, plots);
        }
        if (!comm.isRoot()) {
            return;
        }
        print("\nErrors of the " + (hasBest ? "best" : "last") + " model after " + trainer.globalStep() + " steps:\n");
        print(ErrorTable.of(table));
        print("last epoch: " + trainer.profile());
        print(settings.checkpoint() ? "checkpoint: " + (hasBest ? best : folder) : "no checkpoint was asked for");
        print("logs:       " + folder.resolve("metrics.csv") + ", " + folder.resolve("metrics.jsonl"));
        if (draws(configured)) {
            Path pictures = folder.resolve("plots");
            plots.draw(pictures);
            new Plots(pictures)
                    .learningCurve(
                            folder.resolve("metrics.csv"), "loss", "loss", List.of("train_loss", "validation_loss"));
            print("plots:      " + pictures);
        }
    }

    private boolean draws(ConfiguredModel configured) {
        return !noPlots && configured.config().visualization().createPlots();
    }

    /// Parity plots of the validation frames before the first step.
    private static void plotInitial(Comm comm, Trainer trainer, ShardSet shards, Training settings) {
        ParityPlots plots = new ParityPlots(trainer.evaluator().metrics().quantities());
        trainer.evaluator().run(shards, Split.VALIDATION, Trainer.batching(settings), plots.of(Split.VALIDATION));
        if (comm.isRoot()) {
            plots.draw(folder(settings).resolve("plots/initial"));
        }
    }

    private static Map<String, Metrics> table(
            Evaluator evaluator, ShardSet shards, Training settings, ParityPlots plots) {
        Map<String, Metrics> table = new LinkedHashMap<>();
        for (Split split : List.of(Split.TRAIN, Split.VALIDATION, Split.TEST)) {
            Metrics metrics = evaluator.run(shards, split, Trainer.batching(settings), plots.of(split));
            table.put(split.toString().toLowerCase(Locale.ROOT), metrics);
        }
        return table;
    }

    private static void write(Path file, String text) {
        try {
            Files.createDirectories(file.toAbsolutePath().getParent());
            Files.writeString(file, text + "\n");
        } catch (IOException e) {
            throw new UncheckedIOException(file + ": cannot be written: " + e.getMessage(), e);
        }
    }

    private void print(String text) {
        PrintWriter out = Objects.requireNonNull(spec).commandLine().getOut();
        out.println(text);
    }
}
