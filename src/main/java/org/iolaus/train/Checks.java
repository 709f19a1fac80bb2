package org.iolaus.train;

/// Checks of numbers that a caller hands to a constructor.
public final class Checks {
    private Checks() {}

    public static void fraction(String where, double value) {
        if (!(value >= 0 && value < 1)) {
            throw new IllegalArgumentException(where + ": want a number in [0, 1), got " + value);
        }
    }

    public static void notNegative(String where, double value) {
        if (!(value >= 0 && value < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException(where + ": want a finite number >= 0, got " + value);
        }
    }

    public static void positive(String where, double value) {
        if (!(value > 0)) {
            throw new IllegalArgumentException(where + ": want a number > 0, got " + value);
        }
    }
}
