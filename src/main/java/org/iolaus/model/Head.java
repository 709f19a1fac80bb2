package org.iolaus.model;

import org.iolaus.ir.Node;

/// One quantity's layers: (G, W) for graphs, (N, W) for atoms, from what the stack made of the batch.
@FunctionalInterface
interface Head {
    Node apply(Encoding encoding);
}
