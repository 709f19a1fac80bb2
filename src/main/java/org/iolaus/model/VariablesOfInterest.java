package org.iolaus.model;

import java.util.List;
import org.iolaus.model.Architecture.Level;
import org.jspecify.annotations.Nullable;

/// What goes into the network and what comes out: `NeuralNetwork.Variables_of_interest` of a configuration.
///
/// @param inputNodeFeatures columns of the node features that the network reads
/// @param outputNames one name per head
/// @param outputIndex for each head the position of its target among the dataset's graph or node features
/// @param outputDim width of each head; null: from the dataset's features
/// @param type for each head whether its target belongs to the graph or to the nodes
/// @param denormalizeOutput whether predictions are scaled back with the minima and maxima below
/// @param minmaxNodeFeature `(2, features)` minima and maxima of the node features; likewise for the graph features
/// @param subsamplePercentage fraction of the dataset to keep, stratified by composition; null keeps all
public record VariablesOfInterest(
        List<Integer> inputNodeFeatures,
        List<String> outputNames,
        List<Integer> outputIndex,
        @Nullable List<Integer> outputDim,
        List<Level> type,
        boolean denormalizeOutput,
        @Nullable List<List<Double>> minmaxNodeFeature,
        @Nullable List<List<Double>> minmaxGraphFeature,
        @Nullable Double subsamplePercentage) {}
