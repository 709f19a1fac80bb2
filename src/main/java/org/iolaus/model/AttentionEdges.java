package org.iolaus.model;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The edges that a global attention runs over where they are not those of the message passing.
///
/// @param cutoffAngstrom cutoff of the neighbour list; likewise `maxNeighbours`, nearest neighbours kept per
///     atom, null keeps all. Without a list they do not count
public record AttentionEdges(
        Kind kind, double cutoffAngstrom, @Nullable Integer maxNeighbours) {

    /// Who attends to whom.
    public enum Kind {
        /// neighbours of a list of its own
        NEIGHBOURS,
        /// all ordered pairs of different atoms of a graph, where nothing has periodic images
        OTHERS,
        /// all ordered pairs of atoms of a graph, of an atom and itself, too
        GRAPH,
        /// the same for all atoms of a batch
        BATCH
    }

    /// Those of an architecture; null if there are none.
    ///
    /// @throws ModelException if its attention cannot be built
    public static @Nullable AttentionEdges of(Architecture architecture) {
        return GlobalAttention.of(architecture).edges();
    }

    /// Whether they come from a neighbour list, not from [#pairs].
    public boolean listed() {
        return kind == Kind.NEIGHBOURS;
    }

    /// What they are, in a few words.
    public String what() {
        return switch (kind) {
            case NEIGHBOURS -> "edges";
            case OTHERS -> "pairs of different atoms of a graph";
            case GRAPH -> "pairs of atoms of a graph";
            case BATCH -> "pairs of atoms of the batch";
        };
    }

    /// The edges of a batch.
    ///
    /// @param graph each atom's graph
    public AllPairs pairs(int[] graph) {
        return switch (kind) {
            case NEIGHBOURS -> throw new IllegalStateException("attention: want pairs, got a neighbour list");
            case OTHERS -> AllPairs.of(graph, false);
            case GRAPH -> AllPairs.of(graph, true);
            case BATCH -> AllPairs.of(new int[graph.length], true);
        };
    }

    /// Number of [#pairs] of a batch.
    ///
    /// @param atoms of each of its graphs
    public int count(int[] atoms) {
        long all = Arrays.stream(atoms).asLongStream().sum();
        long squares = Arrays.stream(atoms).mapToLong(n -> (long) n * n).sum();
        return Math.toIntExact(
                switch (kind) {
                    case NEIGHBOURS -> throw new IllegalStateException("attention: want pairs, got a neighbour list");
                    case OTHERS -> squares - all;
                    case GRAPH -> squares;
                    case BATCH -> all * all;
                });
    }
}
