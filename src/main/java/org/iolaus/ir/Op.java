package org.iolaus.ir;

import java.util.List;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// A primitive operation: a record whose components are its attributes. One file holds all that is to know about it.
public interface Op {

    /// The result's type.
    ///
    /// @throws org.iolaus.tensor.ShapeException naming the operation, what it wants and what it got
    Type infer(List<Type> inputs);

    /// The vector-Jacobian product as nodes, one per input; null where nothing flows back.
    ///
    /// @param node an application of this operation
    /// @param cotangent of the node's shape
    List<@Nullable Node> vjp(Node node, Node cotangent);

    /// The definition: plain loops over doubles.
    void cpu(HostCall call);

    /// Typical arguments: for the contract test, the self-test on a node, and timing.
    List<Sample> samples();

    /// Arithmetic of one run; reads each input once and writes the output once unless an operation says otherwise.
    default Cost cost(Node node, Sizes sizes) {
        long out = node.shape().volume().value(sizes);
        long elements = out;
        for (Node input : node.inputs()) {
            elements += input.shape().volume().value(sizes);
        }
        return new Cost(out, elements);
    }

    default String name() {
        return getClass().getSimpleName();
    }
}
