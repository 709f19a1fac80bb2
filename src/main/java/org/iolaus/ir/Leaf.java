package org.iolaus.ir;

import java.util.List;
import org.iolaus.tensor.ShapeException;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// A node whose values come from outside the program.
public interface Leaf extends Op {

    enum Kind {
        INPUT,
        PARAMETER
    }

    Kind kind();

    /// The name under which the value is bound.
    String label();

    Type declared();

    @Override
    default Type infer(List<Type> inputs) {
        if (!inputs.isEmpty()) {
            throw new ShapeException(name() + ": want no inputs, got " + inputs);
        }
        return declared();
    }

    @Override
    default List<@Nullable Node> vjp(Node node, Node cotangent) {
        return List.of();
    }

    @Override
    default void cpu(HostCall call) {
        throw new ShapeException(name() + " " + label() + ": want a bound value, got none");
    }

    @Override
    default Cost cost(Node node, Sizes sizes) {
        return Cost.NONE;
    }

    @Override
    default List<Sample> samples() {
        return List.of();
    }
}
