package org.iolaus.data;

import java.util.Arrays;
import java.util.function.IntPredicate;

/// The graphs of a split, those of small cost first; of equal cost, those of small number first. Costs are told to 1
/// in 2048, so that a table of some thousand levels holds them: what is dealt by cost reads no graph's sizes.
///
/// Takes 4 bytes per graph.
@SuppressWarnings("ArrayRecordComponent")
record GraphsByCost(int[] graphs, int[] levelStart, long[] levelCost) {
    /// Bits of a float that are left out of a level.
    private static final int LEFT_OUT = 12;

    static GraphsByCost of(GraphTable table, IntPredicate wanted) {
        int[] next = new int[1 << (31 - LEFT_OUT)];
        for (int graph = 0; graph < table.size(); graph++) {
            if (wanted.test(graph)) {
                next[level(table.cost(graph))]++;
            }
        }
        int levels = (int) Arrays.stream(next).filter(n -> n > 0).count();
        int[] levelStart = new int[levels];
        long[] levelCost = new long[levels];
        int start = 0;
        int used = 0;
        for (int level = 0; level < next.length; level++) {
            int graphs = next[level];
            next[level] = start;
            if (graphs > 0) {
                levelStart[used] = start;
                levelCost[used++] = (long) Float.intBitsToFloat(level << LEFT_OUT);
            }
            start += graphs;
        }
        int[] graphs = new int[start];
        for (int graph = 0; graph < table.size(); graph++) {
            if (wanted.test(graph)) {
                graphs[next[level(table.cost(graph))]++] = graph;
            }
        }
        return new GraphsByCost(graphs, levelStart, levelCost);
    }

    private static int level(long cost) {
        return Float.floatToRawIntBits((float) cost) >>> LEFT_OUT;
    }

    int size() {
        return graphs.length;
    }

    /// The costs of some places of the list.
    ///
    /// @param places descending
    long[] costs(int[] places) {
        long[] costs = new long[places.length];
        int level = levelStart.length - 1;
        for (int i = 0; i < places.length; i++) {
            while (levelStart[level] > places[i]) {
                level--;
            }
            costs[i] = levelCost[level];
        }
        return costs;
    }
}
