package org.iolaus.model;

import org.iolaus.model.Architecture.Equiformer;
import org.iolaus.model.Architecture.EquiformerEdges;
import org.jspecify.annotations.Nullable;

/// The edges that a global attention runs over where they are not those of the message passing.
///
/// @param complete all ordered pairs of different atoms of a graph, without periodic images; the rest does
///     not count
/// @param cutoffAngstrom cutoff of the neighbour list
/// @param maxNeighbours nearest neighbours kept per atom; null keeps all
public record AttentionEdges(
        boolean complete, double cutoffAngstrom, @Nullable Integer maxNeighbours) {

    /// Null if there are none.
    public static @Nullable AttentionEdges of(Architecture architecture) {
        if (!Equiformers.hasOwnEdges(architecture)) {
            return null;
        }
        Equiformer settings = architecture.attention().equiformer();
        return new AttentionEdges(
                settings.edges() == EquiformerEdges.COMPLETE, settings.radius(), settings.maxNeighbours());
    }
}
