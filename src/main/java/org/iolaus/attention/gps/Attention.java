package org.iolaus.attention.gps;

import org.iolaus.ir.Node;
import org.iolaus.op.Expr;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;

/// Atoms collect values of other atoms.
interface Attention {

    /// Who attends to whom, sorted by who collects.
    ///
    /// @param source A -> N: whose values are collected
    /// @param target A -> N: who collects
    record Pairs(Node source, Node target) {}

    /// x: (N, C) -> (N, C)
    Node apply(Node x, Pairs pairs);

    /// (N, H * D) -> (N, H, D)
    static Node byHead(Node x, int heads) {
        int width = x.shape().dim(1).intValue() / heads;
        return Expr.reshape(x, Shape.of(x.shape().dim(0), heads, width));
    }

    /// Sums of products of what the two atoms of a pair have: (N, H, D), (N, H, D) -> (A, H)
    static Node products(Node collecting, Node collected, Pairs pairs) {
        Node product = Expr.mul(Expr.gather(collecting, pairs.target()), Expr.gather(collected, pairs.source()));
        return Expr.squeeze(Expr.sum(product, 2), 2);
    }

    /// Weighted sums of values: (A, H), (N, H, D) -> (N, H * D)
    static Node collect(Node weights, Node values, Pairs pairs) {
        Node weighted = Expr.mul(Expr.gather(values, pairs.source()), Expr.unsqueeze(weights, 2));
        Node sums = Expr.segmentSum(weighted, pairs.target());
        Dim width = values.shape().dim(1).times(values.shape().dim(2));
        return Expr.reshape(sums, Shape.of(values.shape().dim(0), width));
    }
}
