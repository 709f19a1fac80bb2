package org.iolaus.config;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.data.state.SafeTensorsFile;
import tools.jackson.databind.JsonNode;

/// Reads the header of a safetensors file: an object with one entry for each array, and `__metadata__`, which nothing
/// here reads.
public final class SafeTensorsHeader {
    private static final String METADATA = "__metadata__";

    private SafeTensorsHeader() {}

    /// The arrays that a header describes.
    ///
    /// @throws ConfigException if it is not such a header
    public static List<SafeTensorsFile.Entry> parse(String text) {
        JsonNode root = Json.parse(text.strip()); // headers are filled up with spaces
        if (!root.isObject()) {
            throw RecordMapper.want("", "an object", root);
        }
        List<SafeTensorsFile.Entry> entries = new ArrayList<>();
        root.properties().forEach(property -> {
            String name = property.getKey();
            JsonNode entry = property.getValue();
            if (!name.equals(METADATA)) {
                List<Long> offsets = longs(name + ", data_offsets", entry.path("data_offsets"));
                if (offsets.size() != 2) {
                    throw RecordMapper.want(name + ", data_offsets", "two numbers", entry.path("data_offsets"));
                }
                if (!entry.path("dtype").isString()) {
                    throw RecordMapper.want(name + ", dtype", "a text", entry.path("dtype"));
                }
                List<Long> shape = longs(name + ", shape", entry.path("shape"));
                entries.add(new SafeTensorsFile.Entry(
                        name, entry.path("dtype").stringValue(), shape, offsets.get(0), offsets.get(1)));
            }
        });
        return entries;
    }

    private static List<Long> longs(String where, JsonNode array) {
        List<Long> values = new ArrayList<>();
        if (!array.isArray()) {
            throw RecordMapper.want(where, "a list of whole numbers", array);
        }
        for (JsonNode each : array) {
            if (!each.canConvertToLong() || !each.isIntegralNumber()) {
                throw RecordMapper.want(where, "a list of whole numbers", array);
            }
            values.add(each.longValue());
        }
        return values;
    }
}
