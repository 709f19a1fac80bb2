package org.iolaus.run;

import org.iolaus.config.ConfigException;
import org.iolaus.data.Neighbours;
import org.iolaus.data.ShardIndex;
import org.iolaus.model.Architecture;
import org.iolaus.model.AttentionEdges;
import org.jspecify.annotations.Nullable;

/// The neighbour lists that an architecture asks for.
public final class Cutoffs {
    private Cutoffs() {}

    /// The cutoff of message passing, Å.
    ///
    /// @throws ConfigException if there is none
    public static double radius(Architecture architecture) {
        if (architecture.radius() == null) {
            throw new ConfigException("NeuralNetwork.Architecture.radius: want a cutoff in Å, got none");
        }
        return architecture.radius();
    }

    /// The neighbour list of a global attention, if it needs its own.
    public static @Nullable Neighbours attention(Architecture architecture) {
        AttentionEdges edges = AttentionEdges.of(architecture);
        return edges == null || !edges.listed() ? null : new Neighbours(edges.cutoffAngstrom(), edges.maxNeighbours());
    }

    /// Refuses shards whose lists were made with other settings.
    static void requireIn(ShardIndex index, Architecture architecture) {
        index.requireNeighbours(radius(architecture), architecture.maxNeighbours(), attention(architecture));
    }
}
