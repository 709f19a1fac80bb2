package org.iolaus.model;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.attention.equiformer.EquiformerEngine;
import org.iolaus.attention.gps.GpsEngine;
import org.iolaus.ir.Node;
import org.iolaus.mpnn.MessagePassing;
import org.iolaus.mpnn.NodeFeatures;
import org.iolaus.nn.Activation;
import org.iolaus.nn.BatchNorm;
import org.iolaus.nn.ForwardContext;
import org.iolaus.nn.Graph;
import org.iolaus.nn.Initializer;
import org.iolaus.nn.Parameters;
import org.iolaus.nn.Parameters.Group;
import org.iolaus.nn.Pooling;
import org.iolaus.nn.Scope;
import org.iolaus.op.Expr;
import org.iolaus.tensor.Shape;
import org.jspecify.annotations.Nullable;

/// Embedding, message-passing layers and pooling. After each layer, which with GPS has attention beside it, come
/// conditioning, normalisation where the group of message passing wants it, and the activation; then the layer of
/// EquiformerV2, if there is one.
final class Stack {
    private final Inputs inputs;
    private final MessagePassing messagePassing;
    private final Activation activation;
    private final Pooling pooling;
    private final boolean ignoreShifts;
    private final @Nullable Conditioning conditioning;
    private final @Nullable Node elements;
    private final List<MessagePassing.Layer> layers = new ArrayList<>();
    private final List<BatchNorm> norms = new ArrayList<>();
    private final boolean alone;
    private final @Nullable Equiformers attention;
    private final @Nullable GpsEngine gps;

    Stack(
            Architecture architecture,
            Parameters parameters,
            Inputs inputs,
            MessagePassing messagePassing,
            Activation activation,
            int graphAttributes) {
        Scope root = parameters.root();
        this.inputs = inputs;
        this.messagePassing = messagePassing;
        this.activation = activation;
        this.pooling = architecture.graphPooling();
        this.ignoreShifts = HydraGnnCompat.ignoresShifts(architecture);
        int hidden = architecture.hiddenDim();
        alone = architecture.mpnnType() == Architecture.MpnnType.NONE;
        elements = architecture.elementEmbedding() && !Equiformers.embedsElements(architecture)
                ? root.at("element_embedding")
                        .parameter(Group.EMBEDDINGS, "weight", Initializer.normal(), Inputs.ELEMENTS, hidden)
                : null;
        boolean frozen = architecture.freezeConvLayers();
        attention = Equiformers.of(architecture, inputs, root.frozen(frozen));
        gps = Gps.of(architecture, inputs, root);
        int width = architecture.elementEmbedding() || gps != null
                ? hidden
                : architecture.dimensions().inputDim();
        for (int i = 0; i < architecture.numConvLayers(); i++) {
            boolean last = i + 1 == architecture.numConvLayers();
            Scope place = root.at("graph_convs").at(i).frozen(frozen);
            layers.add(
                    gps == null
                            ? messagePassing.layer(place, width, hidden, last)
                            : gps.layer(place, messagePassing, last));
            if (messagePassing.normalised()) {
                norms.add(new BatchNorm(
                        root.at("feature_layers").at(i).at("module").frozen(frozen), hidden));
            }
            if (attention != null) {
                attention.layer(messagePassing, i, width, hidden);
            }
            width = hidden;
        }
        conditioning = architecture.useGraphAttrConditioning()
                ? Conditioning.of(architecture.graphAttrConditioningMode(), root, activation, hidden, graphAttributes)
                : null;
    }

    Encoding apply(ForwardContext context, Node atomsPerGraph) {
        Node shift = ignoreShifts ? Expr.zeros(Shape.of(Inputs.E, 3)) : inputs.edgeShift;
        Node edgeAttr = inputs.edgeAttr.shape().dim(1).intValue() == 0 ? null : inputs.edgeAttr;
        edgeAttr = gps == null ? edgeAttr : gps.edges(edgeAttr, inputs.edgeSource, inputs.edgeTarget);
        Graph graph = new Graph(inputs.positions, inputs.edgeSource, inputs.edgeTarget, shift, edgeAttr);
        Node x = elements == null ? inputs.x : Expr.gather(elements, inputs.atomicNumber);
        NodeFeatures features = messagePassing.start(gps == null ? x : gps.atoms(x), graph);
        EquiformerEngine.Run run = attention == null ? null : attention.begin(graph, context);
        features = run == null ? features : run.start(features);
        for (int i = 0; i < layers.size(); i++) {
            int layer = i;
            features = run == null
                    ? local(layer, features, graph, context)
                    : run.layer(i, features, alone ? null : before -> local(layer, before, graph, context));
        }
        Node pooled = pooling.apply(features.scalars(), inputs.graph, atomsPerGraph);
        Node conditioned = conditioning == null ? pooled : conditioning.graphs(pooled, inputs);
        return new Encoding(features, conditioned, graph, context, run);
    }

    /// A layer of the message passing with what follows it.
    private NodeFeatures local(int i, NodeFeatures before, Graph graph, ForwardContext context) {
        NodeFeatures features = layers.get(i).apply(before, graph, context);
        Node changed = features.scalars();
        changed = conditioning == null ? changed : conditioning.atoms(changed, inputs);
        changed = norms.isEmpty() ? changed : norms.get(i).apply(changed, context);
        return features.withScalars(activation.apply(changed));
    }
}
