package org.iolaus.mpnn;

import org.iolaus.ir.Node;
import org.jspecify.annotations.Nullable;

/// What atoms carry from layer to layer.
///
/// @param invariant (N, C)
/// @param equivariant what turns with the molecule: (N, 3) positions, or (N, 3, C) vectors; null where there is none,
///     which for vectors means zero
public record NodeFeatures(Node invariant, @Nullable Node equivariant) {

    public NodeFeatures withInvariant(Node changed) {
        return new NodeFeatures(changed, equivariant);
    }
}
