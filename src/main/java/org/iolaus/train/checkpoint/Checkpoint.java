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
/// The arrays belong to the checkpoint: whoever makes one hands over copies. The file is HDF5 with a [ChecksumTrailer];
/// the usual HDF5 tools read it. Equal contents give equal bytes, so it holds no time of day.
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
    private static final String CONFIG = "config_json";
    private static final String SUMS = "metrics/sums";

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
        out.group("parameters").group("buffers");
        arrays().forEach((path, values) -> put(out, path, values));
        facts().forEach((path, value) -> put(out, path, value));
        return out;
    }

    private static String node(String path) {
        return path.substring(0, Math.max(0, path.lastIndexOf('/')));
    }

    private static String name(String path) {
        return path.substring(path.lastIndexOf('/') + 1);
    }

    /// Everything but the arrays: texts, `Long`s and `Double`s by path.
    Map<String, Object> facts() {
        Map<String, Object> facts = new TreeMap<>();
        facts.put("format", FORMAT);
        facts.put(CONFIG, run.configJson);
        facts.put("version", run.version);
        facts.put("commit", run.commit);
        facts.put("seed", run.seed);
        facts.put("ranks", (long) run.ranks);
        facts.put("epoch", (long) position.epoch);
        facts.put("step", (long) position.step);
        facts.put("global_step", position.globalStep);
        facts.put("optimizer/kind", optimizer.kind);
        facts.put("optimizer/steps", optimizer.steps);
        facts.put("schedule/learning_rate", schedule.learningRate());
        facts.put("schedule/best", schedule.best());
        facts.put("schedule/bad_epochs", (long) schedule.badEpochs());
        facts.put("schedule/cooldown_left", (long) schedule.cooldownLeft());
        facts.put("early_stopping/best", earlyStopping.best());
        facts.put("early_stopping/bad_epochs", (long) earlyStopping.badEpochs());
        facts.put("best/value", best.value());
        facts.put("best/epoch", (long) best.epoch());
        facts.put("metrics/csv_lines", log.csvLines());
        facts.put("metrics/jsonl_lines", log.jsonlLines());
        return facts;
    }

    /// All arrays by path.
    Map<String, HostTensor> arrays() {
        Map<String, HostTensor> arrays = new TreeMap<>();
        model.parameters.forEach((name, values) -> arrays.put("parameters/" + name, values));
        model.buffers.forEach((name, values) -> arrays.put("buffers/" + name, values));
        model.averages.forEach((name, values) -> arrays.put("averages/" + name, values));
        optimizer.slots.forEach(
                (name, values) -> arrays.put("optimizer/" + name, new HostTensor(new int[] {values.length}, values)));
        arrays.put(SUMS, sums);
        return arrays;
    }

    /// What a checkpoint is made from: a file, or what another rank read of it.
    interface Source {
        String text(String path);

        long integer(String path);

        double number(String path);

        /// The arrays of a group by name; none if there is no such group.
        Map<String, HostTensor> arrays(String group);
    }

    static Checkpoint of(Source in) {
        Map<String, double[]> slots = new TreeMap<>();
        in.arrays("optimizer").forEach((name, values) -> slots.put(name, values.data()));
        return new Checkpoint(
                new Model(in.arrays("parameters"), in.arrays("buffers"), in.arrays("averages")),
                new OptimizerState(in.text("optimizer/kind"), in.integer("optimizer/steps"), slots),
                new ReduceLROnPlateau.State(
                        in.number("schedule/learning_rate"),
                        in.number("schedule/best"),
                        Math.toIntExact(in.integer("schedule/bad_epochs")),
                        Math.toIntExact(in.integer("schedule/cooldown_left"))),
                new EarlyStopping.State(
                        in.number("early_stopping/best"), Math.toIntExact(in.integer("early_stopping/bad_epochs"))),
                new BestMetric.State(in.number("best/value"), Math.toIntExact(in.integer("best/epoch"))),
                new Position(
                        Math.toIntExact(in.integer("epoch")),
                        Math.toIntExact(in.integer("step")),
                        in.integer("global_step")),
                new Run(
                        in.integer("seed"),
                        Math.toIntExact(in.integer("ranks")),
                        in.text(CONFIG),
                        in.text("version"),
                        in.text("commit")),
                Objects.requireNonNull(in.arrays("metrics").get("sums"), SUMS),
                new MetricsLog.Position(in.integer("metrics/csv_lines"), in.integer("metrics/jsonl_lines")));
    }

    /// Writes an attribute; the configuration, which may be long, as a dataset.
    private static void put(Hdf5Writer out, String path, Object fact) {
        String node = node(path);
        if (!node.isEmpty()) {
            out.group(node);
        }
        switch (fact) {
            case Long number -> out.attribute(node, name(path), number);
            case Double number -> out.attribute(node, name(path), number);
            case String text when path.equals(CONFIG) -> out.bytes(path, text.getBytes(UTF_8));
            default -> out.attribute(node, name(path), fact.toString());
        }
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
            return of(new FileSource(in));
        }
    }

    private record FileSource(Hdf5File in) implements Source {
        @Override
        public String text(String path) {
            return path.equals(CONFIG) ? new String(in.bytes(path), UTF_8) : in.stringAttribute(node(path), name(path));
        }

        @Override
        public long integer(String path) {
            return in.longAttribute(node(path), name(path));
        }

        @Override
        public double number(String path) {
            return in.doubleAttribute(node(path), name(path));
        }

        @Override
        public Map<String, HostTensor> arrays(String group) {
            Map<String, HostTensor> arrays = new TreeMap<>();
            for (String name : in.isGroup(group) ? in.datasets(group) : List.<String>of()) {
                String dataset = group + "/" + name;
                int[] shape = in.hasAttribute(dataset, "scalar") ? new int[0] : in.shape(dataset);
                arrays.put(name, new HostTensor(shape, in.doubles(dataset)));
            }
            return arrays;
        }
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
