package org.iolaus.lower;

import java.util.List;
import org.iolaus.ir.Cost;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Node;
import org.iolaus.ir.Sample;
import org.iolaus.ir.Type;
import org.iolaus.op.BilinearProduct;
import org.iolaus.op.BilinearTerms;
import org.iolaus.op.SegmentSum;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Sizes;

/// The [SegmentSum] of a [BilinearProduct] that is not written out: `a: (E, entries)`, `x: (E, columns, C)`,
/// `index: (E)` below N, result `(N, rows, C)`; only lowering makes it.
public record BilinearSegmentSum(BilinearTerms terms) implements LoweredOp {

    @Override
    public Type infer(List<Type> inputs) {
        Type product = new BilinearProduct(terms).infer(inputs.subList(0, 2));
        return new SegmentSum().infer(List.of(product, inputs.get(2)));
    }

    @Override
    public void cpu(HostCall call) {
        HostView x = call.in(1);
        int[] shape = {x.shape()[0], terms.rows(), x.shape()[2]};
        HostView product = new HostView(new double[shape[0] * shape[1] * shape[2]], 0, shape);
        new BilinearProduct(terms)
                .cpu(new HostCall(product, List.of(HostCall.Argument.of(call.in(0)), HostCall.Argument.of(x))));
        new SegmentSum()
                .cpu(new HostCall(
                        call.out(), List.of(HostCall.Argument.of(product), HostCall.Argument.of(call.index(2)))));
    }

    @Override
    public Cost cost(Node node, Sizes sizes) {
        long items = node.input(0).shape().dim(0).value(sizes);
        return Cost.touching(node, sizes, 2 * items * node.shape().dim(2).value(sizes) * terms.size());
    }

    @Override
    public boolean readsBf16(int operand) {
        return operand == 1;
    }

    @Override
    public boolean writesBf16() {
        return true;
    }

    @Override
    public boolean wantsCompressedRows(int operand) {
        return operand == 2;
    }

    @Override
    public List<Sample> samples() {
        return List.of();
    }
}
