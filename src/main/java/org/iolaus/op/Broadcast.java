package org.iolaus.op;

import java.util.List;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Sample;
import org.iolaus.ir.Type;
import org.iolaus.ir.View;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;
import org.jspecify.annotations.Nullable;

/// Repeats along axes of extent 1 until the given shape is reached.
public record Broadcast(Shape target) implements View {

    @Override
    public Type infer(List<Type> inputs) {
        Shape shape = inputs.getFirst().shape();
        if (!Pointwise.broadcast(name(), shape, target).equals(target)) {
            throw new ShapeException(name() + ": want a shape that stretches to " + target + ", got " + shape);
        }
        return Type.floats(target);
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        return List.of(Expr.sumTo(cotangent, node.input(0).shape()));
    }

    @Override
    public void cpu(HostCall call) {
        double[] result = Pointwise.stretch(call.in(0), call.out().shape());
        System.arraycopy(result, 0, call.out().data(), call.out().offset(), result.length);
    }

    @Override
    public Op part(int axis, int length) {
        return new Broadcast(target.with(axis, Dim.of(length)));
    }

    @Override
    public List<Sample> samples() {
        return List.of(
                Sample.of(new Broadcast(Shape.of(33, 5)), Sample.floats(1, 5)),
                Sample.of(new Broadcast(Shape.of(4, 3, 5)), Sample.floats(4, 1, 5)),
                Sample.of(new Broadcast(Shape.of(4, 31)), Sample.floats(1, 1)));
    }
}
