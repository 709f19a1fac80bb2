package org.iolaus.model;

import java.util.ArrayList;
import java.util.List;
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

/// Embedding, layers and pooling. What follows the message passing of a layer: conditioning, a normalisation if the
/// kind of message passing wants one, and the activation.
final class Stack {
    private final Inputs inputs;
    private final MessagePassing messagePassing;
    private final GlobalAttention.Layers attention;
    private final Activation activation;
    private final Pooling pooling;
    private final boolean ignoreShifts;
    private final @Nullable Conditioning conditioning;
    private final @Nullable Node elements;
    private final List<MessagePassing.Layer> layers = new ArrayList<>();

    Stack(
            Architecture architecture,
            Parameters parameters,
            Inputs inputs,
            MessagePassing messagePassing,
            GlobalAttention attention,
            Activation activation,
            int graphAttributes) {
        Scope root = parameters.root();
        this.inputs = inputs;
        this.messagePassing = messagePassing;
        this.activation = activation;
        this.pooling = architecture.graphPooling();
        this.ignoreShifts = HydraGnnCompat.ignoresShifts(architecture);
        int hidden = architecture.hiddenDim();
        elements = architecture.elementEmbedding() && !attention.embedsElements()
                ? root.at("element_embedding")
                        .parameter(Group.EMBEDDINGS, "weight", Initializer.normal(), Inputs.ELEMENTS, hidden)
                : null;
        boolean frozen = architecture.freezeConvLayers();
        this.attention = attention.build(inputs, root, messagePassing);
        int width = attention.startWidth(architecture.startWidth());
        for (int i = 0; i < architecture.numConvLayers(); i++) {
            boolean last = i + 1 == architecture.numConvLayers();
            Scope place = root.at("graph_convs").at(i).frozen(frozen);
            Scope norm = root.at("feature_layers").at(i).at("module").frozen(frozen);
            layers.add(this.attention.layer(place, width, hidden, last, layer -> followed(layer, norm, hidden)));
            width = hidden;
        }
        conditioning = architecture.useGraphAttrConditioning()
                ? Conditioning.of(architecture.graphAttrConditioningMode(), root, activation, hidden, graphAttributes)
                : null;
    }

    /// The attention, for its heads.
    GlobalAttention.Layers attention() {
        return attention;
    }

    Encoding apply(ForwardContext context, Node atomsPerGraph) {
        Node shift = ignoreShifts ? Expr.zeros(Shape.of(Inputs.E, 3)) : inputs.edgeShift;
        Node edgeAttr = inputs.edgeAttr.shape().dim(1).intValue() == 0 ? null : inputs.edgeAttr;
        Graph graph =
                attention.graph(new Graph(inputs.positions, inputs.edgeSource, inputs.edgeTarget, shift, edgeAttr));
        Node x = elements == null ? inputs.x : Expr.gather(elements, inputs.atomicNumber);
        NodeFeatures features = attention.embed(x, messagePassing, graph, context);
        for (MessagePassing.Layer layer : layers) {
            features = layer.apply(features, graph, context);
        }
        Node pooled = pooling.apply(features.scalars(), inputs.graph, atomsPerGraph);
        Node conditioned = conditioning == null ? pooled : conditioning.graphs(pooled, inputs);
        return new Encoding(features, conditioned, graph, context);
    }

    /// A layer with what follows message passing.
    private MessagePassing.Layer followed(MessagePassing.Layer layer, Scope place, int width) {
        BatchNorm norm = messagePassing.normalised() ? new BatchNorm(place, width) : null;
        return (before, graph, context) -> {
            NodeFeatures features = layer.apply(before, graph, context);
            Node changed = features.scalars();
            changed = conditioning == null ? changed : conditioning.atoms(changed, inputs);
            changed = norm == null ? changed : norm.apply(changed, context);
            return features.withScalars(activation.apply(changed));
        };
    }
}
