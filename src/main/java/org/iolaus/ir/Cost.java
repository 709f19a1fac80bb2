package org.iolaus.ir;

/// What one run of an operation costs.
///
/// @param flops arithmetic operations (a multiply-add counts two)
/// @param elements array elements read and written; times the element size gives bytes
public record Cost(long flops, long elements) {
    public static final Cost NONE = new Cost(0, 0);

    public Cost plus(Cost other) {
        return new Cost(flops + other.flops, elements + other.elements);
    }
}
