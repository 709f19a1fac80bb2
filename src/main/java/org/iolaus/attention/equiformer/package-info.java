/// EquiformerV2 (Liao, Wood, Das and Smidt 2024): its layers, each by its paper name, and the network made of them.
///
/// Shapes: N atoms, E edges, G graphs, C channels, K = (lmax+1)^2 coefficients of a node, R of them with |m| <= mmax.
/// Node features are (N, K, C), degree by degree. Names of parameters are those of the paper's PyTorch code.
@NullMarked
package org.iolaus.attention.equiformer;

import org.jspecify.annotations.NullMarked;
