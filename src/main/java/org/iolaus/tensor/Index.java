package org.iolaus.tensor;

import org.jspecify.annotations.Nullable;

/// An index array, `values[i]` in `[0, range)`, with its inverse: for each value the ascending positions that
/// hold it.
///
/// The inverse, compressed rows of `start` and `order`, makes segment sums deterministic without atomics.
public final class Index {
    private final int[] values;
    private final int range;
    private final boolean sorted;
    private int @Nullable [] start;
    private int @Nullable [] order;

    /// @throws ShapeException if a value is outside `[0, range)`
    public Index(int[] values, int range) {
        boolean ascending = true;
        for (int i = 0; i < values.length; i++) {
            if (values[i] < 0 || values[i] >= range) {
                throw new ShapeException("Index: want values in [0, " + range + "), got " + values[i] + " at " + i);
            }
            ascending &= i == 0 || values[i - 1] <= values[i];
        }
        this.values = values;
        this.range = range;
        this.sorted = ascending;
    }

    public int length() {
        return values.length;
    }

    public int range() {
        return range;
    }

    public int[] values() {
        return values;
    }

    /// Whether the values ascend, so that `order()` is the identity.
    public boolean sorted() {
        return sorted;
    }

    /// `(range + 1)`: the positions of value `v` are `order[start[v]] .. order[start[v + 1] - 1]`.
    public synchronized int[] start() {
        int[] result = start;
        if (result == null) {
            result = new int[range + 1];
            for (int value : values) {
                result[value + 1]++;
            }
            for (int v = 0; v < range; v++) {
                result[v + 1] += result[v];
            }
            start = result;
        }
        return result;
    }

    /// `(length)`: positions grouped by value, ascending within a group.
    public synchronized int[] order() {
        int[] result = order;
        if (result == null) {
            int[] next = start().clone();
            result = new int[values.length];
            for (int i = 0; i < values.length; i++) {
                result[next[values[i]]++] = i;
            }
            order = result;
        }
        return result;
    }
}
