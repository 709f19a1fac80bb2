/// GPS (Rampášek et al. 2022): message passing and attention side by side in each layer.
///
/// Shapes: N atoms, E edges, A pairs of atoms that attend, C channels, H heads, P encodings of positions. Names of
/// parameters are those of HydraGNN, which has the layer from PyTorch Geometric.
@NullMarked
package org.iolaus.attention.gps;

import org.jspecify.annotations.NullMarked;
