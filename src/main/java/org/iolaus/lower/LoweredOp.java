package org.iolaus.lower;

import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.tensor.ShapeException;
import org.jspecify.annotations.Nullable;

/// An operation that only lowering makes, of programs whose gradients have been taken.
interface LoweredOp extends Op {
    @Override
    default List<@Nullable Node> vjp(Node node, Node cotangent) {
        throw new ShapeException(name() + ": want gradients taken before lowering, got " + node);
    }
}
