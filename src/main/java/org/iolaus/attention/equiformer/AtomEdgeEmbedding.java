package org.iolaus.attention.equiformer;

import org.iolaus.ir.Node;
import org.iolaus.nn.Initializer;
import org.iolaus.nn.Parameters.Group;
import org.iolaus.nn.Scope;

/// Learned vectors of the elements at an edge's ends.
///
/// @param source (elements, C): of the sender
/// @param target (elements, C): of the receiver
record AtomEdgeEmbedding(Node source, Node target) {

    static AtomEdgeEmbedding of(Scope scope, int elements, int channels, Initializer init) {
        return new AtomEdgeEmbedding(
                scope.at("source_embedding").parameter(Group.EMBEDDINGS, "weight", init, elements, channels),
                scope.at("target_embedding").parameter(Group.EMBEDDINGS, "weight", init, elements, channels));
    }

    /// A module's own pair, which starts small.
    static AtomEdgeEmbedding own(Scope scope, EdgeChannels channels) {
        return of(scope, channels.elements(), channels.second(), Initializer.uniform(0.001));
    }
}
