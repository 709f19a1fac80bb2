package org.iolaus.ir;

import org.iolaus.tensor.Dim;
import org.iolaus.tensor.ElementType;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;
import org.jspecify.annotations.Nullable;

/// What a node yields.
///
/// @param shape extents
/// @param element numbers or indices
/// @param range for indices: values lie in `[0, range)`
public record Type(
        Shape shape, ElementType element, @Nullable Dim range) {

    public static Type floats(Shape shape) {
        return new Type(shape, ElementType.FLOAT, null);
    }

    public static Type index(Dim length, Dim range) {
        return new Type(Shape.of(length), ElementType.INDEX, range);
    }

    public boolean isIndex() {
        return element == ElementType.INDEX;
    }

    /// The range of an index.
    ///
    /// @throws ShapeException if this is not an index
    public Dim indexRange() {
        if (range == null) {
            throw new ShapeException("type: want an index, got numbers of shape " + shape);
        }
        return range;
    }

    @Override
    public String toString() {
        return isIndex() ? "index" + shape + "<" + range : shape.toString();
    }
}
