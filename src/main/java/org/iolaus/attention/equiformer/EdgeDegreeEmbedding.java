package org.iolaus.attention.equiformer;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.nn.Scope;
import org.iolaus.op.Expr;
import org.iolaus.so3.CoefficientMapping;
import org.iolaus.tensor.Shape;
import org.jspecify.annotations.Nullable;

/// Embedding of an atom's surroundings before the first layer. A radial function gives each edge a weight for every
/// degree: a function on the sphere that is symmetric about the edge (m = 0). The sum over an atom's edges is divided
/// by a typical degree.
public final class EdgeDegreeEmbedding {
    private final CoefficientMapping mapping;
    private final int channels;
    private final double rescale;
    private final @Nullable AtomEdgeEmbedding embedding;
    private final RadialFunction radial;

    /// Makes the radial function and, if the widths ask for it, the embeddings of elements.
    ///
    /// @param rescale what sums are divided by
    public EdgeDegreeEmbedding(
            Scope scope, CoefficientMapping mapping, int channels, EdgeChannels edge, double rescale) {
        this.mapping = mapping;
        this.channels = channels;
        this.rescale = rescale;
        embedding = edge.elements() == 0 ? null : AtomEdgeEmbedding.own(scope, edge);
        radial = RadialFunction.of(scope.at("rad_func"), edge, mapping.mSize()[0] * channels);
    }

    public So3Embedding apply(EdgeSet edges) {
        EdgeSet known = embedding == null ? edges : edges.with(embedding);
        Node weights = radial.apply(known.scalars());
        if (edges.envelope() != null) {
            weights = Expr.mul(weights, edges.envelope());
        }
        Node byDegree = Expr.reshape(weights, Shape.of(weights.shape().dim(0), mapping.mSize()[0], channels));
        List<Node> sums = new ArrayList<>();
        int start = 0;
        for (int i = 0; i < mapping.resolutions(); i++) {
            CoefficientMapping one = mapping.resolution(i);
            Node own = Expr.slice(byDegree, 1, start, one.lmax() + 1);
            start += one.lmax() + 1;
            Node turned = edges.frames().rotateBackFromZero(i, own);
            sums.add(Expr.scale(Expr.segmentSum(turned, edges.target()), 1 / rescale));
        }
        return new So3Embedding(mapping, sums);
    }
}
