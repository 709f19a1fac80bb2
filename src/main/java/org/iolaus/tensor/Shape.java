package org.iolaus.tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/// The extents of an array, outermost first; `()` is a scalar.
public record Shape(List<Dim> dims) {

    public static final Shape SCALAR = new Shape(List.of());

    public Shape {
        dims = List.copyOf(dims);
    }

    /// A shape from numbers, symbol names and `Dim`s: `Shape.of("E", 3, 64)`.
    public static Shape of(Object... dims) {
        List<Dim> list = new ArrayList<>(dims.length);
        for (Object dim : dims) {
            list.add(
                    switch (dim) {
                        case Dim d -> d;
                        case Integer i -> Dim.of(i);
                        case Long l -> Dim.of(l);
                        case String s -> Dim.symbol(s);
                        default -> throw new ShapeException("Shape.of: want number, name or Dim, got " + dim);
                    });
        }
        return new Shape(list);
    }

    public int rank() {
        return dims.size();
    }

    /// Extent of an axis; negative axes count from the end.
    public Dim dim(int axis) {
        return dims.get(axis(axis));
    }

    /// The axis as a non-negative number.
    public int axis(int axis) {
        int positive = axis < 0 ? axis + rank() : axis;
        if (positive < 0 || positive >= rank()) {
            throw new ShapeException("axis: want one of the " + rank() + " axes of " + this + ", got " + axis);
        }
        return positive;
    }

    public Shape with(int axis, Dim dim) {
        List<Dim> copy = new ArrayList<>(dims);
        copy.set(axis(axis), dim);
        return new Shape(copy);
    }

    /// Number of elements.
    public Dim volume() {
        Dim volume = Dim.of(1);
        for (Dim dim : dims) {
            volume = volume.times(dim);
        }
        return volume;
    }

    public int[] bind(Sizes sizes) {
        int[] bound = new int[rank()];
        for (int i = 0; i < bound.length; i++) {
            bound[i] = Math.toIntExact(dims.get(i).value(sizes));
        }
        return bound;
    }

    @Override
    public String toString() {
        return dims.stream().map(Dim::toString).collect(Collectors.joining(", ", "(", ")"));
    }
}
