package org.iolaus.nn;

import org.iolaus.ir.Node;
import org.iolaus.op.Expr;

/// How the features of a graph's atoms become the features of the graph.
public enum Pooling {
    MEAN,
    ADD,
    MAX;

    /// Pools the atoms of each graph.
    ///
    /// @param x (N, C)
    /// @param graph index of each atom's graph: N -> G
    /// @param atoms (G, 1): atoms of each graph, at least 1
    /// @return (G, C)
    public Node apply(Node x, Node graph, Node atoms) {
        return switch (this) {
            case MEAN -> Expr.div(Expr.segmentSum(x, graph), atoms);
            case ADD -> Expr.segmentSum(x, graph);
            case MAX -> Expr.segmentMax(x, graph);
        };
    }
}
