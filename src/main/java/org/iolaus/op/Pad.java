package org.iolaus.op;

import java.util.Arrays;
import java.util.List;
import org.iolaus.ir.Cost;
import org.iolaus.ir.DeviceKernel;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Sample;
import org.iolaus.ir.Type;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// Zeros before and after along one axis, whose extent becomes `total`: the adjoint of `Slice`.
public record Pad(int axis, int before, int total) implements Op {

    @Override
    public Type infer(List<Type> inputs) {
        Shape shape = inputs.getFirst().shape();
        if (before < 0 || before + shape.dim(axis).intValue() > total) {
            throw new ShapeException(name() + ": want axis " + axis + " of " + shape + " to fit, got " + this);
        }
        return Type.floats(shape.with(axis, Dim.of(total)));
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        int length = node.input(0).shape().dim(axis).intValue();
        return List.of(Expr.slice(cotangent, axis, before, length));
    }

    @Override
    public void cpu(HostCall call) {
        HostView x = call.in(0);
        HostView out = call.out();
        Arrays.fill(out.data(), out.offset(), out.offset() + out.volume(), 0);
        Slice.copyBand(x, 0, out, before, axis, x.shape()[axis]);
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
        return zero.get(0);
    }

    @Override
    public DeviceKernel kernel(List<int[]> operands, int[] result) {
        int[] x = operands.getFirst();
        long inner = HostTensor.volume(Arrays.copyOfRange(x, axis + 1, x.length));
        long rows = HostTensor.volume(Arrays.copyOf(x, axis));
        return new DeviceKernel("pad", rows, x[axis] * inner, before * inner, total * inner);
    }

    @Override
    public List<Sample> samples() {
        return List.of(
                Sample.of(new Pad(1, 2, 8), Sample.floats(31, 3)),
                Sample.of(new Pad(0, 0, 5), Sample.floats(3, 2)),
                Sample.of(new Pad(1, 1, 3), Sample.floats(4, 2, 5)));
    }
}
