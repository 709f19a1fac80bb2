package org.iolaus.op;

import java.util.List;
import org.iolaus.ir.Cost;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Node;
import org.iolaus.ir.Sample;
import org.iolaus.ir.Type;
import org.iolaus.ir.View;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// The same elements in the same order under another shape.
public record Reshape(Shape target) implements View {

    @Override
    public Type infer(List<Type> inputs) {
        Shape shape = inputs.getFirst().shape();
        if (!shape.volume().equals(target.volume())) {
            throw new ShapeException(name() + ": want " + target.volume() + " elements, got " + shape);
        }
        return Type.floats(target);
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        return List.of(Expr.reshape(cotangent, node.input(0).shape()));
    }

    @Override
    public void cpu(HostCall call) {
        HostView x = call.in(0);
        System.arraycopy(x.data(), x.offset(), call.out().data(), call.out().offset(), x.volume());
    }

    @Override
    public Cost cost(Node node, Sizes sizes) {
        return Cost.NONE;
    }

    @Override
    public List<Sample> samples() {
        return List.of(Sample.of(new Reshape(Shape.of(3, 10)), Sample.floats(6, 5)));
    }
}
