package org.iolaus.config;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Converts the other forms that HydraGNN accepts to its main form, in the tree, before it is read.
///
/// Values of a wrong type are left for the reader to report.
final class HydraGnnForms {
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
    private static final String ARCHITECTURE = "NeuralNetwork.Architecture";
    private static final String VARIABLES = "NeuralNetwork.Variables_of_interest";
    private static final String TRAINING = "NeuralNetwork.Training";

    /// Keys of HydraGNN that have no meaning here, and the values that change nothing.
    static final Map<String, Set<String>> WITHOUT_EFFECT = Map.of(
            "NeuralNetwork.ds_config",
            Set.of("null", "{}"),
            "Dataset.rotational_invariance",
            Set.of("false"),
            "Dataset.normalize_features",
            Set.of("false"),
            "Dataset.Descriptors",
            Set.of("null", "{}"),
            VARIABLES + ".denormalize_output",
            Set.of("false"),
            VARIABLES + ".minmax_node_feature",
            Set.of("null"),
            VARIABLES + ".minmax_graph_feature",
            Set.of("null"),
            VARIABLES + ".x_minmax",
            Set.of("null"),
            VARIABLES + ".y_minmax",
            Set.of("null"),
            VARIABLES + ".subsample_percentage",
            Set.of("null"));

    private static final Map<String, String> PRECISIONS =
            Map.of("bfloat16", "bf16", "float32", "fp32", "float", "fp32", "float64", "fp64", "double", "fp64");

    private HydraGnnForms() {}

    static void normalise(ObjectNode root) {
        WITHOUT_EFFECT.forEach((path, values) -> dropIfWithoutEffect(root, path, values));
        moveProfile(root);
        moveFeatures(root, "node");
        moveFeatures(root, "graph");
        branches(root, "graph");
        branches(root, "node");
        for (String key : List.of("continue", "Checkpoint", "EarlyStopping", "CheckRemainingTime")) {
            change(root, TRAINING, key, HydraGnnForms::flag);
        }
        change(root, "Profile", "enable", HydraGnnForms::flag);
        change(root, ARCHITECTURE, "global_attn_engine", HydraGnnForms::emptyToNull);
        change(root, ARCHITECTURE, "global_attn_type", HydraGnnForms::emptyToNull);
        change(root, ARCHITECTURE, "graph_pooling", text(pooling -> pooling.equals("sum") ? "add" : pooling));
        change(root, ARCHITECTURE, "graph_attr_conditioning_mode", text(mode -> mode));
        change(root, ARCHITECTURE, "correlation", HydraGnnForms::wrapped);
        change(root, TRAINING, "precision", text(precision -> PRECISIONS.getOrDefault(precision, precision)));
        change(root, "Dataset", "format", json -> json.equals(string("unit_test")) ? string("LSMS") : json);
    }

    private static void dropIfWithoutEffect(ObjectNode root, String path, Set<String> values) {
        int dot = path.lastIndexOf('.');
        String key = path.substring(dot + 1);
        ObjectNode parent = object(root, path.substring(0, dot));
        JsonNode json = parent == null ? null : parent.get(key);
        if (json == null || parent == null) {
            return;
        }
        if (!values.contains(json.toString())) {
            throw new ConfigException(
                    path + ": not supported yet, want " + String.join(" or ", values) + " or no such key, got " + json);
        }
        parent.remove(key);
    }

    private static void moveProfile(ObjectNode root) {
        ObjectNode network = object(root, "NeuralNetwork");
        if (network != null && network.has("Profile") && !root.has("Profile")) {
            root.set("Profile", network.remove("Profile"));
        }
    }

    /// `Variables_of_interest.node_feature_names` and `_dims`, from configurations without a section `Dataset`.
    private static void moveFeatures(ObjectNode root, String level) {
        ObjectNode variables = object(root, VARIABLES);
        ObjectNode dataset = object(root, "Dataset");
        String key = level + "_features";
        if (variables == null || (dataset != null && dataset.has(key))) {
            return;
        }
        JsonNode names = variables.remove(level + "_feature_names");
        JsonNode dims = variables.remove(level + "_feature_dims");
        if (names != null && dims != null) {
            if (dataset == null) {
                dataset = root.putObject("Dataset");
                dataset.put("name", "unnamed");
            }
            dataset.putObject(key).set("name", names).set("dim", dims);
        }
    }

    /// `{...}` becomes `[{"type": "branch-0", "architecture": {...}}]`.
    private static void branches(ObjectNode root, String level) {
        ObjectNode heads = object(root, ARCHITECTURE + ".output_heads");
        if (heads == null) {
            return;
        }
        if (heads.get(level) instanceof ObjectNode head) {
            ObjectNode branch = NODES.objectNode().put("type", "branch-0");
            branch.set("architecture", head);
            heads.putArray(level).add(branch);
        }
        if (level.equals("graph") && heads.get(level) instanceof ArrayNode list) {
            for (JsonNode branch : list) {
                if (branch.get("architecture") instanceof ObjectNode head
                        && string("mlp").equals(head.get("type"))) {
                    head.remove("type");
                }
            }
        }
    }

    private static JsonNode flag(JsonNode json) {
        return json.isIntegralNumber() && (json.longValue() == 0 || json.longValue() == 1)
                ? NODES.booleanNode(json.longValue() == 1)
                : json;
    }

    private static JsonNode emptyToNull(JsonNode json) {
        return json.equals(string("")) ? NODES.nullNode() : json;
    }

    private static JsonNode wrapped(JsonNode json) {
        return json.isIntegralNumber() ? NODES.arrayNode().add(json) : json;
    }

    private static UnaryOperator<JsonNode> text(UnaryOperator<String> rule) {
        return json -> json.isString() ? string(rule.apply(json.stringValue().toLowerCase(Locale.ROOT))) : json;
    }

    private static JsonNode string(String text) {
        return NODES.stringNode(text);
    }

    private static void change(ObjectNode root, String path, String key, UnaryOperator<JsonNode> rule) {
        ObjectNode parent = object(root, path);
        JsonNode json = parent == null ? null : parent.get(key);
        if (parent != null && json != null) {
            parent.set(key, rule.apply(json));
        }
    }

    private static @Nullable ObjectNode object(ObjectNode root, String path) {
        return Json.at(root, path) instanceof ObjectNode object ? object : null;
    }
}
