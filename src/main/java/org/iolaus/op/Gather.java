package org.iolaus.op;

import java.util.Arrays;
import java.util.List;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Sample;
import org.iolaus.ir.Type;
import org.iolaus.ir.View;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;
import org.jspecify.annotations.Nullable;

/// Rows by number: `x: (R, ...)`, index `(E)` with values below `R`, result `(E, ...)`.
public record Gather() implements View {

    @Override
    public Type infer(List<Type> inputs) {
        Shape x = inputs.get(0).shape();
        Type index = inputs.get(1);
        if (x.rank() == 0 || !x.dim(0).equals(index.indexRange())) {
            throw new ShapeException(
                    name() + ": want as many rows as the index ranges over, got " + x + " and " + index);
        }
        return Type.floats(x.with(0, index.shape().dim(0)));
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        return Arrays.asList(Expr.segmentSum(cotangent, node.input(1)), null);
    }

    @Override
    public void cpu(HostCall call) {
        HostView x = call.in(0);
        Index index = call.index(1);
        HostView out = call.out();
        int row = x.rowLength();
        for (int e = 0; e < index.length(); e++) {
            System.arraycopy(x.data(), x.offset() + index.values()[e] * row, out.data(), out.offset() + e * row, row);
        }
    }

    @Override
    public Op part(int axis, int length) {
        return this;
    }

    @Override
    public List<Sample> samples() {
        return List.of(
                Sample.of(this, Sample.floats(7, 5), Sample.indices(31, 7, false)),
                Sample.of(this, Sample.floats(4, 3, 2), Sample.indices(9, 4, true)),
                Sample.of(this, Sample.floats(3, 1), Sample.indices(0, 3, true)));
    }
}
