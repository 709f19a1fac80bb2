package org.iolaus.lower;

import java.util.List;
import org.iolaus.ir.Cost;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Node;
import org.iolaus.ir.Sample;
import org.iolaus.ir.Type;
import org.iolaus.op.BilinearProduct;
import org.iolaus.op.BilinearTerms;
import org.iolaus.op.Gather;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.Sizes;

/// A [BilinearProduct] of rows that an index chooses, which are not written out: `a: (E, entries)`, `x: (N,
/// columns, C)`, `index: (E)` below N, result `(E, rows, C)`; only lowering makes it.
public record GatherBilinear(BilinearTerms terms) implements LoweredOp {

    @Override
    public Type infer(List<Type> inputs) {
        Type gathered = new Gather().infer(inputs.subList(1, 3));
        return new BilinearProduct(terms).infer(List.of(inputs.getFirst(), gathered));
    }

    @Override
    public void cpu(HostCall call) {
        HostView x = call.in(1);
        int[] shape = {call.index(2).length(), terms.columns(), x.shape()[2]};
        HostView rows = new HostView(new double[shape[0] * shape[1] * shape[2]], 0, shape);
        new Gather().cpu(new HostCall(rows, List.of(HostCall.Argument.of(x), HostCall.Argument.of(call.index(2)))));
        new BilinearProduct(terms)
                .cpu(new HostCall(call.out(), List.of(HostCall.Argument.of(call.in(0)), HostCall.Argument.of(rows))));
    }

    @Override
    public Cost cost(Node node, Sizes sizes) {
        Shape out = node.shape();
        long items = out.dim(0).value(sizes);
        return Cost.touching(node, sizes, 2 * items * out.dim(2).value(sizes) * terms.size());
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
    public double instructions(Node node) {
        return new BilinearProduct(terms).instructions(node);
    }

    @Override
    public List<Sample> samples() {
        return List.of();
    }
}
