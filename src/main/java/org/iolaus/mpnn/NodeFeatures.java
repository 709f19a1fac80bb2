package org.iolaus.mpnn;

import org.iolaus.ir.Node;
import org.jspecify.annotations.Nullable;

/// What atoms carry from layer to layer.
///
/// @param invariant (N, C)
/// @param equivariant what turns with the molecule: (N, 3) positions, or (N, 3, C) vectors; null where there
///     is none, which for vectors means zero
/// @param sphere (N, K, C): coefficients of functions on the sphere that a global attention keeps; null
///     without one. Message passing neither reads them nor hands them on
public record NodeFeatures(
        Node invariant,
        @Nullable Node equivariant,
        @Nullable Node sphere) {

    public NodeFeatures(Node invariant, @Nullable Node equivariant) {
        this(invariant, equivariant, null);
    }

    public NodeFeatures withInvariant(Node changed) {
        return new NodeFeatures(changed, equivariant, sphere);
    }

    public NodeFeatures withSphere(@Nullable Node changed) {
        return new NodeFeatures(invariant, equivariant, changed);
    }
}
