package org.iolaus.op;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.ir.Cost;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Sample;
import org.iolaus.ir.Type;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// Arrays one after another along an axis of constant extents; all other extents agree.
public record Concat(int axis) implements Op {

    @Override
    public Type infer(List<Type> inputs) {
        Shape first = inputs.getFirst().shape();
        int total = 0;
        for (Type input : inputs) {
            Shape shape = input.shape();
            if (shape.rank() != first.rank() || !shape.with(axis, Dim.of(1)).equals(first.with(axis, Dim.of(1)))) {
                throw new ShapeException(name() + ": want shapes equal but for axis " + axis + ", got " + inputs);
            }
            total += shape.dim(axis).intValue();
        }
        return Type.floats(first.with(axis, Dim.of(total)));
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        List<@Nullable Node> parts = new ArrayList<>();
        int start = 0;
        for (Node input : node.inputs()) {
            int length = input.shape().dim(axis).intValue();
            parts.add(Expr.slice(cotangent, axis, start, length));
            start += length;
        }
        return parts;
    }

    @Override
    public void cpu(HostCall call) {
        int start = 0;
        for (int i = 0; i < call.arguments().size(); i++) {
            HostView part = call.in(i);
            Slice.copyBand(part, 0, call.out(), start, axis, part.shape()[axis]);
            start += part.shape()[axis];
        }
    }

    @Override
    public Cost cost(Node node, Sizes sizes) {
        return Cost.touching(node, sizes, 0);
    }

    @Override
    public double instructions(Node node) {
        return 1;
    }

    @Override
    public boolean isZero(List<Boolean> zero) {
        return !zero.contains(false);
    }

    @Override
    public List<Sample> samples() {
        return List.of(
                Sample.of(new Concat(1), Sample.floats(31, 3), Sample.floats(31, 1), Sample.floats(31, 5)),
                Sample.of(new Concat(0), Sample.floats(2, 4), Sample.floats(1, 4)),
                Sample.of(new Concat(1), Sample.floats(2, 1, 4), Sample.floats(2, 2, 4)));
    }
}
