package org.iolaus.op;

import org.iolaus.ir.Leaf;
import org.iolaus.ir.Type;

/// A value that belongs to the model: a weight or a buffer.
public record Parameter(String label, Type declared) implements Leaf {

    @Override
    public Kind kind() {
        return Kind.PARAMETER;
    }
}
