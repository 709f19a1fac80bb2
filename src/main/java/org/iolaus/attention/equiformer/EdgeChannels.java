package org.iolaus.attention.equiformer;

/// Widths of the input and of the hidden layers of a module's radial function.
///
/// @param given columns of the edge scalars that the module gets
/// @param first width of the first hidden layer
/// @param second width of the second, and of each embedding of an element
/// @param elements rows of the module's own embeddings of the elements at an edge's ends; 0 without
public record EdgeChannels(int given, int first, int second, int elements) {

    /// All columns that the radial function reads.
    int scalars() {
        return elements == 0 ? given : given + 2 * second;
    }
}
