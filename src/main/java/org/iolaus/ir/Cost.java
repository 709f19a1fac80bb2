package org.iolaus.ir;

import org.iolaus.tensor.Sizes;

/// What one run of an operation costs.
///
/// @param flops arithmetic operations (a multiply-add counts two)
/// @param elements array elements read and written, in numbers of full length; times the element size gives bytes
public record Cost(long flops, long elements) {
    public static final Cost NONE = new Cost(0, 0);

    /// Of an operation that reads each input once and writes its result once.
    public static Cost touching(Node node, Sizes sizes, long flops) {
        long elements = node.shape().volume().value(sizes);
        for (Node input : node.inputs()) {
            elements += input.shape().volume().value(sizes);
        }
        return new Cost(flops, elements);
    }

    public Cost plus(Cost other) {
        return new Cost(flops + other.flops, elements + other.elements);
    }
}
