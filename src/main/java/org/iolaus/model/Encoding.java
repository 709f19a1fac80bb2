package org.iolaus.model;

import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.iolaus.attention.equiformer.EquiformerEngine;
import org.iolaus.ir.Node;
import org.iolaus.mpnn.NodeFeatures;
import org.iolaus.nn.ForwardContext;
import org.iolaus.nn.Graph;
import org.jspecify.annotations.Nullable;

/// What the heads read.
///
/// @param atoms features after the last layer
/// @param pooled (G, H): features of graphs
/// @param graph edges, for heads that pass messages
/// @param attention the evaluation of the global attention; null without
/// @param known what heads share, by who made it
record Encoding(
        NodeFeatures atoms,
        Node pooled,
        Graph graph,
        ForwardContext context,
        EquiformerEngine.@Nullable Run attention,
        Map<Object, Node> known) {

    Encoding(
            NodeFeatures atoms,
            Node pooled,
            Graph graph,
            ForwardContext context,
            EquiformerEngine.@Nullable Run attention) {
        this(atoms, pooled, graph, context, attention, new HashMap<>());
    }

    /// The node that `rule` makes, made once per encoding and key.
    Node once(Object key, Supplier<Node> rule) {
        Node node = known.get(key);
        if (node == null) {
            node = rule.get();
            known.put(key, node);
        }
        return node;
    }
}
