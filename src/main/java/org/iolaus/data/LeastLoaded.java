package org.iolaus.data;

import java.util.Arrays;

/// The least loaded of some batches, the first of several. A tree of pairs: each node has the lesser of its two.
final class LeastLoaded {
    private static final int NUMBER_BITS = 20;
    private static final long FULL = Long.MAX_VALUE;

    private final long[] tree;
    private final int leaves;

    /// @param batches all of them empty
    LeastLoaded(int batches) {
        leaves = Math.max(2, Integer.highestOneBit(2 * batches - 1));
        tree = new long[2 * leaves];
        Arrays.fill(tree, FULL);
        for (int batch = 0; batch < batches; batch++) {
            tree[leaves + batch] = batch;
        }
        for (int node = leaves - 1; node > 0; node--) {
            tree[node] = Math.min(tree[2 * node], tree[2 * node + 1]);
        }
    }

    /// Its number.
    int number() {
        return (int) (tree[1] & ((1 << NUMBER_BITS) - 1));
    }

    /// Whether all batches are full.
    boolean none() {
        return tree[1] == FULL;
    }

    /// What it holds.
    long load() {
        return Math.max(0, (tree[1] >>> NUMBER_BITS) - 1);
    }

    /// Adds to it. An empty batch stays less loaded than one that holds what weighs nothing.
    void add(long load) {
        boolean empty = tree[1] >>> NUMBER_BITS == 0;
        set(tree[1] + ((empty ? load + 1 : load) << NUMBER_BITS));
    }

    /// Leaves it out from now on.
    void fill() {
        set(FULL);
    }

    private void set(long value) {
        long least = value;
        int node = leaves + number();
        tree[node] = least;
        for (; node > 1; node >>>= 1) {
            least = Math.min(least, tree[node ^ 1]);
            tree[node >>> 1] = least;
        }
    }
}
