package org.iolaus.op;

import java.util.List;
import org.iolaus.ir.Cost;
import org.iolaus.ir.DeviceKernel;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Sample;
import org.iolaus.ir.Type;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// Sums of the squares of runs of numbers: (n, 1) -> (parts, 1). Each run has `ceil(n / parts)` numbers but for the
/// last ones, which have what is left. Devices sum in double.
public record SquareSums(int parts) implements Op {
    @Override
    public Type infer(List<Type> inputs) {
        Shape shape = inputs.getFirst().shape();
        if (shape.rank() != 2 || !shape.dim(0).isConstant() || !shape.dim(1).isOne() || parts < 1) {
            throw new ShapeException(name() + ": want (n, 1) and parts > 0, got " + shape + " and " + parts);
        }
        return Type.floats(Shape.of(parts, 1));
    }

    private int run(int n) {
        return Math.ceilDiv(n, parts);
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        Node x = node.input(0);
        int run = run(x.shape().dim(0).intValue());
        Node each = Expr.reshape(Expr.broadcast(cotangent, Shape.of(parts, run)), Shape.of(parts * run, 1));
        return List.of(Expr.scale(
                Expr.mul(x, Expr.slice(each, 0, 0, x.shape().dim(0).intValue())), 2));
    }

    @Override
    public void cpu(HostCall call) {
        rows(call, 0, parts);
    }

    @Override
    public long sharedWork(HostCall call) {
        return call.in(0).volume();
    }

    @Override
    public void rows(HostCall call, int from, int to) {
        HostView x = call.in(0);
        int run = run(x.volume());
        for (int part = from; part < to; part++) {
            int i = Math.min(part * run, x.volume());
            int end = Math.min(i + run, x.volume());
            double even = 0;
            double odd = 0; // beside the other: an addition takes longer than the next one needs to begin
            for (; i + 1 < end; i += 2) {
                even += x.get(i) * x.get(i);
                odd += x.get(i + 1) * x.get(i + 1);
            }
            call.out().set(part, even + odd + (i < end ? x.get(i) * x.get(i) : 0));
        }
    }

    @Override
    public DeviceKernel kernel(List<int[]> operands, int[] result) {
        int n = operands.getFirst()[0];
        return new DeviceKernel("square_sums", 256, new long[] {n, run(n)});
    }

    @Override
    public Cost cost(Node node, Sizes sizes) {
        return Cost.touching(node, sizes, 2 * node.input(0).shape().volume().value(sizes));
    }

    @Override
    public List<Sample> samples() {
        return List.of(
                Sample.of(new SquareSums(4), Sample.floats(33, 1)),
                Sample.of(new SquareSums(1), Sample.floats(7, 1)),
                Sample.of(new SquareSums(7), Sample.floats(5, 1)));
    }
}
