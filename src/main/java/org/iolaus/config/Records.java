package org.iolaus.config;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Makes records from their components, and copies of records with other values.
public final class Records {
    private Records() {}

    /// `record` with another value of one component.
    ///
    /// @param path the component; `a.b` is component `b` of the record that is component `a`
    public static <T extends Record> T with(T record, String path, @Nullable Object value) {
        int dot = path.indexOf('.');
        String name = dot < 0 ? path : path.substring(0, dot);
        @SuppressWarnings("unchecked")
        Class<T> type = (Class<T>) record.getClass();
        RecordComponent[] components = type.getRecordComponents();
        @Nullable Object[] values = new @Nullable Object[components.length];
        boolean found = false;
        for (int i = 0; i < components.length; i++) {
            values[i] = get(record, components[i]);
            if (components[i].getName().equals(name)) {
                found = true;
                values[i] = dot >= 0 && values[i] instanceof Record nested
                        ? with(nested, path.substring(dot + 1), value)
                        : value;
            }
        }
        if (!found) {
            throw new IllegalArgumentException(type + ": want a component of it, got " + path);
        }
        return construct(type, values, path);
    }

    /// A record of `type` with these components.
    ///
    /// @param path where it stands in a file, for messages
    static <T extends Record> T construct(Class<T> type, @Nullable Object[] values, String path) {
        try {
            Class<?>[] types = Arrays.stream(type.getRecordComponents())
                    .map(RecordComponent::getType)
                    .toArray(Class<?>[]::new);
            Constructor<T> constructor = type.getDeclaredConstructor(types);
            return constructor.newInstance(values);
        } catch (InvocationTargetException e) {
            Throwable cause = e.getCause();
            throw new ConfigException(path + ": " + (cause == null ? e : cause.getMessage()), e);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    static @Nullable Object get(Record record, RecordComponent component) {
        try {
            return component.getAccessor().invoke(record);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }
}
