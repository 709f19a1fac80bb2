package org.iolaus.data;

import java.util.Arrays;
import java.util.List;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Whole numbers from 0, one for each graph of a set, in the smallest type that holds them all: none if all are
/// zero, else 1, 2 or 4 bytes each.
public final class Counts {
    private final int length;
    private final int max;
    private final byte @Nullable [] bytes;
    private final short @Nullable [] shorts;
    private final int @Nullable [] ints;

    private Counts(int length, int max) {
        this.length = length;
        this.max = max;
        this.bytes = max > 0 && max <= Byte.MAX_VALUE ? new byte[length] : null;
        this.shorts = max > Byte.MAX_VALUE && max <= Short.MAX_VALUE ? new short[length] : null;
        this.ints = max > Short.MAX_VALUE ? new int[length] : null;
    }

    /// Numbers given by a function, which is asked twice for each.
    public static Counts of(int length, IntUnaryOperator value) {
        int max = 0;
        for (int i = 0; i < length; i++) {
            int v = value.applyAsInt(i);
            if (v < 0) {
                throw new DataException("counts: want numbers from 0, got " + v);
            }
            max = Math.max(max, v);
        }
        Counts counts = new Counts(length, max);
        counts.fill(0, length, value);
        return counts;
    }

    public static Counts of(int... values) {
        return of(values.length, i -> values[i]);
    }

    /// Numbers of several lists, one after another.
    public static Counts joined(List<Counts> parts) {
        int length = 0;
        int max = 0;
        for (Counts part : parts) {
            length = Math.addExact(length, part.length);
            max = Math.max(max, part.max);
        }
        Counts all = new Counts(length, max);
        int start = 0;
        for (Counts part : parts) {
            all.fill(start, part.length, part::get);
            start += part.length;
        }
        return all;
    }

    private void fill(int start, int count, IntUnaryOperator value) {
        for (int i = 0; i < count && max > 0; i++) {
            int v = value.applyAsInt(i);
            if (bytes != null) {
                bytes[start + i] = (byte) v;
            } else if (shorts != null) {
                shorts[start + i] = (short) v;
            } else if (ints != null) {
                ints[start + i] = v;
            }
        }
    }

    public int length() {
        return length;
    }

    public int get(int i) {
        if (bytes != null) {
            return bytes[i];
        }
        return shorts != null ? shorts[i] : ints != null ? ints[i] : 0;
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

    /// Writes some of them.
    void write(Hdf5Writer out, String dataset, int from, int to) {
        if (ints != null) {
            out.ints(dataset, Arrays.copyOfRange(ints, from, to));
        } else if (shorts != null) {
            out.shorts(dataset, Arrays.copyOfRange(shorts, from, to));
        } else {
            out.bytes(dataset, bytes == null ? new byte[to - from] : Arrays.copyOfRange(bytes, from, to));
        }
    }

    public static Counts read(Hdf5File file, String dataset) {
        return switch (file.integers(dataset)) {
            case byte[] values -> of(values.length, i -> values[i]);
            case short[] values -> of(values.length, i -> values[i]);
            case int[] values -> of(values);
            default -> throw new DataException(file.name() + ", " + dataset + ": want integers of at most 32 bits");
        };
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Counts counts
                && length == counts.length
                && Arrays.equals(bytes, counts.bytes)
                && Arrays.equals(shorts, counts.shorts)
                && Arrays.equals(ints, counts.ints);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(bytes) + Arrays.hashCode(shorts) + Arrays.hashCode(ints);
    }

    @Override
    public String toString() {
        return length + " numbers up to " + max;
    }
}
