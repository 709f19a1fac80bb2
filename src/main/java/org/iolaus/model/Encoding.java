package org.iolaus.model;

import org.iolaus.ir.Node;
import org.iolaus.mpnn.NodeFeatures;
import org.iolaus.nn.ForwardContext;
import org.iolaus.nn.Graph;

/// What the heads read.
///
/// @param atoms features after the last layer
/// @param pooled (G, H): features of graphs
/// @param graph edges, for heads that pass messages
record Encoding(NodeFeatures atoms, Node pooled, Graph graph, ForwardContext context) {}
