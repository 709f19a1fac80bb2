package org.iolaus.data;

import java.util.Arrays;

/// The order in which an epoch goes through the graphs of a split.
///
/// Every position holds an item that stands for a graph. Where few graphs are ordered, a list holds them. Many are
/// found by arithmetic: an order that is computed takes no memory, whatever its length.
sealed interface EpochOrder {
    /// Graphs up to which a list is shuffled: 4 MB.
    int LISTED = 1 << 20;

    int size();

    /// What is at a position.
    int item(int position);

    /// The graph that an item stands for.
    int graph(int item);

    /// What is at some positions, by cost.
    Ranked ranked(int from, int to);

    /// Items and their costs, the greatest first.
    @SuppressWarnings("ArrayRecordComponent")
    record Ranked(int[] items, long[] costs) {}

    /// A list of graphs, which are their own items.
    @SuppressWarnings("ArrayRecordComponent")
    record Listed(GraphTable table, int[] graphs) implements EpochOrder {
        @Override
        public int size() {
            return graphs.length;
        }

        @Override
        public int item(int position) {
            return graphs[position];
        }

        @Override
        public int graph(int item) {
            return item;
        }

        @Override
        public Ranked ranked(int from, int to) {
            long[] keys = new long[to - from];
            for (int i = 0; i < keys.length; i++) {
                int graph = graphs[from + i];
                keys[i] = (-Math.min(table.cost(graph), Integer.MAX_VALUE) << 31) | graph;
            }
            Arrays.sort(keys);
            int[] items = new int[keys.length];
            long[] costs = new long[keys.length];
            for (int i = 0; i < keys.length; i++) {
                items[i] = (int) (keys[i] & Integer.MAX_VALUE);
                costs[i] = -(keys[i] >> 31);
            }
            return new Ranked(items, costs);
        }
    }

    /// All graphs in a random order. An item is a place in the list of the graphs by cost.
    record Shuffled(GraphsByCost graphs, long key) implements EpochOrder {
        @Override
        public int size() {
            return graphs.size();
        }

        @Override
        public int item(int position) {
            return Shuffle.permuted(position, size(), key);
        }

        @Override
        public int graph(int item) {
            return graphs.graphs()[item];
        }

        @Override
        public Ranked ranked(int from, int to) {
            return EpochOrder.ranked(this, graphs, from, to);
        }
    }

    /// A random order of which every part has about the same costs: the graphs by cost are cut into strata of equal
    /// length, and each [#STRATA] positions in turn hold one graph of each stratum, a random one. In such a run,
    /// too, the strata come in an order that is random and even: each 2^k positions from a multiple of 2^k on have
    /// one of each 2^k parts of the strata (the van der Corput sequence with nested scrambling, Owen 1995).
    record Stratified(GraphsByCost graphs, long key) implements EpochOrder {
        private static final int BITS = 13;
        private static final int STRATA = 1 << BITS;

        @Override
        public int size() {
            return graphs.size();
        }

        @Override
        public int item(int position) {
            int run = position >>> BITS;
            int last = size() >>> BITS;
            int rest = size() & (STRATA - 1);
            int stratum;
            if (run < last) {
                int place = Shuffle.scrambled(position & (STRATA - 1), Shuffle.number(key, run));
                stratum = Integer.reverse(place) >>> (32 - BITS);
            } else { // those of the strata that have one graph more
                long next = Shuffle.permuted(position & (STRATA - 1), rest, key) + 1L;
                stratum = (int) (((next << BITS) - 1) / rest);
            }
            int start = start(stratum);
            return start + Shuffle.permuted(run, start(stratum + 1) - start, Shuffle.number(~key, stratum));
        }

        private int start(int stratum) {
            return (int) (((long) size() * stratum) >>> BITS);
        }

        @Override
        public int graph(int item) {
            return graphs.graphs()[item];
        }

        @Override
        public Ranked ranked(int from, int to) {
            return EpochOrder.ranked(this, graphs, from, to);
        }
    }

    /// Sorts by the part of the list that an item is in, as many parts as there are items: about one falls
    /// into each.
    private static Ranked ranked(EpochOrder order, GraphsByCost graphs, int from, int to) {
        int count = to - from;
        int[] found = new int[count];
        int[] start = new int[count + 1];
        for (int i = 0; i < count; i++) {
            found[i] = order.item(from + i);
            start[part(found[i], count, order.size()) + 1]++;
        }
        for (int part = 0; part < count; part++) {
            start[part + 1] += start[part];
        }
        int[] items = new int[count];
        for (int item : found) {
            items[start[part(item, count, order.size())]++] = item;
        }
        // each part in order: all but a few have one or two items
        for (int i = 1; i < count; i++) {
            int item = items[i];
            int at = i;
            for (; at > 0 && items[at - 1] < item; at--) {
                items[at] = items[at - 1];
            }
            items[at] = item;
        }
        return new Ranked(items, graphs.costs(items));
    }

    /// Counted from the end.
    private static int part(int item, int parts, int items) {
        return parts - 1 - (int) ((long) item * parts / items);
    }
}
