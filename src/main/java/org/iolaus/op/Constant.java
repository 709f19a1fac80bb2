package org.iolaus.op;

import java.util.List;
import org.iolaus.ir.Cost;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Sample;
import org.iolaus.ir.Type;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// Numbers known when the program is built.
///
/// @param shape constant extents
/// @param values row-major
public record Constant(Shape shape, List<Double> values) implements Op {

    public Constant {
        values = List.copyOf(values);
    }

    @Override
    public Type infer(List<Type> inputs) {
        if (shape.volume().longValue() != values.size() || !inputs.isEmpty()) {
            throw new ShapeException("Constant: want " + shape.volume() + " values, got " + values.size());
        }
        return Type.floats(shape);
    }

    /// Whether every value is the given one.
    public boolean isAll(double value) {
        return values.stream().allMatch(v -> v == value);
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        return List.of();
    }

    @Override
    public void cpu(HostCall call) {
        for (int i = 0; i < values.size(); i++) {
            call.out().set(i, values.get(i));
        }
    }

    @Override
    public Cost cost(Node node, Sizes sizes) {
        return Cost.NONE;
    }

    @Override
    public List<Sample> samples() {
        return List.of(Sample.of(new Constant(Shape.of(2, 2), List.of(1.0, -2.0, 3.0, 4.0))));
    }
}
