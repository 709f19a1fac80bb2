package org.iolaus.op;

import java.util.Arrays;
import java.util.List;
import org.iolaus.ir.Cost;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Sample;
import org.iolaus.ir.Type;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// Largest of the rows that share an index value, element by element; 0 where there is none. Ties share the
/// gradient evenly.
///
/// `x: (E, ...)`, index `(E)` below `R`, result `(R, ...)`.
public record SegmentMax() implements Op {

    @Override
    public Type infer(List<Type> inputs) {
        return new SegmentSum().infer(inputs);
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        Node x = node.input(0);
        Node index = node.input(1);
        Node isMax = Expr.equal(x, Expr.gather(node, index));
        Node ties = Expr.segmentSum(isMax, index);
        Node share = Expr.div(cotangent, Expr.max(ties, Expr.full(node.shape(), 1)));
        return Arrays.asList(Expr.mul(isMax, Expr.gather(share, index)), null);
    }

    @Override
    public void cpu(HostCall call) {
        HostView x = call.in(0);
        HostView out = call.out();
        Index index = call.index(1);
        int[] start = index.start();
        int[] order = index.order();
        int row = x.rowLength();
        for (int r = 0; r < index.range(); r++) {
            for (int c = 0; c < row; c++) {
                double best = start[r] == start[r + 1] ? 0 : Double.NEGATIVE_INFINITY;
                for (int p = start[r]; p < start[r + 1]; p++) {
                    best = Math.max(best, x.get(order[p] * row + c));
                }
                out.set(r * row + c, best);
            }
        }
    }

    @Override
    public Cost cost(Node node, Sizes sizes) {
        return Cost.touching(node, sizes, node.input(0).shape().volume().value(sizes));
    }

    @Override
    public boolean wantsCompressedRows(int operand) {
        return operand == 1;
    }

    @Override
    public List<Sample> samples() {
        return List.of(
                Sample.of(this, Sample.floats(31, 5), Sample.indices(31, 7, false)),
                Sample.of(this, Sample.floats(9, 2), Sample.indices(9, 4, true)));
    }
}
