package org.iolaus.config;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/// What of HydraGNN's vocabulary this build can do: the permitted values of keys that have others, too.
final class Support {
    static final Map<String, List<String>> SUPPORTED = new LinkedHashMap<>();

    static {
        String architecture = "NeuralNetwork.Architecture.";
        String training = "NeuralNetwork.Training.";
        SUPPORTED.put(architecture + "mpnn_type", List.of("SchNet", "EGNN", "PAINN", "GIN", "none"));
        SUPPORTED.put(architecture + "global_attn_engine", List.of("null", "GPS", "EquiformerV2"));
        SUPPORTED.put(architecture + "output_heads.graph[1]", List.of("null"));
        SUPPORTED.put(architecture + "output_heads.node[1]", List.of("null"));
        SUPPORTED.put(
                training + "Optimizer.type",
                List.of("SGD", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "RMSprop"));
        SUPPORTED.put(training + "Batching.shuffle", List.of("true"));
        SUPPORTED.put(training + "Optimizer.use_zero_redundancy", List.of("false"));
        SUPPORTED.put(training + "CheckRemainingTime", List.of("false"));
        SUPPORTED.put("Visualization.plot_hist_solution", List.of("false"));
        SUPPORTED.put("Profile.enable", List.of("false"));
        SUPPORTED.put("Dataset.format", List.of("null", "extxyz", "npz", "LSMS", "CFG", "XYZ"));
    }

    private Support() {}

    /// The first setting of `config` that this build cannot honour, as a message.
    static Optional<String> missing(Config config) {
        JsonNode root = RecordMapper.write(config);
        for (Map.Entry<String, List<String>> rule : SUPPORTED.entrySet()) {
            JsonNode json = Json.at(root, rule.getKey());
            String text = json.asString(json.toString());
            if (!json.isMissingNode() && !rule.getValue().contains(text)) {
                String values = String.join(" or ", rule.getValue());
                return Optional.of(RecordMapper.mismatch(rule.getKey() + ": not supported yet", values, json));
            }
        }
        return Optional.empty();
    }
}
