package org.iolaus.config;

import static org.iolaus.model.Require.ARCHITECTURE;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.iolaus.data.read.Format;
import org.iolaus.model.AttentionEngine;
import org.iolaus.model.MpnnType;
import org.iolaus.model.Require;
import tools.jackson.databind.JsonNode;

/// The part of HydraGNN's vocabulary that this build supports: the permitted values of keys that have others, too.
final class Support {
    static final Map<String, List<String>> SUPPORTED = new LinkedHashMap<>();

    static {
        String training = "NeuralNetwork.Training.";
        SUPPORTED.put(ARCHITECTURE + "mpnn_type", of(MpnnType.values(), MpnnType::isSupported));
        SUPPORTED.put(
                ARCHITECTURE + "global_attn_engine",
                orNull(of(AttentionEngine.values(), AttentionEngine::isSupported)));
        SUPPORTED.put(ARCHITECTURE + "output_heads.graph[1]", List.of("null"));
        SUPPORTED.put(ARCHITECTURE + "output_heads.node[1]", List.of("null"));
        SUPPORTED.put(training + "Batching.shuffle", List.of("true"));
        SUPPORTED.put(training + "Optimizer.use_zero_redundancy", List.of("false"));
        SUPPORTED.put(training + "CheckRemainingTime", List.of("false"));
        SUPPORTED.put("Visualization.plot_hist_solution", List.of("false"));
        SUPPORTED.put("Profile.enable", List.of("false"));
        SUPPORTED.put("Dataset.format", orNull(of(Format.values(), Format::isSupported)));
    }

    private Support() {}

    private static <E extends Enum<E>> List<String> of(E[] all, Predicate<E> supported) {
        return Stream.of(all).filter(supported).map(Require::text).toList();
    }

    private static List<String> orNull(List<String> values) {
        List<String> all = new ArrayList<>(List.of("null"));
        all.addAll(values);
        return all;
    }

    /// The first setting of `config` that this build does not support, as a message.
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
