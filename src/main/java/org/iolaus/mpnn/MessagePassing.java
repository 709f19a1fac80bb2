package org.iolaus.mpnn;

import org.iolaus.ir.Node;
import org.iolaus.nn.ForwardContext;
import org.iolaus.nn.Graph;
import org.iolaus.nn.Scope;

/// A kind of message passing. It makes the layers of a network.
public interface MessagePassing {

    /// One layer.
    @FunctionalInterface
    interface Layer {
        NodeFeatures apply(NodeFeatures features, Graph graph, ForwardContext context);
    }

    /// Makes a layer and its parameters.
    ///
    /// @param in width of the scalars that enter; `out` of those that leave
    /// @param last whether no layer follows that reads vectors or positions
    Layer layer(Scope scope, int in, int out, boolean last);

    /// Width C of the vectors (N, 3, C) that leave a layer with the same arguments; 0 without.
    default int vectors(int in, int out, boolean last) {
        return 0;
    }

    /// The features that enter the first layer. x: (N, in)
    default NodeFeatures start(Node x, Graph graph) {
        return NodeFeatures.ofScalars(x);
    }

    /// Whether layers read features of edges.
    default boolean readsEdgeFeatures() {
        return true;
    }

    /// Whether an edge's message goes to the first atom that HydraGNN's `edge_index` lists for it, not to the second;
    /// files with edges of HydraGNN need it.
    default boolean firstEndReceives() {
        return false;
    }

    /// Whether each layer of the stack is followed by a [org.iolaus.nn.BatchNorm].
    default boolean normalised() {
        return false;
    }
}
