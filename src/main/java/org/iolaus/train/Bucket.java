package org.iolaus.train;

import java.util.Map;
import org.iolaus.tensor.Sizes;

/// Sizes that a batch is padded to, so that few of them occur: a device's work is prepared once for each.
///
/// @param atoms N, likewise `edges` E and `graphs` G, padding included
public record Bucket(int atoms, int edges, int graphs) {

    /// Steps of the ladder between a power of two and the next: padding is below 1/16.
    private static final int STEPS_PER_OCTAVE = 16;

    /// The bucket of a batch. It has at least one graph more than the batch, and an atom in each such graph. It is a
    /// function of the batch's sizes alone, so that a restart rounds as the first run did.
    static Bucket of(int atoms, int edges, int graphs) {
        int g = rung(graphs + 1);
        return new Bucket(rung(atoms + g - graphs), rung(Math.max(1, edges)), g);
    }

    /// The bucket of a batch of graphs that all have `slots` atoms: so have those of the padding.
    static Bucket ofEqualGraphs(int edges, int graphs, int slots) {
        int g = rung(graphs + 1);
        return new Bucket(Math.multiplyExact(g, slots), rung(Math.max(1, edges)), g);
    }

    /// The smallest rung that is not below `n`.
    static int rung(int n) {
        int octave = Integer.highestOneBit(n);
        int step = Math.max(1, octave / STEPS_PER_OCTAVE);
        return Math.ceilDiv(n, step) * step;
    }

    /// Enough for either.
    public Bucket or(Bucket other) {
        return new Bucket(Math.max(atoms, other.atoms), Math.max(edges, other.edges), Math.max(graphs, other.graphs));
    }

    /// Values of the symbols N, E and G.
    public Sizes sizes() {
        return new Sizes(Map.of("N", atoms, "E", edges, "G", graphs));
    }
}
