package org.iolaus.atoms;

/// The directed edges of one frame, E of them, from source to target (receiver), sorted by target, then source,
/// then cell offset. `edge_vector = pos[source] + shift - pos[target]`.
///
/// @param source `(E)` atom indices
/// @param target `(E)` atom indices, ascending
/// @param cellOffset `(E, 3)` lattice vectors between the given positions of the source and its image
/// @param shift `(E, 3)` Å, `cellOffset @ cell`
@SuppressWarnings("ArrayRecordComponent")
public record Edges(int[] source, int[] target, int[] cellOffset, double[] shift) {
    /// E.
    public int size() {
        return source.length;
    }
}
