package org.iolaus.run;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;
import org.iolaus.comm.SoloComm;
import org.iolaus.config.ConfigException;
import org.iolaus.cuda.DeviceProgram;
import org.iolaus.data.Counts;
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
import org.iolaus.tensor.Sizes;
import org.iolaus.train.Training;
import org.iolaus.train.engine.DeviceEngine;
import org.iolaus.train.engine.MemoryPrediction;
import org.iolaus.train.inputs.BatchInputs;
import org.iolaus.train.inputs.PaddedSize;
import org.iolaus.train.loop.RunBatches;
import org.jspecify.annotations.Nullable;

/// What a training step costs on one rank, before it is made.
public final class StepDescription {
    private final ConfiguredModel configured;
    private final Model model;
    private final @Nullable ShardIndex index;
    private final Given given;
    private final Training settings;
    private final Program program;
    private final Precision precision;
    private final boolean host;
    private final Schedule schedule;
    private final Sizes sizes;

    /// The sizes of a batch, as far as they are given. What is not follows from the configuration and the mean of
    /// the data.
    public record Given(
            @Nullable Integer graphs,
            @Nullable Integer atoms,
            @Nullable Integer edges) {
        private boolean isEmpty() {
            return graphs == null && atoms == null && edges == null;
        }
    }

    /// @param index of the data; null if atoms and edges are given
    public StepDescription(ConfiguredModel configured, @Nullable ShardIndex index, Given given) {
        this.configured = configured;
        this.model = configured.model();
        this.index = index;
        this.given = given;
        this.settings = configured.training();
        this.program = model.train(settings.convCheckpointing());
        this.host = settings.device() == Training.Device.CPU;
        this.precision = host ? Precision.FP64 : settings.precision();
        this.schedule = Lowering.run(program, host ? Target.HOST : Target.DEVICE, precision.lowPrecision());
        this.sizes = sizes();
    }

    public String title() {
        return "%s, batch of %d graphs, %d atoms, %d edges"
                .formatted(model.architecture().mpnnType(), sizes.of("G"), sizes.of("N"), sizes.of("E"));
    }

    /// The program and its schedule; for a device also what it starts for each step.
    public String program() {
        String text = "%s%n%s".formatted(program, schedule);
        return host
                ? text
                : DeviceProgram.tasks(program, precision, sizes).stream()
                        .map(task -> "step %d: %s%n".formatted(task.step(), task.work()))
                        .collect(Collectors.joining("", text + System.lineSeparator(), ""));
    }

    /// Hands over names and values of what there is to say.
    ///
    /// @param checkDevice whether to open the device and refuse what would not fit
    public void rows(boolean checkDevice, BiConsumer<String, String> out) {
        int number = precision.bytes();
        MemoryPlan plan = MemoryPlan.of(schedule, sizes);
        Cost cost = schedule.cost(sizes);
        long parameters = model.parameters().count(Role.TRAINED);
        long bucket = Math.max(1, ((long) settings.gradientBucketMib() << 20) / number);
        out.accept(
                "parameters",
                "%,d trained (%s), %,d in buffers"
                        .formatted(
                                parameters,
                                bytes(number * parameters),
                                model.parameters().count(Role.BUFFER)));
        out.accept(
                "program",
                "%,d nodes, %,d steps after lowering"
                        .formatted(program.nodes().size(), schedule.steps().size()));
        out.accept(
                "arena",
                "%s for what is computed (at most %s live at once)"
                        .formatted(bytes(number * plan.elements()), bytes(number * plan.live())));
        attention(out);
        if (!host) {
            memory(out, checkDevice);
        }
        out.accept("arithmetic", "%.4g MFLOP per step".formatted(cost.flops() * 1e-6));
        out.accept(
                "traffic",
                "%s read and written per step, %.2f FLOP per byte"
                        .formatted(
                                bytes(number * cost.elements()), cost.flops() / ((double) number * cost.elements())));
        out.accept(
                "messages",
                "%d all-reduces of %s in all per step"
                        .formatted((parameters + bucket - 1) / bucket + 1, bytes(number * parameters)));
    }

    /// Who attends to whom, and what that takes.
    private void attention(BiConsumer<String, String> out) {
        AttentionEdges edges = model.attentionEdges();
        int number = precision.bytes();
        if (edges != null) {
            long heads = model.architecture().attention().globalAttnHeads();
            out.accept(
                    "attention",
                    "%,d %s, %d heads, %s for each array of their weights"
                            .formatted(sizes.of("A"), edges.what(), heads, bytes(number * heads * sizes.of("A"))));
        }
    }

    /// What a run takes of the device: in the largest of all its batches, or in the one that was given.
    private void memory(BiConsumer<String, String> out, boolean checkDevice) {
        BatchInputs inputs = new BatchInputs(model, configured.columns(), 1);
        Map<String, Integer> exact = new HashMap<>(sizes.values());
        if (model.attentionEdges() == null) {
            exact.remove("A");
        }
        Set<PaddedSize> training = Set.of(inputs.paddedSize(new PaddedSize(exact)));
        Set<PaddedSize> evaluation = training;
        if (index != null && given.isEmpty()) {
            RunBatches batches = new RunBatches(inputs, index, settings, EpochPlan.Ranks.of(1));
            training = batches.training(settings.epochStart());
            evaluation = batches.evaluation();
        }
        MemoryPrediction prediction = MemoryPrediction.of(model, settings, precision, training, evaluation);
        PaddedSize largest = training.stream().reduce(PaddedSize.NONE, PaddedSize::or);
        out.accept(
                "largest",
                "%,d graphs, %,d atoms, %,d edges, padding included, in %d sizes of batches"
                        .formatted(largest.graphs(), largest.atoms(), largest.edges(), training.size()));
        out.accept(
                "memory",
                "%s on the device: %s"
                        .formatted(
                                bytes(prediction.total()),
                                prediction.parts().entrySet().stream()
                                        .map(part -> part.getKey() + " " + bytes(part.getValue()))
                                        .collect(Collectors.joining(", "))));
        if (!checkDevice) {
            out.accept("", "and what the context and the libraries take, which --check-device measures");
            return;
        }
        try (SoloComm alone = new SoloComm();
                DeviceEngine engine = (DeviceEngine) EngineFactory.engine(alone, settings)) {
            long free = engine.freeBytes();
            out.accept(
                    "device",
                    "%s: %s free, %s in use by the context, libraries and others"
                            .formatted(engine.deviceName(), bytes(free), bytes(engine.usedBeforeBytes())));
            if (given.graphs == null) {
                prediction.requireRoom(free, engine.deviceName(), settings, largest);
            } else {
                prediction.requireRoom(free, engine.deviceName(), "--graphs", given.graphs, largest);
            }
        }
    }

    private Sizes sizes() {
        int g = given.graphs != null ? given.graphs : settings.batchSize();
        double meanAtoms = 0;
        double meanEdges = 0;
        if (index != null) {
            meanAtoms = (double) index.statistics().atoms()
                    / Math.max(1, index.statistics().graphs());
            meanEdges = (double) index.statistics().edges()
                    / Math.max(1, index.statistics().graphs());
        }
        int n = given.atoms != null ? given.atoms : (int) Math.ceil(g * meanAtoms);
        int e = given.edges != null ? given.edges : (int) Math.ceil(g * meanEdges);
        return new Sizes(Map.of("G", g, "N", n, "E", e, "A", attentionEdges(model.attentionEdges(), index, g, n)));
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
