package org.iolaus.attention.gps;

import org.iolaus.ir.Node;
import org.iolaus.nn.Initializer;
import org.iolaus.nn.Linear;
import org.iolaus.nn.Parameters.Group;
import org.iolaus.nn.Scope;
import org.iolaus.nn.SegmentSoftmax;
import org.iolaus.op.Expr;

/// Attention of Vaswani et al. 2017: weights are the softmax over an atom's pairs of `q . k / sqrt(C / H)`.
///
/// Parameters are packed as in PyTorch: queries, keys and values are the thirds of one dense layer.
final class MultiheadAttention implements Attention {
    private final int heads;
    private final int channels;
    private final Linear in;
    private final Linear out;

    /// @param channels a multiple of `heads`
    MultiheadAttention(Scope scope, int channels, int heads) {
        this.heads = heads;
        this.channels = channels;
        Initializer start = Initializer.constant(0);
        in = new Linear(
                scope.parameter("in_proj_weight", Initializer.xavierUniform(1), 3 * channels, channels),
                scope.parameter(Group.BIASES, "in_proj_bias", start, 3 * channels));
        out = Linear.of(scope.at("out_proj"), channels, channels, Initializer.dense(channels), start);
    }

    @Override
    public Node apply(Node x, Pairs pairs) {
        Node queries = Expr.scale(third(0, x), Math.sqrt((double) heads / channels));
        Node logits = Attention.products(queries, third(1, x), pairs);
        Node weights = SegmentSoftmax.of(logits, pairs.target(), null);
        return out.apply(Attention.collect(weights, third(2, x), pairs));
    }

    /// (N, H, C / H)
    private Node third(int part, Node x) {
        return Attention.byHead(in.rows(part * channels, channels).apply(x), heads);
    }
}
