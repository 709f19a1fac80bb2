package org.iolaus.data;

import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The graphs of one rank and step, one after another in flat arrays of exactly the sizes that they need: N
/// atoms, E edges, G graphs. Units eV and Å. Edges go from source to target and are sorted by target;
/// `edge_vector = pos[source] + shift - pos[target]`.
///
/// @param graphIds `(G)` numbers of the graphs in the shard set, ascending
/// @param graphOfAtom `(N)` 0..G-1, ascending
/// @param positions `(N, 3)`
/// @param lists edges by the symbol of their number: [GraphTable#EDGES], [GraphTable#ATTENTION_EDGES] if the set was
///     made for a global attention with its own, ...
/// @param cell `(G, 3, 3)` lattice vectors as rows; zeros without a box
/// @param dataset `(G)` number of the dataset of each graph
/// @param energy `(G)`; null unless all frames of the set have it, as for `forces` `(N, 3)` and `stress` `(G,
///     3, 3)`
/// @param atomColumns further values per atom by name
/// @param graphColumns further values per graph by name
/// @param globalGraphs graphs of this step over all ranks; likewise `globalAtoms`
/// @param rngKey seeds everything random in the step; another one for each rank and step
@SuppressWarnings("ArrayRecordComponent")
public record Batch(
        int[] graphIds,
        int[] atomicNumbers,
        int[] graphOfAtom,
        double[] positions,
        Map<String, Edges> lists,
        double[] cell,
        int[] dataset,
        double @Nullable [] energy,
        double @Nullable [] forces,
        double @Nullable [] stress,
        Map<String, Column> atomColumns,
        Map<String, Column> graphColumns,
        long globalGraphs,
        long globalAtoms,
        long rngKey) {

    /// Edges, or other pairs.
    ///
    /// @param source `(E)` atoms of this batch; likewise `target`, ascending
    /// @param shift `(E, 3)` from the source as given to its image; empty for pairs without
    /// @param over the symbol of what is paired: atoms, or another list's edges
    @SuppressWarnings("ArrayRecordComponent")
    public record Edges(int[] source, int[] target, double[] shift, String over) {
        public Edges(int[] source, int[] target, double[] shift) {
            this(source, target, shift, GraphTable.ATOMS);
        }

        /// E.
        public int size() {
            return source.length;
        }
    }

    /// A column of a batch.
    ///
    /// @param values `(N or G, width)`
    @SuppressWarnings("ArrayRecordComponent")
    public record Column(double[] values, int width) {}

    /// N.
    public int atoms() {
        return atomicNumbers.length;
    }

    /// E.
    public int edges() {
        return source().length;
    }

    /// `(E)` atoms of this batch; likewise `target`, ascending.
    public int[] source() {
        return list(GraphTable.EDGES).source;
    }

    public int[] target() {
        return list(GraphTable.EDGES).target;
    }

    /// `(E, 3)` from the source as given to its image.
    public double[] edgeShift() {
        return list(GraphTable.EDGES).shift;
    }

    private Edges list(String symbol) {
        return Objects.requireNonNull(lists.get(symbol), symbol);
    }

    /// G.
    public int graphs() {
        return graphIds.length;
    }

    /// What it occupies, roughly.
    public long bytes() {
        long perAtom = 2L * Integer.BYTES + 3L * Double.BYTES * (forces == null ? 1 : 2);
        long all = lists.values().stream().mapToLong(Edges::size).sum();
        long bytes = atoms() * perAtom + all * (2L * Integer.BYTES + 3L * Double.BYTES) + graphs() * 88L;
        for (Column column : atomColumns.values()) {
            bytes += (long) column.values.length * Double.BYTES;
        }
        return bytes;
    }
}
