package org.iolaus.app;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.iolaus.comm.SoloComm;
import org.iolaus.config.Config;
import org.iolaus.config.ConfigException;
import org.iolaus.config.ConfigReader;
import org.iolaus.data.Counts;
import org.iolaus.data.DatasetConfig;
import org.iolaus.data.EpochPlan;
import org.iolaus.data.GraphTable;
import org.iolaus.data.ShardIndex;
import org.iolaus.ir.Cost;
import org.iolaus.ir.Program;
import org.iolaus.lower.Lowering;
import org.iolaus.lower.MemoryPlan;
import org.iolaus.lower.Precision;
import org.iolaus.lower.Schedule;
import org.iolaus.lower.Target;
import org.iolaus.model.AttentionEdges;
import org.iolaus.model.Model;
import org.iolaus.nn.Parameters.Role;
import org.iolaus.run.ConfiguredModel;
import org.iolaus.run.EngineFactory;
import org.iolaus.run.ModelFactory;
import org.iolaus.tensor.Sizes;
import org.iolaus.train.Training;
import org.iolaus.train.engine.DeviceEngine;
import org.iolaus.train.engine.MemoryPrediction;
import org.iolaus.train.inputs.BatchInputs;
import org.iolaus.train.inputs.Bucket;
import org.iolaus.train.loop.RunBatches;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `iolaus describe`: what a training step will cost, before it is made.
@Command(
        name = "describe",
        description = {
            "Print parameters, memory, FLOPs, bytes and messages of one training step on one rank.",
            "Without sizes, those of a mean batch of the configured shards are taken."
        })
final class Describe implements Callable<Integer> {

    @Parameters(paramLabel = "CONFIG", description = "Configuration (HydraGNN's JSON).")
    private Path configFile = Path.of("");

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "Setting that takes precedence over the file, such as batch_size=8.")
    private List<String> overrides = List.of();

    @Option(names = "--graphs", paramLabel = "N", description = "Graphs per rank and step (default: the batch size).")
    private @Nullable Integer graphs;

    @Option(names = "--atoms", paramLabel = "N", description = "Atoms per rank and step.")
    private @Nullable Integer atoms;

    @Option(names = "--edges", paramLabel = "N", description = "Edges per rank and step.")
    private @Nullable Integer edges;

    @ArgGroup(exclusive = false, validate = false)
    private DeviceOptions device = new DeviceOptions();

    @Option(
            names = "--check-device",
            description = "Open the device, say what is free there, and refuse what would not fit.")
    private boolean checkDevice;

    @Option(names = "--program", description = "Print the program and the schedule too.")
    private boolean printProgram;

    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public Integer call() {
        Config given = ConfigReader.read(configFile, device.over(overrides));
        DatasetConfig dataset = given.dataset();
        ShardIndex index = null;
        if (dataset != null && Files.exists(Path.of(dataset.shards(), ShardIndex.FILE))) {
            Path folder = Path.of(dataset.shards());
            index = ShardIndex.of(ShardIndex.read(folder), folder);
        }
        ConfiguredModel configured = ModelFactory.of(given, index);
        Training settings = configured.training();
        Sizes sizes = sizes(settings, index, configured.model().attentionEdges());
        Program program = settings.program(configured.model());
        boolean host = settings.device() == Training.Device.CPU;
        Precision precision = host ? Precision.FP64 : settings.precision();
        Schedule schedule = Lowering.run(program, host ? Target.HOST : Target.DEVICE, precision.narrowing());
        int number = precision.bytes();
        MemoryPlan plan = MemoryPlan.of(schedule, sizes);
        Cost cost = schedule.cost(sizes);
        long parameters = configured.model().parameters().count(Role.TRAINED);
        long bucket = Math.max(1, ((long) settings.gradientBucketMib() << 20) / number);
        PrintWriter out = Objects.requireNonNull(spec).commandLine().getOut();
        out.printf(
                "%s, batch of %d graphs, %d atoms, %d edges%n%n",
                configured.config().neuralNetwork().architecture().mpnnType(),
                sizes.of("G"),
                sizes.of("N"),
                sizes.of("E"));
        row(
                out,
                "parameters",
                "%,d trained (%s), %,d in buffers"
                        .formatted(
                                parameters,
                                bytes(number * parameters),
                                configured.model().parameters().count(Role.BUFFER)));
        row(
                out,
                "program",
                "%,d nodes, %,d steps after lowering"
                        .formatted(program.nodes().size(), schedule.steps().size()));
        row(
                out,
                "arena",
                "%s for what is computed (at most %s live at once)"
                        .formatted(bytes(number * plan.elements()), bytes(number * plan.live())));
        attention(out, configured.model(), sizes, number);
        if (!host) {
            memory(out, configured, index, sizes);
        }
        row(out, "arithmetic", "%.4g MFLOP per step".formatted(cost.flops() * 1e-6));
        row(
                out,
                "traffic",
                "%s read and written per step, %.2f FLOP per byte"
                        .formatted(
                                bytes(number * cost.elements()), cost.flops() / ((double) number * cost.elements())));
        row(
                out,
                "messages",
                "%d all-reduces of %s in all per step"
                        .formatted((parameters + bucket - 1) / bucket + 1, bytes(number * parameters)));
        if (printProgram) {
            out.printf("%n%s%n%s", program, schedule);
        }
        out.flush();
        return 0;
    }

    /// Who attends to whom, and what that takes.
    private static void attention(PrintWriter out, Model model, Sizes sizes, int number) {
        AttentionEdges edges = model.attentionEdges();
        if (edges != null) {
            long heads = model.architecture().attention().globalAttnHeads();
            row(
                    out,
                    "attention",
                    "%,d %s, %d heads, %s for each array of their weights"
                            .formatted(sizes.of("A"), edges.what(), heads, bytes(number * heads * sizes.of("A"))));
        }
    }

    /// What a run takes of the device: in the largest of all its batches, or in the one that was given.
    private void memory(PrintWriter out, ConfiguredModel configured, @Nullable ShardIndex index, Sizes sizes) {
        Training settings = configured.training();
        BatchInputs inputs = new BatchInputs(configured.model(), configured.columns(), 1);
        Set<Bucket> training = Set.of(inputs.bucket(
                sizes.of("N"),
                sizes.of("E"),
                sizes.of("G"),
                configured.model().attentionEdges() == null ? -1 : sizes.of("A")));
        Set<Bucket> evaluation = training;
        if (index != null && graphs == null && atoms == null && edges == null) {
            RunBatches batches = new RunBatches(inputs, index, settings, EpochPlan.Ranks.of(1));
            training = batches.training(settings.epochStart());
            evaluation = batches.evaluation();
        }
        Precision precision = settings.precision();
        MemoryPrediction prediction =
                MemoryPrediction.of(configured.model(), settings, precision, training, evaluation);
        Bucket largest = training.stream().reduce(new Bucket(0, 0, 0, 0), Bucket::or);
        row(
                out,
                "largest",
                "%,d graphs, %,d atoms, %,d edges, padding included, in %d sizes of batches"
                        .formatted(largest.graphs(), largest.atoms(), largest.edges(), training.size()));
        row(
                out,
                "memory",
                "%s on the device: %s"
                        .formatted(
                                bytes(prediction.total()),
                                prediction.parts().entrySet().stream()
                                        .map(part -> part.getKey() + " " + bytes(part.getValue()))
                                        .collect(Collectors.joining(", "))));
        if (!checkDevice) {
            row(out, "", "and what the context and the libraries take, which --check-device measures");
            return;
        }
        try (SoloComm alone = new SoloComm();
                DeviceEngine engine = (DeviceEngine) EngineFactory.engine(alone, settings)) {
            long free = engine.freeBytes();
            row(
                    out,
                    "device",
                    "%s: %s free, %s in use by the context, libraries and others"
                            .formatted(engine.deviceName(), bytes(free), bytes(engine.usedBeforeBytes())));
            out.flush();
            if (graphs == null) {
                prediction.requireRoom(free, engine.deviceName(), settings, largest);
            } else {
                prediction.requireRoom(free, engine.deviceName(), "--graphs", graphs, largest);
            }
        }
    }

    private Sizes sizes(Training settings, @Nullable ShardIndex index, @Nullable AttentionEdges attention) {
        int g = graphs != null ? graphs : settings.batchSize();
        double meanAtoms = 0;
        double meanEdges = 0;
        if (index != null) {
            meanAtoms = (double) index.statistics().atoms()
                    / Math.max(1, index.statistics().graphs());
            meanEdges = (double) index.statistics().edges()
                    / Math.max(1, index.statistics().graphs());
        } else if (atoms == null || edges == null) {
            throw new picocli.CommandLine.ParameterException(
                    Objects.requireNonNull(spec).commandLine(),
                    "--atoms and --edges: want both where there are no shards to take means from, got "
                            + (atoms == null ? "no --atoms" : "no --edges"));
        }
        int n = atoms != null ? atoms : (int) Math.ceil(g * meanAtoms);
        int e = edges != null ? edges : (int) Math.ceil(g * meanEdges);
        return new Sizes(Map.of("G", g, "N", n, "E", e, "A", attentionEdges(attention, index, g, n)));
    }

    /// Edges of a global attention: all pairs of graphs of the mean size, or the mean of the data, or as many
    /// as its list allows.
    private static int attentionEdges(
            @Nullable AttentionEdges attention, @Nullable ShardIndex index, int graphs, int atoms) {
        if (attention == null) {
            return 0;
        }
        if (!attention.listed()) {
            int[] each = new int[graphs];
            Arrays.setAll(each, g -> atoms / graphs + (g < atoms % graphs ? 1 : 0));
            return attention.count(each);
        }
        Counts listed = index == null ? null : index.table().counts().get(GraphTable.ATTENTION_EDGES);
        if (listed != null) {
            return (int) Math.ceil(graphs * listed.stream().average().orElse(0));
        }
        Integer most = attention.maxNeighbours();
        if (most == null) {
            throw new ConfigException(
                    "equiformer_max_neighbours: want a number where there are no shards to count in," + " got null");
        }
        return atoms * most;
    }

    private static void row(PrintWriter out, String name, String text) {
        out.printf("%-12s %s%n", name, text);
    }

    private static String bytes(long bytes) {
        if (bytes < 10_000) {
            return bytes + " B";
        }
        double mega = bytes * 1e-6;
        return mega < 10
                ? String.format(Locale.ROOT, "%.1f kB", bytes * 1e-3)
                : mega < 10_000
                        ? String.format(Locale.ROOT, "%.1f MB", mega)
                        : String.format(Locale.ROOT, "%.1f GB", mega * 1e-3);
    }
}
