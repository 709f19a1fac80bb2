package org.iolaus.op;

import java.util.List;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Node;
import org.iolaus.ir.Sample;
import org.iolaus.ir.Type;
import org.iolaus.ir.View;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;
import org.jspecify.annotations.Nullable;

/// The entries `start <= i < start + length` of one axis of constant extent.
public record Slice(int axis, int start, int length) implements View {

    @Override
    public Type infer(List<Type> inputs) {
        Shape shape = inputs.getFirst().shape();
        if (start < 0 || length < 1 || start + length > shape.dim(axis).intValue()) {
            throw new ShapeException(name() + ": want a range inside axis " + axis + " of " + shape + ", got " + this);
        }
        return Type.floats(shape.with(axis, Dim.of(length)));
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        return List.of(
                Node.of(new Pad(axis, start, node.input(0).shape().dim(axis).intValue()), cotangent));
    }

    @Override
    public void cpu(HostCall call) {
        copyBand(call.in(0), start, call.out(), 0, axis, length);
    }

    /// Copies `length` entries of an axis between two arrays that agree in all other extents.
    static void copyBand(HostView from, int fromStart, HostView to, int toStart, int axis, int length) {
        int outer = 1;
        int inner = 1;
        for (int i = 0; i < from.shape().length; i++) {
            outer *= i < axis ? from.shape()[i] : 1;
            inner *= i > axis ? from.shape()[i] : 1;
        }
        for (int o = 0; o < outer; o++) {
            System.arraycopy(
                    from.data(),
                    from.offset() + (o * from.shape()[axis] + fromStart) * inner,
                    to.data(),
                    to.offset() + (o * to.shape()[axis] + toStart) * inner,
                    length * inner);
        }
    }

    @Override
    public List<Sample> samples() {
        return List.of(
                Sample.of(new Slice(1, 2, 3), Sample.floats(31, 8)),
                Sample.of(new Slice(0, 1, 2), Sample.floats(4, 3)),
                Sample.of(new Slice(1, 0, 1), Sample.floats(4, 3, 5)));
    }
}
