package org.iolaus.model;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.model.Architecture.Level;
import org.iolaus.model.Architecture.NodeHead;
import org.iolaus.mpnn.MessagePassing;
import org.iolaus.mpnn.NodeFeatures;
import org.iolaus.nn.Activation;
import org.iolaus.nn.BatchNorm;
import org.iolaus.nn.Scope;

/// Per-atom heads of type `conv`: message-passing layers that all such heads share, then one of each head's own.
/// Every layer is followed by a batch normalisation and the activation, the last one too.
final class ConvolutionHeads {
    private final Architecture architecture;
    private final Scope root;
    private final String branch;
    private final MessagePassing messagePassing;
    private final Activation activation;
    private final int outputsPerColumn;
    private final List<Step> hidden = new ArrayList<>();
    private final List<Integer> nodeHeads = new ArrayList<>();
    private final int lastWidth;

    /// One layer and what follows it.
    private record Step(MessagePassing.Layer layer, BatchNorm norm) {}

    ConvolutionHeads(
            Architecture architecture,
            Scope root,
            MessagePassing messagePassing,
            Activation activation,
            int outputsPerColumn) {
        this.architecture = architecture;
        this.root = root;
        this.branch = architecture.outputHeads().node().getFirst().type();
        this.messagePassing = messagePassing;
        this.activation = activation;
        this.outputsPerColumn = outputsPerColumn;
        List<Level> levels = architecture.dimensions().outputType();
        for (int i = 0; i < levels.size(); i++) {
            if (levels.get(i) == Level.NODE) {
                nodeHeads.add(i);
            }
        }
        NodeHead layers = architecture.outputHeads().node().getFirst().architecture();
        int width = architecture.hiddenDim();
        for (int i = 0; i < layers.numHeadlayers(); i++) {
            int next = layers.dimHeadlayers().get(i);
            hidden.add(step("hidden", i, 2 * i, nodeHeads, width, next, false));
            width = next;
        }
        lastWidth = width;
    }

    Head head(int index) {
        int out = outputsPerColumn * architecture.dimensions().outputDim().get(index);
        int order = nodeHeads.indexOf(index);
        Step output = step("output", order, 2 * hidden.size(), List.of(index), lastWidth, out, true);
        List<Step> steps = new ArrayList<>(hidden);
        steps.add(output);
        return encoding -> {
            NodeFeatures features = encoding.atoms();
            for (Step step : steps) {
                features = step.layer().apply(features, encoding.graph(), encoding.context());
                features = features.withScalars(
                        activation.apply(step.norm().apply(features.scalars(), encoding.context())));
            }
            return features.scalars();
        };
    }

    /// @param kind `hidden` or `output`
    /// @param number among those of its kind
    /// @param place in the sequence that a head reaches by its own name
    /// @param heads whose names lead to this layer
    private Step step(String kind, int number, int place, List<Integer> heads, int in, int out, boolean last) {
        Scope layer = root.at("convs_node_" + kind).at(branch).at(number);
        Scope norm = root.at("batch_norms_node_" + kind).at(branch).at(number);
        for (int head : heads) {
            String sequence = "heads_NN." + head + "." + branch + ".";
            layer = layer.alsoAt(sequence + place);
            norm = norm.alsoAt(sequence + (place + 1));
        }
        return new Step(messagePassing.layer(layer, in, out, last), new BatchNorm(norm.at("module"), out));
    }
}
