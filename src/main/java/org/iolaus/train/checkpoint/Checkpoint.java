package org.iolaus.train.checkpoint;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import org.iolaus.data.DataException;
import org.iolaus.data.Hdf5File;
import org.iolaus.data.Hdf5Writer;
import org.iolaus.nn.Parameters;
import org.iolaus.nn.Parameters.Role;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.optimize.BestMetric;
import org.iolaus.train.optimize.EarlyStopping;
import org.iolaus.train.optimize.ReduceLROnPlateau;
import org.iolaus.train.optimize.UpdateRule;
import org.iolaus.train.report.MetricsLog;
import org.jspecify.annotations.Nullable;

/// Everything that a run needs to continue as if it had not stopped, bit by bit.
///
/// The arrays belong to the checkpoint: whoever makes one hands over copies. The file is HDF5 with a [Seal]; equal
/// contents give equal bytes, so it holds no time of day. It can be looked at with the usual HDF5 tools.
///
/// @param model weights under the names and with the shapes of the reference's state dict
/// @param schedule learning rate and what the schedule remembers
/// @param position where the run goes on
/// @param run what the run was started with
/// @param sums the running epoch's [Metrics#sums] of every rank: (ranks, K)
/// @param log how much of the metrics files had been written
public record Checkpoint(
        Model model,
        OptimizerState optimizer,
        ReduceLROnPlateau.State schedule,
        EarlyStopping.State earlyStopping,
        BestMetric.State best,
        Position position,
        Run run,
        HostTensor sums,
        MetricsLog.Position log) {

    private static final String FORMAT = "iolaus-checkpoint-1";
    private static final String NO_OPTIMIZER = "none";

    /// What the model computes with, by name; kept in the order of the names.
    ///
    /// @param parameters what is trained, frozen parameters among them
    /// @param buffers what is not: running statistics, reference energies, scales
    /// @param averages the parameters averaged over the steps, which the model is measured with; empty without
    public record Model(
            Map<String, HostTensor> parameters, Map<String, HostTensor> buffers, Map<String, HostTensor> averages) {
        public Model {
            parameters = Collections.unmodifiableMap(new TreeMap<>(parameters));
            buffers = Collections.unmodifiableMap(new TreeMap<>(buffers));
            averages = Collections.unmodifiableMap(new TreeMap<>(averages));
        }

        /// The values of a model's parameters and buffers.
        ///
        /// @param averages null without
        public static Model of(
                Parameters parameters,
                Function<String, HostTensor> values,
                @Nullable Function<String, HostTensor> averages) {
            Map<String, HostTensor> weights = new HashMap<>();
            Map<String, HostTensor> buffers = new HashMap<>();
            Map<String, HostTensor> averaged = new HashMap<>();
            parameters.specs().forEach((name, spec) -> {
                boolean buffer = spec.role() == Role.BUFFER;
                (buffer ? buffers : weights).put(name, values.apply(name));
                if (averages != null && !buffer) {
                    averaged.put(name, averages.apply(name));
                }
            });
            return new Model(weights, buffers, averaged);
        }

        /// Without averages.
        public Model(Map<String, HostTensor> parameters, Map<String, HostTensor> buffers) {
            this(parameters, buffers, Map.of());
        }
    }

    /// What an optimizer remembers.
    ///
    /// @param kind [UpdateRule#kind]
    /// @param slots one number for each that is trained, in order of creation
    public record OptimizerState(String kind, long steps, Map<String, double[]> slots) {
        public OptimizerState {
            slots = Collections.unmodifiableMap(new TreeMap<>(slots));
        }

        /// Refuses the state of another rule.
        public void require(UpdateRule rule) {
            if (kind.equals(NO_OPTIMIZER)) {
                throw new DataException(
                        "checkpoint of a model that was imported: want Training.init_from to begin a run "
                                + "with it, got Training.continue");
            }
            if (!kind.equals(rule.kind()) || !slots.keySet().equals(Set.copyOf(rule.slots()))) {
                throw new DataException("checkpoint of another optimizer: want %s with %s, got %s with %s"
                        .formatted(rule.kind(), rule.slots(), kind, slots.keySet()));
            }
        }
    }

    /// What training steps change.
    public record Values(Model model, OptimizerState optimizer) {}

    /// The next step to make.
    ///
    /// @param epoch counted from zero
    /// @param step within the epoch, counted from zero; the epoch's number of steps when only its end is left to do
    /// @param globalStep number of steps made since the run began
    public record Position(int epoch, int step, long globalStep) {}

    /// What the run was started with.
    ///
    /// @param configJson the resolved configuration
    public record Run(long seed, int ranks, String configJson, String version, String commit) {}

    /// A model that was not trained here: to be evaluated, or to begin a run with; there is nothing to go on with.
    public static Checkpoint ofModel(Model model, Run run) {
        double none = Double.POSITIVE_INFINITY;
        return new Checkpoint(
                model,
                new OptimizerState(NO_OPTIMIZER, 0, Map.of()),
                new ReduceLROnPlateau.State(0, none, 0, 0),
                new EarlyStopping.State(none, 0),
                new BestMetric.State(none, -1),
                new Position(0, 0, 0),
                run,
                new HostTensor(new int[] {1, 1}, new double[1]),
                new MetricsLog.Position(0, 0));
    }

    /// Writes the file, which appears under its name complete or not at all.
    public void write(Path path) {
        Path partial = path.resolveSibling(path.getFileName() + ".partial");
        try {
            fill(new Hdf5Writer(partial)).commit();
            Seal.append(partial);
            Files.move(partial, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            try (FileChannel folder = FileChannel.open(path.toAbsolutePath().getParent(), StandardOpenOption.READ)) {
                folder.force(true); // the rename itself
            }
        } catch (IOException e) {
            throw new DataException(path + ": cannot be written: " + e, e);
        }
    }

    private Hdf5Writer fill(Hdf5Writer out) {
        out.attribute("", "format", FORMAT)
                .attribute("", "version", run.version)
                .attribute("", "commit", run.commit)
                .attribute("", "seed", run.seed)
                .attribute("", "ranks", run.ranks)
                .attribute("", "epoch", position.epoch)
                .attribute("", "step", position.step)
                .attribute("", "global_step", position.globalStep);
        out.bytes("config_json", run.configJson.getBytes(UTF_8));
        out.group("parameters").group("buffers");
        model.parameters.forEach((name, values) -> put(out, "parameters/" + name, values));
        model.buffers.forEach((name, values) -> put(out, "buffers/" + name, values));
        model.averages.forEach((name, values) -> put(out, "averages/" + name, values));
        out.group("optimizer")
                .attribute("optimizer", "kind", optimizer.kind)
                .attribute("optimizer", "steps", optimizer.steps);
        optimizer.slots.forEach((name, values) -> out.doubles("optimizer/" + name, values));
        out.group("schedule")
                .attribute("schedule", "learning_rate", schedule.learningRate())
                .attribute("schedule", "best", schedule.best())
                .attribute("schedule", "bad_epochs", schedule.badEpochs())
                .attribute("schedule", "cooldown_left", schedule.cooldownLeft());
        out.group("early_stopping")
                .attribute("early_stopping", "best", earlyStopping.best())
                .attribute("early_stopping", "bad_epochs", earlyStopping.badEpochs());
        out.group("best").attribute("best", "value", best.value()).attribute("best", "epoch", best.epoch());
        put(out, "metrics/sums", sums);
        out.attribute("metrics", "csv_lines", log.csvLines()).attribute("metrics", "jsonl_lines", log.jsonlLines());
        return out;
    }

    private static void put(Hdf5Writer out, String dataset, HostTensor values) {
        out.doubles(dataset, values.data(), values.shape());
        if (values.shape().length == 0) {
            out.attribute(dataset, "scalar", 1);
        }
    }

    /// Reads a file that `write` wrote; the numbers are exactly those written.
    ///
    /// @throws DataException when the file is damaged, truncated or something else; it names the dataset if it can
    public static Checkpoint read(Path path) {
        if (!Files.isRegularFile(path)) {
            throw new DataException(path + ": want a checkpoint, got " + (Files.exists(path) ? "no file" : "nothing"));
        }
        if (!Seal.holds(path)) {
            throw damage(path);
        }
        try (Hdf5File in = Hdf5File.open(path)) {
            String format = in.hasAttribute("", "format") ? in.stringAttribute("", "format") : "none";
            if (!format.equals(FORMAT)) {
                throw new DataException(path + ": want format " + FORMAT + ", got " + format);
            }
            return new Checkpoint(
                    new Model(
                            tensors(in, "parameters"),
                            tensors(in, "buffers"),
                            in.isGroup("averages") ? tensors(in, "averages") : Map.of()),
                    new OptimizerState(
                            in.stringAttribute("optimizer", "kind"), in.longAttribute("optimizer", "steps"), slots(in)),
                    new ReduceLROnPlateau.State(
                            in.doubleAttribute("schedule", "learning_rate"),
                            in.doubleAttribute("schedule", "best"),
                            integer(in, "schedule", "bad_epochs"),
                            integer(in, "schedule", "cooldown_left")),
                    new EarlyStopping.State(
                            in.doubleAttribute("early_stopping", "best"), integer(in, "early_stopping", "bad_epochs")),
                    new BestMetric.State(in.doubleAttribute("best", "value"), integer(in, "best", "epoch")),
                    new Position(
                            integer(in, "", "epoch"), integer(in, "", "step"), in.longAttribute("", "global_step")),
                    new Run(
                            in.longAttribute("", "seed"),
                            integer(in, "", "ranks"),
                            new String(in.bytes("config_json"), UTF_8),
                            in.stringAttribute("", "version"),
                            in.stringAttribute("", "commit")),
                    tensor(in, "metrics/sums"),
                    new MetricsLog.Position(
                            in.longAttribute("metrics", "csv_lines"), in.longAttribute("metrics", "jsonl_lines")));
        }
    }

    /// What is wrong with a file whose seal is broken: the first damaged dataset if that can be told.
    private static DataException damage(Path path) {
        try (Hdf5File in = Hdf5File.open(path)) {
            in.allDatasets().forEach(in::verify);
        } catch (DataException e) {
            return e;
        } catch (StackOverflowError | OutOfMemoryError e) {
            return new DataException(path + ": want a checkpoint, got damaged structure (" + e + ")", e);
        }
        return new DataException(path + ": want a checkpoint as it was written, got one that is damaged or cut outside "
                + "of its datasets: its seal (the CRC-32C of the whole file) is broken");
    }

    private static Map<String, HostTensor> tensors(Hdf5File in, String group) {
        Map<String, HostTensor> tensors = new TreeMap<>();
        for (String name : in.datasets(group)) {
            tensors.put(name, tensor(in, group + "/" + name));
        }
        return tensors;
    }

    private static HostTensor tensor(Hdf5File in, String dataset) {
        int[] shape = in.hasAttribute(dataset, "scalar") ? new int[0] : in.shape(dataset);
        return new HostTensor(shape, in.doubles(dataset));
    }

    private static Map<String, double[]> slots(Hdf5File in) {
        Map<String, double[]> slots = new TreeMap<>();
        for (String name : in.datasets("optimizer")) {
            slots.put(name, in.doubles("optimizer/" + name));
        }
        return slots;
    }

    private static int integer(Hdf5File in, String node, String attribute) {
        return Math.toIntExact(in.longAttribute(node, attribute));
    }
}
