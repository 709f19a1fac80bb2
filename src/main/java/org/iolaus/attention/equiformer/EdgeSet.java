package org.iolaus.attention.equiformer;

import org.iolaus.ir.Node;
import org.jspecify.annotations.Nullable;

/// The edges of attention, with everything that all layers read of them.
///
/// @param source sender of each edge: E -> N
/// @param target receiver: E -> N
/// @param elements atomic number of each atom, or another number of its kind: N -> elements
/// @param frames rotations into the frames of the edges and back
/// @param scalars invariant features
/// @param envelope (E, 1): weight that goes to 0 at the cutoff; null: edges count in full up to the cutoff
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
