package org.iolaus.train.engine;

import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.iolaus.comm.DeviceComm;
import org.iolaus.comm.SoloComm;
import org.iolaus.cuda.CountingRuntime;
import org.iolaus.cuda.DeviceException;
import org.iolaus.lower.Precision;
import org.iolaus.model.Model;
import org.iolaus.train.Training;
import org.iolaus.train.inputs.PaddedSize;

/// What training will take of a device's memory, in bytes; the context and the libraries come on top. It is counted by
/// what makes room for training: the same objects, on a device that only counts.
///
/// @param parts bytes by name, the largest first: `values`, `gradient`, `optimizer`, what is `computed` on the way in
///     the largest batch, `inputs` in use and on their way, `results` of evaluation, values and results of the `best`
///     model, which is evaluated at the end, and `other`
/// @param fixed the part of `computed` that the smallest batch takes too
public record MemoryPrediction(Map<String, Long> parts, long fixed) {
    private static final PaddedSize SMALLEST = PaddedSize.ONE;

    public MemoryPrediction {
        Map<String, Long> sorted = new LinkedHashMap<>();
        parts.entrySet().stream()
                .filter(part -> part.getValue() > 0)
                .sorted(Map.Entry.<String, Long>comparingByValue().reversed().thenComparing(Map.Entry.comparingByKey()))
                .forEach(part -> sorted.put(part.getKey(), part.getValue()));
        parts = Collections.unmodifiableMap(sorted);
    }

    /// For a model, the batches that it is trained on and those that it is evaluated on.
    ///
    /// @param evaluation may be empty: only training steps
    public static MemoryPrediction of(
            Model model,
            Training settings,
            Precision precision,
            Collection<PaddedSize> training,
            Collection<PaddedSize> evaluation) {
        CountingRuntime device = new CountingRuntime();
        try (SoloComm alone = new SoloComm();
                DeviceComm sums = DeviceComm.open(DeviceComm.Kind.AUTO, alone, device)) {
            DeviceEngine engine = new DeviceEngine(1, device, precision, sums);
            FlatLayout layout = new FlatLayout(model.parameters());
            Supplier<DeviceState> room = () -> new DeviceState(device, precision, layout, () -> new double[0]);
            DeviceState values = room.get();
            DeviceState average = settings.emaDecay() == null ? null : room.get();
            DeviceStep step = new DeviceStep(engine, model, values, average, settings, new StepProfile());
            step.reserve(training);
            if (!evaluation.isEmpty()) {
                new DeviceForward(engine, model.evaluate(), values).reserve(evaluation);
            }
            Map<String, Long> parts = new HashMap<>(device.allocated());
            if (!evaluation.isEmpty()) {
                long before = engine.usedBytes();
                new DeviceForward(engine, model.evaluate(), room.get()).makeRoom(evaluation);
                parts.put("best", engine.usedBytes() - before);
            }
            long fixed = step.memory(SMALLEST).arena();
            return new MemoryPrediction(parts, Math.min(fixed, parts.getOrDefault("computed", 0L)));
        }
    }

    /// All of it.
    public long total() {
        return parts.values().stream().mapToLong(Long::longValue).sum();
    }

    private long part(String name) {
        return parts.getOrDefault(name, 0L);
    }

    /// Refuses batches that do not fit, naming the setting that makes them smaller.
    ///
    /// @param free memory of the device before anything of this is allocated, bytes
    /// @param device for the message
    /// @param largest batch, padding included
    public void requireRoom(long free, String device, Training settings, PaddedSize largest) {
        requireRoom(free, device, setting(settings), limit(settings), largest);
    }

    /// The same for batches that do not come from the configuration.
    ///
    /// @param setting what the user changes
    /// @param limit its value
    public void requireRoom(long free, String device, String setting, int limit, PaddedSize largest) {
        if (total() <= free) {
            return;
        }
        long always = total() - part("computed") + fixed - part("inputs") - part("results");
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
