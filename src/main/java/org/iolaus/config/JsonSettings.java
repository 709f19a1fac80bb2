package org.iolaus.config;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// The values of one JSON object by key, where which keys there are depends on what the object describes, as
/// in the groups of reference files.
public final class JsonSettings {
    private final JsonNode root;

    private JsonSettings(JsonNode root) {
        this.root = root;
    }

    /// Reads an object.
    ///
    /// @throws ConfigException if the text is not one
    public static JsonSettings of(String text) {
        JsonNode root = Json.parse(text);
        if (!root.isObject()) {
            throw RecordMapper.want("", "an object", root);
        }
        return new JsonSettings(root);
    }

    public boolean has(String key) {
        return root.has(key);
    }

    /// A whole number.
    ///
    /// @throws ConfigException if it is missing or something else; so do the others
    public int integer(String key) {
        JsonNode value = value(key);
        if (!value.isInt()) {
            throw RecordMapper.want(key, "a whole number", value);
        }
        return value.intValue();
    }

    /// A whole number, or null.
    public @Nullable Integer integerOrNull(String key) {
        return value(key).isNull() ? null : Integer.valueOf(integer(key));
    }

    public double number(String key) {
        JsonNode value = value(key);
        if (!value.isNumber()) {
            throw RecordMapper.want(key, "a number", value);
        }
        return value.doubleValue();
    }

    public boolean flag(String key) {
        JsonNode value = value(key);
        if (!value.isBoolean()) {
            throw RecordMapper.want(key, "true or false", value);
        }
        return value.booleanValue();
    }

    public String text(String key) {
        JsonNode value = value(key);
        if (!value.isString()) {
            throw RecordMapper.want(key, "a text", value);
        }
        return value.stringValue();
    }

    /// A list of whole numbers.
    public List<Integer> integers(String key) {
        List<Integer> list = new ArrayList<>();
        JsonNode value = value(key);
        for (JsonNode each : value) {
            if (!each.isInt()) {
                throw RecordMapper.want(key, "a list of whole numbers", value);
            }
            list.add(each.intValue());
        }
        return List.copyOf(list);
    }

    private JsonNode value(String key) {
        JsonNode value = root.get(key);
        if (value == null) {
            throw new ConfigException(key + ": required key is missing");
        }
        return value;
    }
}
