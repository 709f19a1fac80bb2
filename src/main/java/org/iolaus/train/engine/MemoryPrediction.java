package org.iolaus.train.engine;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.iolaus.cuda.DeviceException;
import org.iolaus.cuda.DeviceProgram;
import org.iolaus.cuda.Kernels;
import org.iolaus.ir.Program;
import org.iolaus.lower.Lowering;
import org.iolaus.lower.Precision;
import org.iolaus.lower.Schedule;
import org.iolaus.lower.Target;
import org.iolaus.model.Model;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.Training;
import org.iolaus.train.inputs.Bucket;
import org.iolaus.train.optimize.UpdateRule;

/// What training will take of a device's memory, in bytes; the context and the libraries come on top.
///
/// @param values parameters and buffers, twice with averages of them; likewise `gradient`, with the other values that
/// are summed over ranks
/// @param optimizer its state
/// @param computed what a program computes on the way, in the largest batch
/// @param fixed the part of `computed` that the smallest batch takes too
/// @param inputs of the largest batch, four times: in use and on their way
/// @param results what evaluation fetches
/// @param best values and results of the best model, which is evaluated at the end
/// @param other constants, counters, losses not fetched yet
public record MemoryPrediction(
        long values,
        long gradient,
        long optimizer,
        long computed,
        long fixed,
        long inputs,
        long results,
        long best,
        long other) {
    /// For a model, the batches that it is trained on and those that it is evaluated on.
    ///
    /// @param evaluation may be empty: only training steps
    public static MemoryPrediction of(
            Model model,
            Training settings,
            Precision precision,
            Collection<Bucket> training,
            Collection<Bucket> evaluation) {
        int bytes = precision.bytes();
        Program train = settings.program(model);
        Schedule schedule = Lowering.run(train, Target.DEVICE, precision.narrowing());
        DeviceProgram.Memory memory = largest(schedule, precision, training);
        long smallest = DeviceProgram.memory(schedule, new Bucket(1, 1, 1, 1).sizes(), precision)
                .arena();
        long other = DeviceProgram.constantBytes(schedule, precision);
        long results = 0;
        long constants = 0;
        if (!evaluation.isEmpty()) {
            Program evaluate = model.evaluate();
            Schedule lowered = Lowering.run(evaluate, Target.DEVICE, precision.narrowing());
            memory = memory.or(largest(lowered, precision, evaluation));
            constants = DeviceProgram.constantBytes(lowered, precision);
            results = results(evaluate, evaluation) * bytes;
        }
        FlatLayout layout = new FlatLayout(model.parameters());
        FlatLayout.Gradient gradient = layout.gradient(train, Long.MAX_VALUE);
        long trained = layout.trained();
        long values = layout.size() * bytes;
        long losses = gradient.losses().size();
        UpdateRule rule = UpdateRule.of(settings.optimizer());
        other += settings.optimizer().noDecay().isEmpty() ? 0 : trained / Kernels.DECAY_BLOCK;
        other += 8 + 8L * (2 + Kernels.squareSumParts(trained)) + DeviceStep.HISTORY * losses * bytes;
        long earlier =
                settings.gradientAccumulationSteps() > 1 ? gradient.losses().end() * bytes : 0;
        return new MemoryPrediction(
                settings.emaDecay() == null ? values : 2 * values,
                gradient.size() * bytes + earlier,
                rule.slots().size() * trained * bytes,
                Math.max(1, memory.arena()) + Math.max(1, memory.workspace()),
                Math.min(smallest, memory.arena()),
                DeviceEngine.INPUT_BLOCKS * (DeviceEngine.HEADER + memory.inputs()),
                results,
                evaluation.isEmpty() ? 0 : values + results + constants,
                other + constants);
    }

    private static DeviceProgram.Memory largest(Schedule schedule, Precision precision, Collection<Bucket> buckets) {
        return buckets.stream()
                .map(bucket -> DeviceProgram.memory(schedule, bucket.sizes(), precision))
                .reduce(new DeviceProgram.Memory(0, 0, 0), DeviceProgram.Memory::or);
    }

    private static long results(Program program, Collection<Bucket> buckets) {
        Bucket all = buckets.stream().reduce(new Bucket(1, 1, 1, 1), Bucket::or);
        return program.outputs().values().stream()
                .mapToLong(node ->
                        FlatLayout.aligned(HostTensor.volume(node.shape().bind(all.sizes()))))
                .sum();
    }

    /// All of it.
    public long total() {
        return values + gradient + optimizer + computed + inputs + results + best + other;
    }

    /// The parts by name, the largest first, those of nothing left out.
    public Map<String, Long> parts() {
        Map<String, Long> all = Map.of(
                "values", values,
                "gradient", gradient,
                "optimizer", optimizer,
                "computed", computed,
                "inputs", inputs,
                "results", results,
                "best", best,
                "other", other);
        Map<String, Long> sorted = new LinkedHashMap<>();
        all.entrySet().stream()
                .filter(part -> part.getValue() > 0)
                .sorted(Map.Entry.<String, Long>comparingByValue().reversed().thenComparing(Map.Entry.comparingByKey()))
                .forEach(part -> sorted.put(part.getKey(), part.getValue()));
        return sorted;
    }

    /// Refuses batches that do not fit, naming the setting that makes them smaller.
    ///
    /// @param free memory of the device before anything of this is allocated, bytes
    /// @param device for the message
    /// @param largest batch, padding included
    public void requireRoom(long free, String device, Training settings, Bucket largest) {
        requireRoom(free, device, setting(settings), limit(settings), largest);
    }

    /// The same for batches that do not come from the configuration.
    ///
    /// @param setting what the user changes
    /// @param limit its value
    public void requireRoom(long free, String device, String setting, int limit, Bucket largest) {
        if (total() <= free) {
            return;
        }
        long always = values + gradient + optimizer + fixed + best + other;
        // one less: padding is a graph more
        long fits = (long) Math.floor((double) (free - always) / (total() - always) * limit) - 1;
        String parts = parts().entrySet().stream()
                .map(part -> part.getKey() + " " + gib(part.getValue()))
                .collect(Collectors.joining(", "));
        throw new DeviceException(
                setting + ": want batches that fit into the " + gib(free) + " free on " + device + ", got " + limit
                        + ": the largest batch (" + largest.graphs() + " graphs, " + largest.atoms() + " atoms, "
                        + largest.edges() + " edges, padding included) takes " + gib(total()) + " (" + parts + "); "
                        + (fits > 0 ? "about " + fits + " would fit" : "not even the smallest would fit"));
    }

    private static String setting(Training settings) {
        return "NeuralNetwork.Training."
                + switch (settings.batching().mode()) {
                    case FIXED -> "batch_size";
                    case NODE_BUDGET -> "Batching.max_nodes";
                    case EDGE_BUDGET -> "Batching.max_edges";
                };
    }

    private static int limit(Training settings) {
        Training.Batching batching = settings.batching();
        return switch (batching.mode()) {
            case FIXED -> settings.batchSize();
            case NODE_BUDGET -> Objects.requireNonNull(batching.maxNodes());
            case EDGE_BUDGET -> Objects.requireNonNull(batching.maxEdges());
        };
    }

    private static String gib(long bytes) {
        return bytes < 1 << 30
                ? String.format(Locale.ROOT, "%.2f MiB", bytes / (double) (1 << 20))
                : String.format(Locale.ROOT, "%.2f GiB", bytes / (double) (1 << 30));
    }
}
