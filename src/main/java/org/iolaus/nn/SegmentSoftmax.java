package org.iolaus.nn;

import org.iolaus.ir.Node;
import org.iolaus.op.Expr;
import org.jspecify.annotations.Nullable;

/// Softmax over the rows that share an index value, for each column: `w exp(x - max) / (sum + 1e-16)` with a weight w
/// for each row.
public final class SegmentSoftmax {
    private static final double SMALL = 1e-16;

    private SegmentSoftmax() {}

    /// x: (E, H) -> (E, H). The maximum only prevents overflow; no gradient flows through it.
    ///
    /// @param segment E -> R
    /// @param weight (E, 1), at least 0; null: 1
    public static Node of(Node x, Node segment, @Nullable Node weight) {
        Node largest = Expr.detach(Expr.segmentMax(x, segment));
        Node power = Expr.exp(Expr.sub(x, Expr.gather(largest, segment)));
        Node weighted = weight == null ? power : Expr.mul(power, weight);
        Node total = Expr.shift(Expr.segmentSum(weighted, segment), SMALL);
        return Expr.div(weighted, Expr.gather(total, segment));
    }
}
