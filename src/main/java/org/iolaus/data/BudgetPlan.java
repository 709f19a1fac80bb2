package org.iolaus.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Steps of batches with at most so many atoms or edges.
///
/// A step takes graphs in order, each into the emptiest batch, until the next one fits nowhere. Groups of batches do
/// so by themselves, each with its share of an epoch's chapter, so that how far a step reaches is found without
/// going through the whole epoch. In a chapter all groups take the same number of steps: that of the slowest one.
/// Others halve some of their last batches, or, in an evaluation, have batches without graphs at the end.
final class BudgetPlan extends EpochPlan {
    /// Batches that are filled together, at most.
    static final int GROUP = 64;

    /// Graphs of a group in a chapter, about: what is gone through to find where its steps begin.
    private static final int CHAPTER = 1 << 20;

    private final int groups;
    private final int chapters;
    /// `(chapters + 1)` the first step of each.
    private final int[] firstStep;

    private final int[] graphs;
    private final long[] atoms;

    private volatile @Nullable Filled filled;

    /// The share of a group in a chapter.
    ///
    /// @param start `(steps + 1)` the position where each step begins
    /// @param further the batches of further steps, one after another
    @SuppressWarnings("ArrayRecordComponent")
    private record Filled(int chapter, int group, int[] start, int[][] further) {
        int steps() {
            return start.length - 1;
        }
    }

    BudgetPlan(Setup setup) {
        super(setup);
        groups = Math.ceilDiv(batches, GROUP);
        chapters = Math.clamp(
                order.size() / batches,
                1,
                Math.max(1, Math.ceilDiv(order.size(), Math.multiplyExact(groups, CHAPTER))));
        List<Filled> mine = new ArrayList<>();
        double[] made = new double[groups * chapters];
        double[] possible = new double[groups * chapters];
        for (int share = 0; share < made.length; share++) {
            if (ranks.sum() == null || share % ranks.size() == ranks.rank()) {
                Filled one = fill(share / groups, share % groups);
                mine.add(one);
                made[share] = one.steps();
                possible[share] = Math.floorDiv(one.start[one.steps()] - one.start[0], batches(one.group));
            }
        }
        sum(made);
        sum(possible);
        firstStep = new int[chapters + 1];
        for (int chapter = 0; chapter < chapters; chapter++) {
            double most = 0;
            double least = Double.POSITIVE_INFINITY;
            for (int group = 0; group < groups; group++) {
                most = Math.max(most, made[chapter * groups + group]);
                least = Math.min(least, possible[chapter * groups + group]);
            }
            firstStep[chapter + 1] = firstStep[chapter] + (int) (training ? Math.min(most, least) : most);
        }
        int steps = firstStep[chapters];
        double[] totals = new double[2 * steps];
        for (Filled one : mine) {
            count(evened(one), totals);
        }
        sum(totals);
        graphs = new int[steps];
        atoms = new long[steps];
        for (int step = 0; step < steps; step++) {
            graphs[step] = (int) totals[step];
            atoms[step] = (long) totals[steps + step];
        }
    }

    /// Adds the graphs, then the atoms of a group in each step.
    private void count(Filled one, double[] totals) {
        int first = firstStep[one.chapter];
        int atoms = totals.length / 2 + first;
        for (int step = 0; step < one.steps(); step++) {
            totals[first + step] += one.start[step + 1] - one.start[step];
            totals[atoms + step] += atoms(one.start[step], one.start[step + 1]);
        }
        for (int i = 0; i < one.further.length; i++) {
            int step = one.steps() + i / batches(one.group);
            totals[first + step] += one.further[i].length;
            for (int item : one.further[i]) {
                totals[atoms + step] += table.counts(GraphTable.ATOMS).get(order.graph(item));
            }
        }
    }

    private void sum(double[] counted) {
        if (ranks.sum() != null) {
            ranks.sum().accept(counted);
        }
    }

    @Override
    int groups() {
        return groups;
    }

    @Override
    int allSteps() {
        return graphs.length;
    }

    @Override
    public int globalGraphs(int step) {
        return graphs[step];
    }

    @Override
    public long globalAtoms(int step) {
        return atoms[step];
    }

    @Override
    int[][] deal(int step, int group) {
        return deal(filled(step, group), step);
    }

    private Filled filled(int step, int group) {
        int found = Arrays.binarySearch(firstStep, step);
        int chapter = found < 0 ? -found - 2 : found;
        while (firstStep[chapter + 1] == step) {
            chapter++;
        }
        Filled last = filled;
        if (last == null || last.chapter != chapter || last.group != group) {
            last = evened(fill(chapter, group));
            filled = last;
        }
        return last;
    }

    /// Where a group's part of a chapter ends and that of the next one begins.
    private int position(int chapter, int group) {
        int start = share(order.size(), chapter, chapters);
        int length = share(order.size(), chapter + 1, chapters) - start;
        return start + share(length, share(batches, group, groups), batches);
    }

    private int batches(int group) {
        return share(batches, group + 1, groups) - share(batches, group, groups);
    }

    private Filled fill(int chapter, int group) {
        IntStream.Builder starts = IntStream.builder();
        int end = position(chapter, group + 1);
        for (int at = position(chapter, group); at < end; ) {
            starts.add(at);
            Bins bins = new Bins(batches(group));
            while (at < end && bins.place(order.item(at)) >= 0) {
                at++;
            }
        }
        int[] start = starts.add(end).build().toArray();
        if (training) {
            start = completed(start, batches(group));
        }
        return new Filled(chapter, group, start, new int[0][]);
    }

    /// In training no batch may be without a graph in the last step: it takes some from the step before or
    /// falls away.
    private int[] completed(int[] start, int batches) {
        int last = start.length - 2;
        if (last < 1) {
            return start;
        }
        int enough = start[last + 1] - batches;
        boolean incomplete = start[last] > enough;
        if (incomplete && !batching.dropLast() && enough - start[last - 1] >= batches) {
            start[last] = enough;
            return start;
        }
        return incomplete || batching.dropLast() ? Arrays.copyOf(start, last + 1) : start;
    }

    /// Drops steps, or adds some, until there are as many as the chapter has.
    private Filled evened(Filled one) {
        int steps = firstStep[one.chapter + 1] - firstStep[one.chapter];
        int batches = batches(one.group);
        int kept = Math.min(steps, one.steps());
        int[][] further = new int[(steps - kept) * batches][0];
        if (training && steps > kept) {
            int missing = further.length;
            for (; missing > 0; kept--) {
                missing -= one.start[kept] - one.start[kept - 1] - batches;
            }
            further = divided(one, kept, (steps - kept) * batches);
        }
        return new Filled(one.chapter, one.group, Arrays.copyOf(one.start, kept + 1), further);
    }

    /// Makes more batches of those from a step on, of which the largest ones are halved.
    private int[][] divided(Filled one, int from, int wanted) {
        PriorityQueue<int[]> largest = new PriorityQueue<>(Comparator.comparingInt(batch -> -batch.length));
        for (int step = from; step < one.steps(); step++) {
            largest.addAll(List.of(deal(one.start[step], one.start[step + 1], batches(one.group))));
        }
        while (largest.size() < wanted) {
            int[] batch = largest.remove();
            largest.add(Arrays.copyOf(batch, batch.length / 2));
            largest.add(Arrays.copyOfRange(batch, batch.length / 2, batch.length));
        }
        return largest.toArray(int[][]::new);
    }

    /// The items of each batch of a group.
    private int[][] deal(Filled one, int step) {
        int of = step - firstStep[one.chapter];
        int batches = batches(one.group);
        int further = (of - one.steps()) * batches;
        return further < 0
                ? deal(one.start[of], one.start[of + 1], batches)
                : Arrays.copyOfRange(one.further, further, further + batches);
    }

    private int[][] deal(int from, int to, int batches) {
        IntStream.Builder[] items = new IntStream.Builder[batches];
        Arrays.setAll(items, _ -> IntStream.builder());
        Bins bins = new Bins(batches);
        for (int position = from; position < to; position++) {
            int item = order.item(position);
            items[bins.place(item)].add(item);
        }
        return Arrays.stream(items).map(each -> each.build().toArray()).toArray(int[][]::new);
    }

    /// What batches hold while a step is being filled.
    private final class Bins {
        private final LeastLoaded loads;
        private final int[] counts;

        Bins(int batches) {
            loads = new LeastLoaded(batches);
            counts = new int[batches];
        }

        /// Puts an item into the batch with the least load that has room.
        ///
        /// @return the batch, or -1 if there is none
        int place(int item) {
            long load = batching.load(table, order.graph(item));
            if (loads.none()) {
                return -1;
            }
            int batch = loads.number();
            if (counts[batch] > 0 && loads.load() + load > batching.budget()) {
                return -1;
            }
            if (++counts[batch] == batching.graphs()) {
                loads.fill();
            } else {
                loads.add(load);
            }
            return batch;
        }
    }
}
