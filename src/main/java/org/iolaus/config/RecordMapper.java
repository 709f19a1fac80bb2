package org.iolaus.config;

import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.iolaus.model.Architecture.EnergyScale;
import org.iolaus.model.Architecture.ScaleRule;
import org.iolaus.model.Require;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Turns JSON into records and back, strictly: a record's components are all the keys there are, their types all that
/// is accepted, and only a `@Nullable` component may be null.
final class RecordMapper {
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
    private static final JsonNode DEFAULTS = Json.resource("defaults.json");

    private RecordMapper() {}

    /// The record for an object; a missing key takes its default, null if there is none and the component
    /// may be null.
    ///
    /// @param path of the object in its file, for messages; empty for the whole file
    /// @throws ConfigException at the first key that does not fit
    static <T extends Record> T read(Class<T> type, JsonNode json, String path) {
        if (!(json instanceof ObjectNode object)) {
            throw want(path, "an object", json);
        }
        refuseUnknown(type, object, path);
        return instantiate(type, object, path);
    }

    private static void refuseUnknown(Class<?> type, ObjectNode object, String path) {
        Set<String> known = Keys.of(type).keySet();
        for (String key : object.propertyNames()) {
            if (!known.contains(key)) {
                throw new ConfigException(join(path, key) + ": unknown key, " + hint(key, known));
            }
        }
    }

    private static String hint(String key, Set<String> known) {
        return Nearest.to(key, known)
                .map(near -> "did you mean " + near + "?")
                .or(() -> Keys.paths().keySet().stream()
                        .filter(path -> path.endsWith("." + key))
                        .findFirst()
                        .map(path -> "did you mean " + path + "?"))
                .orElse("want one of " + String.join(", ", known));
    }

    private static <T extends Record> T instantiate(Class<T> type, ObjectNode object, String path) {
        RecordComponent[] components = type.getRecordComponents();
        @Nullable Object[] values = new @Nullable Object[components.length];
        for (int i = 0; i < components.length; i++) {
            values[i] = Keys.flat(components[i].getType())
                    ? instantiate(components[i].getType().asSubclass(Record.class), object, path)
                    : component(components[i], object, path);
        }
        return Records.construct(type, values, path);
    }

    private static @Nullable Object component(RecordComponent component, ObjectNode object, String path) {
        String key = Keys.of(component);
        JsonNode json = object.get(key);
        if (json == null) {
            json = DEFAULTS.path(component.getDeclaringRecord().getSimpleName()).get(key);
        }
        boolean nullable = component.getAnnotatedType().isAnnotationPresent(Nullable.class);
        if (json == null) {
            if (nullable) {
                return null;
            }
            throw new ConfigException(join(path, key) + ": required key is missing");
        }
        return json.isNull() && nullable ? null : value(component.getGenericType(), json, join(path, key));
    }

    private static Object value(Type type, JsonNode json, String path) {
        if (type instanceof ParameterizedType generic) {
            return generic.getRawType() == List.class
                    ? list(generic.getActualTypeArguments()[0], json, path)
                    : map(json, path);
        }
        Class<?> plain = (Class<?>) type;
        if (plain == EnergyScale.class) {
            return energyScale(json, path);
        }
        if (plain.isRecord()) {
            return read(plain.asSubclass(Record.class), json, path);
        }
        if (plain.isEnum()) {
            return constant(plain, json, path);
        }
        if (plain == String.class && json.isString()) {
            return json.stringValue();
        }
        if ((plain == boolean.class || plain == Boolean.class) && json.isBoolean()) {
            return json.booleanValue();
        }
        if ((plain == int.class || plain == Integer.class) && json.isIntegralNumber() && json.canConvertToInt()) {
            return json.intValue();
        }
        if ((plain == long.class || plain == Long.class) && json.isIntegralNumber() && json.canConvertToLong()) {
            return json.longValue();
        }
        if ((plain == double.class || plain == Double.class)
                && json.isNumber()
                && Double.isFinite(json.doubleValue())) {
            return json.doubleValue();
        }
        throw want(path, describe(plain), json);
    }

    private static List<Object> list(Type element, JsonNode json, String path) {
        if (!json.isArray()) {
            throw want(path, "an array", json);
        }
        List<Object> values = new ArrayList<>();
        for (JsonNode item : json) {
            values.add(value(element, item, path + "[" + values.size() + "]"));
        }
        return List.copyOf(values);
    }

    private static Map<String, String> map(JsonNode json, String path) {
        if (!json.isObject()) {
            throw want(path, "an object", json);
        }
        Map<String, String> values = new LinkedHashMap<>();
        for (String key : json.propertyNames()) {
            values.put(key, (String) value(String.class, json.path(key), join(path, key)));
        }
        return values;
    }

    private static EnergyScale energyScale(JsonNode json, String path) {
        if (json.isNumber()) {
            return EnergyScale.of((Double) value(double.class, json, path));
        }
        for (ScaleRule rule : ScaleRule.values()) {
            if (json.isString() && json.stringValue().equals(Require.text(rule))) {
                return EnergyScale.of(rule);
            }
        }
        throw want(path, "a number, \"auto\", \"energy_std\" or null", json);
    }

    private static Object constant(Class<?> type, JsonNode json, String path) {
        List<Enum<?>> constants = Stream.of(type.getEnumConstants())
                .<Enum<?>>map(c -> (Enum<?>) c)
                .toList();
        for (Enum<?> constant : constants) {
            if (json.isString() && json.stringValue().equals(Require.text(constant))) {
                return constant;
            }
        }
        throw want(path, "one of " + constants.stream().map(Require::text).collect(Collectors.joining(", ")), json);
    }

    private static String describe(Class<?> type) {
        if (type == String.class) {
            return "a string";
        }
        if (type == boolean.class || type == Boolean.class) {
            return "true or false";
        }
        return type == double.class || type == Double.class ? "a finite number" : "an integer";
    }

    /// The object for a record, every component included.
    static ObjectNode write(Record record) {
        ObjectNode object = NODES.objectNode();
        for (RecordComponent component : record.getClass().getRecordComponents()) {
            Object value = Records.get(record, component);
            if (Keys.flat(component.getType()) && value instanceof Record nested) {
                object.setAll(write(nested));
            } else {
                object.set(Keys.of(component), json(value));
            }
        }
        return object;
    }

    private static JsonNode json(@Nullable Object value) {
        return switch (value) {
            case null -> NODES.nullNode();
            case EnergyScale scale -> json(scale.rule() == null ? scale.value() : scale.rule());
            case Record record -> write(record);
            case Enum<?> constant -> NODES.stringNode(Require.text(constant));
            case String text -> NODES.stringNode(text);
            case Boolean flag -> NODES.booleanNode(flag);
            case Integer number -> NODES.numberNode(number.intValue());
            case Long number -> NODES.numberNode(number.longValue());
            case Double number -> NODES.numberNode(number.doubleValue());
            case List<?> list -> {
                ArrayNode array = NODES.arrayNode();
                list.forEach(item -> array.add(json(item)));
                yield array;
            }
            case Map<?, ?> map -> {
                ObjectNode object = NODES.objectNode();
                map.forEach((key, item) -> object.set((String) key, json(item)));
                yield object;
            }
            default -> throw new IllegalStateException("no JSON for a " + value.getClass());
        };
    }

    static String join(String path, String key) {
        return path.isEmpty() ? key : path + "." + key;
    }

    static ConfigException want(String path, String contract, JsonNode got) {
        return new ConfigException(mismatch(path, contract, got));
    }

    static String mismatch(String path, String contract, JsonNode got) {
        String text = got.toString();
        String shown = text.length() <= 80 ? text : text.substring(0, 77) + "...";
        return (path.isEmpty() ? "" : path + ": ") + "want " + contract + ", got " + shown;
    }
}
