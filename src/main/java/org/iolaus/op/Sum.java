package org.iolaus.op;

import java.util.List;
import org.iolaus.ir.Cost;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.LoopSum;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Sample;
import org.iolaus.ir.Type;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// Sum over axes, which stay with extent 1.
public record Sum(List<Integer> axes) implements Op {

    public Sum {
        axes = List.copyOf(axes);
    }

    @Override
    public Type infer(List<Type> inputs) {
        Shape shape = inputs.getFirst().shape();
        for (int axis : axes) {
            shape = shape.with(axis, Dim.of(1));
        }
        return Type.floats(shape);
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        return List.of(Expr.broadcast(cotangent, node.input(0).shape()));
    }

    @Override
    public void cpu(HostCall call) {
        HostView x = call.in(0);
        HostView out = call.out();
        java.util.Arrays.fill(out.data(), out.offset(), out.offset() + out.volume(), 0);
        int[] shape = x.shape();
        int n = x.volume();
        // the innermost axis that is not 1 runs as one loop; its result advances or stays
        int last = shape.length - 1;
        while (last > 0 && shape[last] == 1) {
            last--;
        }
        int inner = shape.length == 0 ? 1 : shape[last];
        boolean innerSummed = axes.contains(last);
        for (int from = 0; from < n; from += inner) {
            int to = outIndex(from, shape);
            int at = x.offset() + from;
            double[] data = x.data();
            double[] result = out.data();
            if (innerSummed) {
                double sum = 0;
                for (int i = 0; i < inner; i++) {
                    sum += data[at + i];
                }
                result[out.offset() + to] += sum;
            } else {
                int base = out.offset() + to;
                for (int i = 0; i < inner; i++) {
                    result[base + i] += data[at + i];
                }
            }
        }
    }

    private int outIndex(int flat, int[] shape) {
        int rest = flat;
        int to = 0;
        int stride = 1;
        for (int axis = shape.length - 1; axis >= 0; axis--) {
            int coordinate = rest % shape[axis];
            rest /= shape[axis];
            if (!axes.contains(axis)) {
                to += coordinate * stride;
                stride *= shape[axis];
            }
        }
        return to;
    }

    @Override
    public Cost cost(Node node, Sizes sizes) {
        return Cost.touching(node, sizes, node.input(0).shape().volume().value(sizes));
    }

    @Override
    public boolean isZero(List<Boolean> zero) {
        return zero.get(0);
    }

    @Override
    public Op part(int axis, int length) {
        return this;
    }

    @Override
    public LoopSum loopSum() {
        return new LoopSum.Axes(axes);
    }

    @Override
    public boolean readsBf16(int operand) {
        return true;
    }

    @Override
    public List<Sample> samples() {
        return List.of(
                Sample.of(new Sum(List.of(0)), Sample.floats(33, 5)),
                Sample.of(new Sum(List.of(1)), Sample.floats(4, 31)),
                Sample.of(new Sum(List.of(0, 1)), Sample.floats(4, 3)),
                Sample.of(new Sum(List.of(1)), Sample.floats(4, 3, 5)),
                Sample.of(new Sum(List.of(0, 2)), Sample.floats(4, 3, 5)));
    }
}
