package org.iolaus.attention.equiformer;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.nn.Linear;
import org.iolaus.op.Expr;

/// The invariant features of an edge, as columns: its own features, then vectors of the elements at its two ends.
///
/// @param features (E, B): the distance embedding, and what else is known of an edge
/// @param ends vectors of elements, in order
public record EdgeScalars(Node features, List<End> ends) {

    /// The vector of the element at one end of each edge.
    ///
    /// @param table (elements, C)
    /// @param elements of each atom: N -> elements
    /// @param end of each edge: E -> N
    public record End(Node table, Node elements, Node end) {}

    public static EdgeScalars of(Node features) {
        return new EdgeScalars(features, List.of());
    }

    EdgeScalars with(AtomEdgeEmbedding embedding, Node elements, Node source, Node target) {
        List<End> all = new ArrayList<>(ends);
        all.add(new End(embedding.source(), elements, source));
        all.add(new End(embedding.target(), elements, target));
        return new EdgeScalars(features, List.copyOf(all));
    }

    /// (E, out): a dense layer of the columns. Its products with the vectors of elements are computed once for each
    /// element and then looked up.
    Node through(Linear layer) {
        int width = features.shape().dim(1).intValue();
        Node sum = new Linear(layer.columns(0, width).weight(), layer.bias()).apply(features);
        int start = width;
        for (End each : ends) {
            int columns = each.table().shape().dim(1).intValue();
            Node product = layer.columns(start, columns).apply(each.table());
            sum = Expr.add(sum, Expr.gather(Constants.lookUp(product, each.elements()), each.end()));
            start += columns;
        }
        int columns = layer.weight().shape().dim(1).intValue();
        if (start != columns) {
            throw new IllegalArgumentException("EdgeScalars: want " + columns + " columns, got " + start);
        }
        return sum;
    }
}
