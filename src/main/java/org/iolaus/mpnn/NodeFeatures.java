package org.iolaus.mpnn;

import org.iolaus.ir.Node;
import org.jspecify.annotations.Nullable;

/// What atoms carry from layer to layer. A part that a model has no use for is null.
///
/// @param scalars (N, C): invariant features
/// @param positions (N, 3), Å, where layers move the atoms; null: the atoms are where the batch has them
/// @param vectors (N, 3, C): one vector for each channel, components x, y, z; null before the first layer: zero
/// @param irreps (N, K, C): coefficients of real spherical harmonics for each channel, by rising degree and then by
///     rising order; K is what the model that writes them says. Message passing that has none does not hand them on
public record NodeFeatures(
        Node scalars,
        @Nullable Node positions,
        @Nullable Node vectors,
        @Nullable Node irreps) {

    public static NodeFeatures ofScalars(Node scalars) {
        return new NodeFeatures(scalars, null, null, null);
    }

    public NodeFeatures withScalars(Node changed) {
        return new NodeFeatures(changed, positions, vectors, irreps);
    }

    public NodeFeatures withPositions(@Nullable Node changed) {
        return new NodeFeatures(scalars, changed, vectors, irreps);
    }

    public NodeFeatures withVectors(@Nullable Node changed) {
        return new NodeFeatures(scalars, positions, changed, irreps);
    }

    public NodeFeatures withIrreps(@Nullable Node changed) {
        return new NodeFeatures(scalars, positions, vectors, changed);
    }
}
