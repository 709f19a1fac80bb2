package org.iolaus.config;

import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Settings from the command line, `key=value`.
///
/// The key is a full path, or the end of one if only one path ends so (`num_epoch`); numbers count through arrays.
/// The value is JSON, and a string where it is not.
final class Overrides {
    private static final Set<String> SECTIONS = Keys.of(Config.class).keySet();

    private Overrides() {}

    /// Writes every setting into `root`.
    ///
    /// @throws ConfigException for a setting without `=` or a short key that is unknown or ambiguous
    static void apply(ObjectNode root, List<String> settings) {
        for (String setting : settings) {
            int equals = setting.indexOf('=');
            if (equals <= 0) {
                throw new ConfigException("--set: want key=value, got " + setting);
            }
            String[] path = fullPath(setting.substring(0, equals)).split("\\.", -1);
            set(root, path, value(setting.substring(equals + 1)), setting);
        }
    }

    private static String fullPath(String key) {
        int dot = key.indexOf('.');
        if (SECTIONS.contains(dot < 0 ? key : key.substring(0, dot))) {
            return key;
        }
        String name = key.replaceFirst("\\.\\d.*", "");
        Set<String> paths = Keys.paths().keySet();
        List<String> matches =
                paths.stream().filter(path -> path.endsWith("." + name)).toList();
        if (matches.size() == 1 && !matches.getFirst().contains("[]")) {
            return matches.getFirst() + key.substring(name.length());
        }
        if (!matches.isEmpty()) {
            throw new ConfigException("--set " + key + ": want the full path, one of " + String.join(", ", matches));
        }
        List<String> ends =
                paths.stream().map(path -> lastSegments(path, name)).distinct().toList();
        throw new ConfigException("--set " + key + ": unknown key"
                + Nearest.to(name, ends)
                        .map(near -> ", did you mean " + near + "?")
                        .orElse(""));
    }

    /// The end of `path` that has as many parts as `name`.
    private static String lastSegments(String path, String name) {
        List<String> parts = List.of(path.split("\\.", -1));
        int wanted = name.split("\\.", -1).length;
        return String.join(".", parts.subList(Math.max(0, parts.size() - wanted), parts.size()));
    }

    private static JsonNode value(String text) {
        try {
            return Json.parse(text);
        } catch (ConfigException e) {
            return JsonNodeFactory.instance.stringNode(text);
        }
    }

    private static void set(ObjectNode root, String[] path, JsonNode value, String setting) {
        JsonNode node = root;
        for (int i = 0; i < path.length - 1; i++) {
            JsonNode next = child(node, path[i]);
            if ((next == null || next.isNull()) && node instanceof ObjectNode object) {
                next = object.putObject(path[i]);
            }
            if (next == null) {
                throw new ConfigException("--set " + setting + ": nothing at " + path[i]);
            }
            node = next;
        }
        String last = path[path.length - 1];
        if (node instanceof ObjectNode object) {
            object.set(last, value);
        } else if (node instanceof ArrayNode array && child(array, last) != null) {
            array.set(Integer.parseInt(last), value);
        } else {
            throw new ConfigException("--set " + setting + ": nothing at " + last);
        }
    }

    private static @Nullable JsonNode child(JsonNode node, String key) {
        return node.isArray() && key.matches("\\d{1,6}") ? node.get(Integer.parseInt(key)) : node.get(key);
    }
}
