package org.iolaus.model;

import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Checks of settings. A setting that fails one is a [ModelException]
/// `<path of the key>: want <contract>, got <value>`.
public final class Require {
    /// Path of the keys of [Architecture].
    public static final String ARCHITECTURE = "NeuralNetwork.Architecture.";

    private Require() {}

    public static void that(boolean holds, String path, String contract, @Nullable Object got) {
        if (!holds) {
            Object shown = got instanceof Enum<?> constant ? text(constant) : got;
            throw new ModelException(path + ": want " + contract + ", got " + shown);
        }
    }

    /// The value of a key that something needs.
    ///
    /// @param who needs it
    public static <T> T present(String path, @Nullable T value, Object who) {
        if (value == null) {
            throw new ModelException(path + ": required key is missing (" + who + " needs it)");
        }
        return value;
    }

    public static void equal(String path, Object got, Object wanted, String what) {
        that(got.equals(wanted), path, wanted + ", the " + what, got);
    }

    public static void sameLength(String path, List<?> list, int length) {
        that(list.size() == length, path, length + " entries", list.size() + ": " + list);
    }

    public static void distinct(String path, List<?> list) {
        that(Set.copyOf(list).size() == list.size(), path, "different entries", list);
    }

    public static void positive(String path, @Nullable Number value) {
        that(value == null || value.doubleValue() > 0, path, "more than 0", value);
    }

    public static void positive(String path, List<Integer> values) {
        values.forEach(value -> positive(path, value));
    }

    public static void notNegative(String path, Number value) {
        that(value.doubleValue() >= 0, path, "0 or more", value);
    }

    /// From 0 to 1, both included.
    public static void fraction(String path, double value) {
        that(value >= 0 && value <= 1, path, "0 to 1", value);
    }

    /// From 0 to 1, 1 not included; null counts as 0.
    public static void belowOne(String path, @Nullable Double value) {
        that(value == null || (value >= 0 && value < 1), path, "0 or more, below 1", value);
    }

    /// A constant as a file spells it: its `toString` if the enum defines one, else its name in lower case.
    public static String text(Enum<?> constant) {
        boolean spelled = Stream.of(constant.getDeclaringClass().getDeclaredMethods())
                .anyMatch(method -> method.getName().equals("toString"));
        return spelled ? constant.toString() : constant.name().toLowerCase(Locale.ROOT);
    }
}
