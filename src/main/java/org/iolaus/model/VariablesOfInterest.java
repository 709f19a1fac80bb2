package org.iolaus.model;

import java.util.List;
import org.iolaus.model.Architecture.Level;

/// The inputs and outputs of the network: `NeuralNetwork.Variables_of_interest` of a configuration.
///
/// @param inputNodeFeatures columns of the node features that the network reads
/// @param outputNames one name per head
/// @param outputIndex for each head the position of its target among the dataset's graph or node features
/// @param outputDim width of each head
/// @param type for each head whether its target belongs to the graph or to the nodes
public record VariablesOfInterest(
        List<Integer> inputNodeFeatures,
        List<String> outputNames,
        List<Integer> outputIndex,
        List<Integer> outputDim,
        List<Level> type) {}
