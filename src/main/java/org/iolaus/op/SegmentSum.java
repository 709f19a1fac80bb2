package org.iolaus.op;

import java.util.Arrays;
import java.util.List;
import org.iolaus.ir.Cost;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.LoopSum;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Sample;
import org.iolaus.ir.Type;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// Sum of the rows that share an index value, in ascending row order: `x: (E, ...)`, index `(E)` below `R`,
/// result `(R, ...)`.
public record SegmentSum() implements Op {

    @Override
    public Type infer(List<Type> inputs) {
        Shape x = inputs.get(0).shape();
        Type index = inputs.get(1);
        if (x.rank() == 0 || !x.dim(0).equals(index.shape().dim(0))) {
            throw new ShapeException(name() + ": want as many rows as indices, got " + x + " and " + index);
        }
        return Type.floats(x.with(0, index.indexRange()));
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        return Arrays.asList(Expr.gather(cotangent, node.input(1)), null);
    }

    @Override
    public void cpu(HostCall call) {
        rows(call, 0, call.index(1).range());
    }

    /// Computes result rows `from <= r < to`.
    @Override
    public void rows(HostCall call, int from, int to) {
        HostView x = call.in(0);
        HostView out = call.out();
        Index index = call.index(1);
        int[] start = index.start();
        int[] order = index.sorted() ? null : index.order();
        int row = x.rowLength();
        double[] sum = new double[row];
        for (int r = from; r < to; r++) {
            Arrays.fill(sum, 0);
            for (int p = start[r]; p < start[r + 1]; p++) {
                int at = x.offset() + (order == null ? p : order[p]) * row;
                double[] data = x.data();
                for (int c = 0; c < row; c++) {
                    sum[c] += data[at + c];
                }
            }
            System.arraycopy(sum, 0, out.data(), out.offset() + r * row, row);
        }
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
        return new LoopSum.Segments(1);
    }

    @Override
    public boolean wantsCompressedRows(int operand) {
        return operand == 1;
    }

    @Override
    public long sharedWork(HostCall call) {
        return call.in(0).volume();
    }

    @Override
    public List<Sample> samples() {
        return List.of(
                Sample.of(this, Sample.floats(31, 5), Sample.indices(31, 7, false)),
                Sample.of(this, Sample.floats(9, 3, 2), Sample.indices(9, 4, true)),
                Sample.of(this, Sample.floats(0, 3), Sample.indices(0, 3, true)));
    }
}
