package org.iolaus.data;

import java.util.Arrays;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Whole numbers from 0, one for each graph of a set, in the smallest type that holds them all: none if all are
/// zero, else 1, 2 or 4 bytes each.
public final class Counts {
    private final int length;
    private final int max;
    private final byte @Nullable [] bytes;
    private final char @Nullable [] chars;
    private final int @Nullable [] ints;

    private Counts(int length, int max, IntUnaryOperator value) {
        this.length = length;
        this.max = max;
        this.bytes = max > 0 && max <= 0xFF ? new byte[length] : null;
        this.chars = max > 0xFF && max <= 0xFFFF ? new char[length] : null;
        this.ints = max > 0xFFFF ? new int[length] : null;
        for (int i = 0; i < length && max > 0; i++) {
            int v = value.applyAsInt(i);
            if (bytes != null) {
                bytes[i] = (byte) v;
            } else if (chars != null) {
                chars[i] = (char) v;
            } else if (ints != null) {
                ints[i] = v;
            }
        }
    }

    /// Numbers given by a function, which is asked twice for each.
    public static Counts of(int length, IntUnaryOperator value) {
        int max = 0;
        int least = 0;
        for (int i = 0; i < length; i++) {
            int v = value.applyAsInt(i);
            max = Math.max(max, v);
            least = Math.min(least, v);
        }
        if (least < 0) {
            throw new DataException("counts: want numbers from 0, got " + least);
        }
        return new Counts(length, max, value);
    }

    public static Counts of(int... values) {
        return of(values.length, i -> values[i]);
    }

    public int length() {
        return length;
    }

    public int get(int i) {
        if (bytes != null) {
            return bytes[i] & 0xFF;
        }
        return chars != null ? chars[i] : ints != null ? ints[i] : 0;
    }

    /// The largest number; 0 of none.
    public int max() {
        return max;
    }

    public long sum() {
        return stream().asLongStream().sum();
    }

    public IntStream stream() {
        return IntStream.range(0, length).map(this::get);
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Counts counts
                && length == counts.length
                && max == counts.max
                && Arrays.equals(bytes, counts.bytes)
                && Arrays.equals(chars, counts.chars)
                && Arrays.equals(ints, counts.ints);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(bytes) + Arrays.hashCode(chars) + Arrays.hashCode(ints);
    }

    @Override
    public String toString() {
        return length + " numbers up to " + max;
    }
}
