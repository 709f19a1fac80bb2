package org.iolaus.attention.equiformer;

import org.iolaus.ir.Node;
import org.jspecify.annotations.Nullable;

/// The edges that attention runs over, with what all layers read of them.
///
/// @param source sender of each edge: E -> N
/// @param target receiver: E -> N
/// @param elements atomic number of each atom, or another number of its kind: N -> elements
/// @param frames turns features into the edges' own frames and back
/// @param scalars what does not turn
/// @param envelope (E, 1): weight that goes to 0 at the cutoff; null without: then edges count in full up to
///     it
public record EdgeSet(
        Node source,
        Node target,
        Node elements,
        EdgeFrames frames,
        EdgeScalars scalars,
        @Nullable Node envelope) {

    /// The same edges with the vectors of the elements at their ends among the scalars.
    EdgeSet with(AtomEdgeEmbedding embedding) {
        EdgeScalars more = scalars.with(embedding, elements, source, target);
        return new EdgeSet(source, target, elements, frames, more, envelope);
    }
}
