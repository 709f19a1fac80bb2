package org.iolaus.ir;

import java.util.List;
import org.iolaus.tensor.Shape;

/// An operation with arguments to try it on; numbers are drawn at random from the given interval.
public record Sample(Op op, List<Argument> arguments) {

    public sealed interface Argument {}

    /// Numbers in `[low, high]`.
    public record Floats(Shape shape, double low, double high) implements Argument {}

    /// `length` indices in `[0, range)`, ascending or in any order; where `range > 2` the value 1 never occurs.
    public record Indices(int length, int range, boolean sorted) implements Argument {}

    public static Sample of(Op op, Argument... arguments) {
        return new Sample(op, List.of(arguments));
    }

    public static Argument floats(Object... dims) {
        return new Floats(Shape.of(dims), -1.5, 1.5);
    }

    public static Argument positive(Object... dims) {
        return new Floats(Shape.of(dims), 0.3, 2.0);
    }

    public static Argument indices(int length, int range, boolean sorted) {
        return new Indices(length, range, sorted);
    }
}
