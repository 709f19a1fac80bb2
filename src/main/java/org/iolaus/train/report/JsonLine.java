package org.iolaus.train.report;

import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// Builds one JSON object on one line, keys in the order given.
public final class JsonLine {
    private static final JsonMapper MAPPER = JsonMapper.shared();

    private final ObjectNode object = MAPPER.createObjectNode();

    public JsonLine put(String key, @Nullable String value) {
        object.put(key, value);
        return this;
    }

    public JsonLine put(String key, boolean value) {
        object.put(key, value);
        return this;
    }

    public JsonLine put(String key, long value) {
        object.put(key, value);
        return this;
    }

    /// The shortest number that reads back as the same double; `null` for NaN and infinities, which JSON does
    /// not have.
    public JsonLine put(String key, double value) {
        object.put(key, Double.isFinite(value) ? value : null);
        return this;
    }

    /// A value that is JSON already, on any number of lines.
    public JsonLine raw(String key, String json) {
        object.set(key, MAPPER.readTree(json));
        return this;
    }

    @Override
    public String toString() {
        return MAPPER.writeValueAsString(object);
    }
}
