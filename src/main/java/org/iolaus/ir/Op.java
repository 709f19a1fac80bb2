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

    /// What one run costs; unless an operation says otherwise, one piece of arithmetic for each element of the result.
    default Cost cost(Node node, Sizes sizes) {
        return Cost.touching(node, sizes, node.shape().volume().value(sizes));
    }

    /// How many roundings lie between the inputs and an element of the result, one after another, where numbers have
    /// few
    /// digits; 0 for what only moves or chooses numbers. A sum over k numbers has k - 1.
    ///
    /// @param call the arguments, which tell how many numbers are added up
    default long roundings(HostCall call) {
        return 0;
    }

    default String name() {
        return getClass().getSimpleName();
    }
}
