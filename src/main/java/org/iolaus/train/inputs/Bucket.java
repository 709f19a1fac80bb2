package org.iolaus.train.inputs;

import java.util.Map;
import org.iolaus.tensor.Sizes;

/// Sizes that a batch is padded to, so that few of them occur: a device's work is prepared once for each.
///
/// @param atoms N, likewise `edges` E and `graphs` G, padding included
/// @param attentionEdges A: edges of a global attention that has its own; 0 without
public record Bucket(int atoms, int edges, int graphs, int attentionEdges) {

    /// Steps of the ladder between a power of two and the next: padding is below 1/16.
    private static final int STEPS_PER_OCTAVE = 16;

    /// The bucket of a batch. It has at least one graph more than the batch, and an atom in each such graph. It is a
    /// function of the batch's sizes alone, so that a restart rounds as the first run did.
    ///
    /// @param attentionEdges -1 without any
    static Bucket of(int atoms, int edges, int graphs, int attentionEdges) {
        int g = rung(graphs + 1);
        return new Bucket(rung(atoms + g - graphs), rung(Math.max(1, edges)), g, attention(attentionEdges));
    }

    private static int attention(int edges) {
        return edges < 0 ? 0 : rung(Math.max(1, edges));
    }

    /// The bucket of a batch of graphs that all have `slots` atoms: so have those of the padding.
    static Bucket ofEqualGraphs(int edges, int graphs, int attentionEdges, int slots) {
        int g = rung(graphs + 1);
        return new Bucket(Math.multiplyExact(g, slots), rung(Math.max(1, edges)), g, attention(attentionEdges));
    }

    /// The smallest rung that is not below `n`.
    static int rung(int n) {
        int octave = Integer.highestOneBit(n);
        int step = Math.max(1, octave / STEPS_PER_OCTAVE);
        return Math.ceilDiv(n, step) * step;
    }

    /// Enough for either.
    public Bucket or(Bucket other) {
        return new Bucket(
                Math.max(atoms, other.atoms),
                Math.max(edges, other.edges),
                Math.max(graphs, other.graphs),
                Math.max(attentionEdges, other.attentionEdges));
    }

    /// The next larger size of each kind.
    public Bucket larger() {
        return new Bucket(
                rung(atoms + 1), rung(edges + 1), rung(graphs + 1), attentionEdges == 0 ? 0 : rung(attentionEdges + 1));
    }

    /// Values of the symbols N, E, G and A.
    public Sizes sizes() {
        return new Sizes(Map.of("N", atoms, "E", edges, "G", graphs, "A", attentionEdges));
    }
}
