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
import java.util.List;
import java.util.Map;
import java.util.Objects;
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
import org.iolaus.train.report.MetricsLog;
import org.jspecify.annotations.Nullable;

/// Everything that a run needs to continue as if it had not stopped, bit by bit.
///
/// The arrays belong to the checkpoint: whoever makes one hands over copies. The file is HDF5 with a
/// [ChecksumTrailer]; the usual HDF5 tools read it. Equal contents give equal bytes, so it holds no time of day.
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
    /// @param kind its name in a configuration
    /// @param slots one number for each that is trained, in order of creation
    public record OptimizerState(String kind, long steps, Map<String, double[]> slots) {
        public OptimizerState {
            slots = Collections.unmodifiableMap(new TreeMap<>(slots));
        }

        /// Refuses the state of another optimizer.
        ///
        /// @param wanted its kind
        /// @param wantedSlots names of its slots
        public void require(String wanted, List<String> wantedSlots) {
            if (kind.equals(NO_OPTIMIZER)) {
                throw new DataException(
                        "checkpoint of a model that was imported: want Training.init_from to begin a run "
                                + "with it, got Training.continue");
            }
            if (!kind.equals(wanted) || !slots.keySet().equals(Set.copyOf(wantedSlots))) {
                throw new DataException("checkpoint of another optimizer: want %s with %s, got %s with %s"
                        .formatted(wanted, wantedSlots, kind, slots.keySet()));
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
            ChecksumTrailer.append(partial);
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
        arrays().forEach((group, arrays) -> {
            out.group(group);
            arrays.forEach((name, values) -> put(out, group + "/" + name, values));
        });
        out.attribute("optimizer", "kind", optimizer.kind).attribute("optimizer", "steps", optimizer.steps);
        out.group("schedule")
                .attribute("schedule", "learning_rate", schedule.learningRate())
                .attribute("schedule", "best", schedule.best())
                .attribute("schedule", "bad_epochs", schedule.badEpochs())
                .attribute("schedule", "cooldown_left", schedule.cooldownLeft());
        out.group("early_stopping")
                .attribute("early_stopping", "best", earlyStopping.best())
                .attribute("early_stopping", "bad_epochs", earlyStopping.badEpochs());
        out.group("best").attribute("best", "value", best.value()).attribute("best", "epoch", best.epoch());
        return out.attribute("metrics", "csv_lines", log.csvLines())
                .attribute("metrics", "jsonl_lines", log.jsonlLines());
    }

    /// All arrays, by the group of the file and the name in it.
    Map<String, Map<String, HostTensor>> arrays() {
        Map<String, HostTensor> slots = new TreeMap<>();
        optimizer.slots.forEach((name, values) -> slots.put(name, new HostTensor(new int[] {values.length}, values)));
        Map<String, Map<String, HostTensor>> groups = new TreeMap<>(Map.of(
                "parameters",
                model.parameters,
                "buffers",
                model.buffers,
                "optimizer",
                slots,
                "metrics",
                Map.of("sums", sums)));
        if (!model.averages.isEmpty()) {
            groups.put("averages", model.averages);
        }
        return groups;
    }

    /// The same with other arrays of the same names.
    Checkpoint with(Map<String, Map<String, HostTensor>> arrays) {
        Map<String, double[]> slots = new TreeMap<>();
        group(arrays, "optimizer").forEach((name, values) -> slots.put(name, values.data()));
        return new Checkpoint(
                new Model(group(arrays, "parameters"), group(arrays, "buffers"), group(arrays, "averages")),
                new OptimizerState(optimizer.kind, optimizer.steps, slots),
                schedule,
                earlyStopping,
                best,
                position,
                run,
                Objects.requireNonNull(group(arrays, "metrics").get("sums")),
                log);
    }

    private static Map<String, HostTensor> group(Map<String, Map<String, HostTensor>> arrays, String name) {
        return arrays.getOrDefault(name, Map.of());
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
        if (!ChecksumTrailer.matches(path)) {
            throw damage(path);
        }
        try (Hdf5File in = Hdf5File.open(path)) {
            String format = in.hasAttribute("", "format") ? in.stringAttribute("", "format") : "none";
            if (!format.equals(FORMAT)) {
                throw new DataException(path + ": want format " + FORMAT + ", got " + format);
            }
            Map<String, Map<String, HostTensor>> arrays = new TreeMap<>();
            for (String group : List.of("parameters", "buffers", "averages", "optimizer", "metrics")) {
                arrays.put(group, in.isGroup(group) ? tensors(in, group) : Map.of());
            }
            return new Checkpoint(
                            new Model(Map.of(), Map.of()),
                            new OptimizerState(
                                    in.stringAttribute("optimizer", "kind"),
                                    in.longAttribute("optimizer", "steps"),
                                    Map.of()),
                            new ReduceLROnPlateau.State(
                                    in.doubleAttribute("schedule", "learning_rate"),
                                    in.doubleAttribute("schedule", "best"),
                                    integer(in, "schedule", "bad_epochs"),
                                    integer(in, "schedule", "cooldown_left")),
                            new EarlyStopping.State(
                                    in.doubleAttribute("early_stopping", "best"),
                                    integer(in, "early_stopping", "bad_epochs")),
                            new BestMetric.State(in.doubleAttribute("best", "value"), integer(in, "best", "epoch")),
                            new Position(
                                    integer(in, "", "epoch"),
                                    integer(in, "", "step"),
                                    in.longAttribute("", "global_step")),
                            new Run(
                                    in.longAttribute("", "seed"),
                                    integer(in, "", "ranks"),
                                    new String(in.bytes("config_json"), UTF_8),
                                    in.stringAttribute("", "version"),
                                    in.stringAttribute("", "commit")),
                            HostTensor.scalar(0),
                            new MetricsLog.Position(
                                    in.longAttribute("metrics", "csv_lines"),
                                    in.longAttribute("metrics", "jsonl_lines")))
                    .with(arrays);
        }
    }

    private static Map<String, HostTensor> tensors(Hdf5File in, String group) {
        Map<String, HostTensor> tensors = new TreeMap<>();
        for (String name : in.datasets(group)) {
            String dataset = group + "/" + name;
            int[] shape = in.hasAttribute(dataset, "scalar") ? new int[0] : in.shape(dataset);
            tensors.put(name, new HostTensor(shape, in.doubles(dataset)));
        }
        return tensors;
    }

    private static int integer(Hdf5File in, String node, String attribute) {
        return Math.toIntExact(in.longAttribute(node, attribute));
    }

    /// What is wrong with a file whose checksum does not match: the first damaged dataset, if that can be told.
    private static DataException damage(Path path) {
        try (Hdf5File in = Hdf5File.open(path)) {
            in.allDatasets().forEach(in::verify);
        } catch (DataException e) {
            return e;
        } catch (StackOverflowError | OutOfMemoryError e) {
            return new DataException(path + ": want a checkpoint, got damaged structure (" + e + ")", e);
        }
        return new DataException(path + ": want a checkpoint as it was written, got one that is damaged or cut outside "
                + "of its datasets: the CRC-32C of the whole file does not match");
    }
}
