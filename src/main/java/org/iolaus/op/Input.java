package org.iolaus.op;

import org.iolaus.ir.Leaf;
import org.iolaus.ir.Type;

/// A value that comes with the batch: numbers or an index.
public record Input(String label, Type declared) implements Leaf {

    @Override
    public Kind kind() {
        return Kind.INPUT;
    }
}
