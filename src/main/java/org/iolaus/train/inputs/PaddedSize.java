package org.iolaus.train.inputs;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.iolaus.model.Inputs;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// Sizes that a batch is padded to, so that few of them occur: a device's work is prepared once for each.
///
/// @param values by symbol: atoms N, edges E, graphs G, and whatever else is counted; padding included
public record PaddedSize(Map<String, Integer> values) {
    /// Of nothing.
    public static final PaddedSize NONE = new PaddedSize(Map.of());

    /// One of each that models read.
    public static final PaddedSize ONE =
            new PaddedSize(Inputs.SYMBOLS.stream().collect(Collectors.toMap(symbol -> symbol, _ -> 1)));

    private static final Set<String> WITHOUT_PAIRS_OF_EDGES = Set.of("N", "E", "G", "A");

    /// Steps of the ladder between a power of two and the next: padding is below 1/16.
    private static final int STEPS_PER_OCTAVE = 16;

    public PaddedSize {
        values = Map.copyOf(values);
    }

    /// The padded size of a batch. It has at least one graph more than the batch, and an atom in each such graph. It
    /// is a function of the batch's sizes alone, so that a restart rounds as the first run did.
    ///
    /// @param exact sizes of the batch
    /// @param atomsPerGraph where all graphs have as many: so have those of the padding
    static PaddedSize of(Map<String, Integer> exact, @Nullable Integer atomsPerGraph) {
        Map<String, Integer> padded = new HashMap<>();
        exact.forEach((symbol, size) -> padded.put(symbol, rung(Math.max(1, size))));
        if (!WITHOUT_PAIRS_OF_EDGES.containsAll(exact.keySet())) {
            padded.put("E", rung(exact.getOrDefault("E", 0) + 1)); // padding of what pairs edges pairs those of padding
        }
        int graphs = exact.getOrDefault("G", 0);
        int g = rung(graphs + 1);
        padded.put("G", g);
        padded.put(
                "N",
                atomsPerGraph == null
                        ? rung(exact.getOrDefault("N", 0) + g - graphs)
                        : Math.multiplyExact(g, atomsPerGraph));
        return new PaddedSize(padded);
    }

    /// The smallest rung that is not below `n`.
    static int rung(int n) {
        int octave = Integer.highestOneBit(n);
        int step = Math.max(1, octave / STEPS_PER_OCTAVE);
        return Math.ceilDiv(n, step) * step;
    }

    /// The size of a symbol; 0 of what is not counted.
    public int of(String symbol) {
        return values.getOrDefault(symbol, 0);
    }

    public int atoms() {
        return of("N");
    }

    public int edges() {
        return of("E");
    }

    public int graphs() {
        return of("G");
    }

    /// Enough for either.
    public PaddedSize or(PaddedSize other) {
        Map<String, Integer> larger = new HashMap<>(values);
        other.values.forEach((symbol, size) -> larger.merge(symbol, size, Math::max));
        return new PaddedSize(larger);
    }

    /// The next larger size of each symbol.
    public PaddedSize larger() {
        Map<String, Integer> larger = new HashMap<>();
        values.forEach((symbol, size) -> larger.put(symbol, rung(size + 1)));
        return new PaddedSize(larger);
    }

    public Sizes sizes() {
        return new Sizes(values);
    }
}
