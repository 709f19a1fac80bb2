package org.iolaus.nn;

import java.util.HashMap;
import java.util.Map;
import org.iolaus.ir.Node;
import org.iolaus.op.Expr;
import org.iolaus.tensor.Shape;
import org.jspecify.annotations.Nullable;

/// A batch of graphs as layers see it: edges and positions.
///
/// Quantities that several layers need are computed once, so the backward pass visits them once too.
public final class Graph {
    private final Node positions;
    private final Node source;
    private final Node target;
    private final Node shift;
    private final @Nullable Node edgeFeatures;
    private final Map<Node, Geometry> geometries = new HashMap<>();
    private @Nullable Node degree;

    /// A batch from the nodes that describe it.
    ///
    /// @param positions (N, 3), Å
    /// @param source index of each edge's sending atom: E -> N
    /// @param target index of each edge's receiving atom: E -> N
    /// @param shift (E, 3): Å, added to the source's position
    /// @param edgeFeatures (E, D); null without
    public Graph(Node positions, Node source, Node target, Node shift, @Nullable Node edgeFeatures) {
        this.positions = positions;
        this.source = source;
        this.target = target;
        this.shift = shift;
        this.edgeFeatures = edgeFeatures;
    }

    /// The same graph with other edge features.
    public Graph withEdgeFeatures(@Nullable Node changed) {
        return new Graph(positions, source, target, shift, changed);
    }

    public Node positions() {
        return positions;
    }

    public Node source() {
        return source;
    }

    public Node target() {
        return target;
    }

    public Node shift() {
        return shift;
    }

    public @Nullable Node edgeFeatures() {
        return edgeFeatures;
    }

    /// The edges of atoms at `positions` (N, 3).
    public Geometry geometry(Node positions) {
        return geometries.computeIfAbsent(positions, p -> new Geometry(this, p));
    }

    /// (N, 1): edges that enter each atom, at least 1.
    public Node degree() {
        Node result = degree;
        if (result == null) {
            Node ones = Expr.full(Shape.of("E", 1), 1);
            result = Expr.max(Expr.segmentSum(ones, target), Expr.constant(1));
            degree = result;
        }
        return result;
    }
}
