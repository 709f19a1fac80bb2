package org.iolaus.model;

import java.util.Arrays;
import org.iolaus.model.Architecture.AttentionScope;
import org.jspecify.annotations.Nullable;

/// The edges that a global attention runs over where they are not those of the message passing: a neighbour list of
/// its own, or all ordered pairs of atoms.
///
/// @param pairsOf the atoms that are paired with each other; null: edges are those of a neighbour list
/// @param self whether each atom is paired with itself, too; without, nothing may have periodic images
/// @param cutoffAngstrom cutoff of the neighbour list; likewise `maxNeighbours`, nearest neighbours kept per atom,
///     null keeps all
public record AttentionEdges(
        @Nullable AttentionScope pairsOf,
        boolean self,
        double cutoffAngstrom,
        @Nullable Integer maxNeighbours) {

    static AttentionEdges listed(double cutoffAngstrom, @Nullable Integer maxNeighbours) {
        return new AttentionEdges(null, false, cutoffAngstrom, maxNeighbours);
    }

    static AttentionEdges pairs(AttentionScope scope, boolean self) {
        return new AttentionEdges(scope, self, 0, null);
    }

    /// Those of an architecture; null if there are none.
    ///
    /// @throws ModelException if its attention cannot be built
    public static @Nullable AttentionEdges of(Architecture architecture) {
        return GlobalAttention.of(architecture).edges();
    }

    /// Whether they come from a neighbour list, not from [#pairs].
    public boolean listed() {
        return pairsOf == null;
    }

    /// Whether periodic images are refused: a pair would have several vectors.
    public boolean refusesImages() {
        return !listed() && !self;
    }

    /// What they are, in a few words.
    public String what() {
        if (listed()) {
            return "edges";
        }
        return "pairs of " + (self ? "" : "different ") + "atoms of "
                + (pairsOf == AttentionScope.BATCH ? "the batch" : "a graph");
    }

    /// The edges of a batch.
    ///
    /// @param graph each atom's graph
    public AllPairs pairs(int[] graph) {
        requirePairs();
        return AllPairs.of(pairsOf == AttentionScope.BATCH ? new int[graph.length] : graph, self);
    }

    /// Number of [#pairs] of a batch.
    ///
    /// @param atoms of each of its graphs
    public int count(int[] atoms) {
        requirePairs();
        long all = Arrays.stream(atoms).asLongStream().sum();
        long squares = Arrays.stream(atoms).mapToLong(n -> (long) n * n).sum();
        return Math.toIntExact((pairsOf == AttentionScope.BATCH ? all * all : squares) - (self ? 0 : all));
    }

    private void requirePairs() {
        if (listed()) {
            throw new IllegalStateException("attention: want pairs, got a neighbour list");
        }
    }
}
