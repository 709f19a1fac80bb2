package org.iolaus.model;

import org.iolaus.ir.Node;

/// The layers of one quantity: (G, W) for graphs, (N, W) for atoms, from the features of the batch.
@FunctionalInterface
interface Head {
    Node apply(Encoding encoding);
}
