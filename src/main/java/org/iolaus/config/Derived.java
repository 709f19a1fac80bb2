package org.iolaus.config;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.iolaus.config.Config.NeuralNetwork;
import org.iolaus.data.DatasetConfig;
import org.iolaus.model.Architecture;
import org.iolaus.model.Architecture.Dimensions;
import org.iolaus.model.Architecture.Level;
import org.iolaus.model.MpnnType;
import org.iolaus.model.Require;
import org.iolaus.model.VariablesOfInterest;
import org.iolaus.train.Training;
import org.iolaus.train.optimize.OptimizerType;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Fills in values that follow from others. Values that the file gives stay; [ConfigCheck] checks them.
final class Derived {
    private Derived() {}

    /// Before the records are made: settings whose defaults depend on the optimizer, as in PyTorch.
    static void optimizerDefaults(ObjectNode root) {
        ObjectNode training = root.path("NeuralNetwork").path("Training") instanceof ObjectNode given ? given : null;
        if (training == null) {
            return;
        }
        JsonNode optimizer = training.has("Optimizer") ? training.get("Optimizer") : training.putObject("Optimizer");
        if (optimizer instanceof ObjectNode object) {
            String type = object.path("type").asString(OptimizerType.ADAMW.toString());
            OptimizerType.Defaults defaults = Stream.of(OptimizerType.values())
                    .filter(known -> known.toString().equals(type))
                    .findFirst()
                    .orElse(OptimizerType.ADAMW) // the name is refused later
                    .defaults();
            object.putIfAbsent("weight_decay", object.numberNode(defaults.weightDecay()));
            object.putIfAbsent("eps", object.numberNode(defaults.eps()));
            object.putIfAbsent("momentum", object.numberNode(Objects.requireNonNullElse(defaults.momentum(), 0.0)));
        }
    }

    /// Before the records are made: the usual schedule of the learning rate is used only if no other is given.
    static void scheduleDefaults(ObjectNode root) {
        if (root.path("NeuralNetwork").path("Training") instanceof ObjectNode training
                && training.path("CosineWithWarmup").isObject()
                && !training.has("ReduceLROnPlateau")) {
            training.putNull("ReduceLROnPlateau");
        }
    }

    /// Sizes, task weights, names and folders that were left empty.
    static Config fill(Config config) {
        DatasetConfig dataset = config.dataset();
        if (dataset != null && dataset.shards().isEmpty()) {
            dataset = Records.with(dataset, "shards", "dataset/" + dataset.name());
        }
        NeuralNetwork network = config.neuralNetwork();
        VariablesOfInterest variables = network.variablesOfInterest();
        Architecture architecture = network.architecture();
        if (variables.outputDim().isEmpty()) {
            variables = Records.with(variables, "outputDim", outputDim(variables, architecture, dataset));
        }
        if (architecture.taskWeights().isEmpty()) {
            architecture = Records.with(
                    architecture,
                    "taskWeights",
                    Collections.nCopies(variables.type().size(), 1.0));
        }
        architecture = Records.with(neighbours(architecture), "dimensions", dimensions(architecture, variables));
        Training training = network.training();
        if (training.logName().isEmpty()) {
            training = Records.with(training, "logName", logName(architecture, variables, training, dataset));
        }
        NeuralNetwork filled = new NeuralNetwork(architecture, variables, training);
        return Records.with(Records.with(config, "dataset", dataset), "neuralNetwork", filled);
    }

    /// Without message passing, the neighbour list of the data is that of the attention.
    private static Architecture neighbours(Architecture architecture) {
        Architecture.Equiformer attention = architecture.attention().equiformer();
        if (architecture.mpnnType() != MpnnType.NONE || architecture.radius() != null) {
            return architecture;
        }
        Architecture filled = Records.with(architecture, "radius", attention.radius());
        Integer most = attention.maxNeighbours();
        return most == null || architecture.maxNeighbours() != null
                ? filled
                : Records.with(filled, "maxNeighbours", most);
    }

    private static List<Integer> outputDim(
            VariablesOfInterest variables, Architecture architecture, @Nullable DatasetConfig dataset) {
        if (!architecture.dimensions().outputDim().isEmpty()) {
            return architecture.dimensions().outputDim();
        }
        if (architecture.potential().enableInteratomicPotential()) {
            return List.of(1);
        }
        List<Integer> dims = new ArrayList<>();
        for (int head = 0; head < variables.type().size(); head++) {
            Level level = variables.type().get(head);
            List<Integer> features =
                    dataset == null ? List.of() : features(dataset, level).dim();
            int index = head < variables.outputIndex().size()
                    ? variables.outputIndex().get(head)
                    : -1;
            if (index < 0 || index >= features.size()) {
                throw new ConfigException("NeuralNetwork.Variables_of_interest.output_index[" + head
                        + "]: want one of the " + features.size() + " features in Dataset." + Require.text(level)
                        + "_features (or output_dim given), got " + (index < 0 ? "none" : index));
            }
            dims.add(features.get(index));
        }
        return List.copyOf(dims);
    }

    static DatasetConfig.Features features(DatasetConfig dataset, Level level) {
        return level == Level.GRAPH ? dataset.graphFeatures() : dataset.nodeFeatures();
    }

    private static Dimensions dimensions(Architecture architecture, VariablesOfInterest variables) {
        Dimensions given = architecture.dimensions();
        Integer edgeDim = given.edgeDim();
        if (edgeDim == null && !architecture.edgeFeatures().isEmpty()) {
            edgeDim = architecture.edgeFeatures().size();
        } else if (edgeDim == null && architecture.mpnnType() == MpnnType.CGCNN) {
            edgeDim = 0;
        }
        Dimensions filled = Records.with(given, "edgeDim", edgeDim);
        if (given.inputDim() == 0) {
            filled = Records.with(
                    filled, "inputDim", variables.inputNodeFeatures().size());
        }
        if (given.outputDim().isEmpty()) {
            filled = Records.with(filled, "outputDim", variables.outputDim());
        }
        return given.outputType().isEmpty() ? Records.with(filled, "outputType", variables.type()) : filled;
    }

    /// HydraGNN's name of a run, from the settings that matter most.
    private static String logName(
            Architecture architecture,
            VariablesOfInterest variables,
            Training training,
            @Nullable DatasetConfig dataset) {
        String data = dataset == null ? "none" : dataset.name();
        int underscore = data.lastIndexOf('_');
        return architecture.mpnnType()
                + "-r-" + architecture.radius()
                + "-ncl-" + architecture.numConvLayers()
                + "-hd-" + architecture.hiddenDim()
                + "-ne-" + training.numEpoch()
                + "-lr-" + training.optimizer().learningRate()
                + "-bs-" + training.batchSize()
                + "-data-" + (underscore > 0 ? data.substring(0, underscore) : data)
                + "-node_ft-"
                + variables.inputNodeFeatures().stream().map(String::valueOf).collect(Collectors.joining())
                + "-task_weights-"
                + architecture.taskWeights().stream()
                        .map(weight -> weight + "-")
                        .collect(Collectors.joining());
    }
}
