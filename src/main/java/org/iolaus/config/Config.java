package org.iolaus.config;

import org.iolaus.data.DatasetConfig;
import org.iolaus.model.Architecture;
import org.iolaus.model.VariablesOfInterest;
import org.iolaus.train.Training;
import org.jspecify.annotations.Nullable;

/// A complete configuration with all defaults filled in; [ConfigReader] makes it.
///
/// @param dataset null where only a model is described
public record Config(
        Verbosity verbosity,
        @Nullable DatasetConfig dataset,
        NeuralNetwork neuralNetwork,
        Visualization visualization,
        Profile profile) {

    /// The network and its training.
    public record NeuralNetwork(
            Architecture architecture, VariablesOfInterest variablesOfInterest, Training training) {}

    /// How much is printed: 0 nothing, 1 rank zero, 2 with progress, 3 all ranks, 4 with progress.
    public record Verbosity(int level) {}

    /// Which plots are drawn.
    public record Visualization(boolean plotInitSolution, boolean plotHistSolution, boolean createPlots) {}

    /// Whether one epoch's steps are profiled.
    public record Profile(boolean enable, int targetEpoch) {}
}
