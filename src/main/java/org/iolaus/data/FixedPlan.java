package org.iolaus.data;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Steps of a fixed number of graphs per batch. The graphs of a step depend on the seed, the epoch and `ranks *
/// micro-batches * graphs` only, so that R ranks with batches of b take the same steps as one rank with batches of R
/// b (unless b is 1 and does not divide the frames: in training no rank goes without a graph, so the steps are
/// fewer). Steps have nearly equal size: 950 frames in batches of 32 make 30 steps of 31 or 32.
final class FixedPlan extends EpochPlan {
    /// Graphs that are dealt together, at most: so many take half a millisecond, and balance nearly as well as all.
    private static final int GROUP = 8192;

    private final int steps;
    /// Graphs of the epoch's steps.
    private final int used;

    private final int groups;
    /// Atoms of each step; null where each is counted when it is asked for.
    private final double @Nullable [] atoms;

    FixedPlan(Setup setup) {
        super(setup);
        int frames = order.size();
        int perStep = (int) Math.min(Integer.MAX_VALUE, (long) batches * batching.graphs());
        boolean drop = training && batching.dropLast() && frames >= perStep;
        used = drop ? frames / perStep * perStep : frames;
        int whole = Math.ceilDiv(used, perStep);
        steps = training && whole > 1 && used / whole < batches ? used / batches : whole;
        boolean large = order instanceof EpochOrder.Stratified;
        groups = large ? Math.min(batches, Math.ceilDiv(perStep, GROUP)) : 1;
        atoms = ranks.sum() == null || order instanceof EpochOrder.Listed ? null : new double[steps];
        if (atoms != null && ranks.sum() != null) {
            for (int step = 0; step < steps; step++) {
                int start = start(step);
                int graphs = start(step + 1) - start;
                atoms[step] = atoms(
                        start + share(graphs, ranks.rank(), ranks.size()),
                        start + share(graphs, ranks.rank() + 1, ranks.size()));
            }
            ranks.sum().accept(atoms);
        }
    }

    @Override
    int groups() {
        return groups;
    }

    @Override
    int allSteps() {
        return steps;
    }

    private int start(int step) {
        return share(used, step, steps);
    }

    @Override
    public int globalGraphs(int step) {
        return start(step + 1) - start(step);
    }

    @Override
    public long globalAtoms(int step) {
        return atoms == null ? atoms(start(step), start(step + 1)) : (long) atoms[step];
    }

    @Override
    int[][] deal(int step, int group) {
        int start = start(step);
        int graphs = start(step + 1) - start;
        int first = share(batches, group, groups);
        int last = share(batches, group + 1, groups);
        EpochOrder.Ranked ranked =
                order.ranked(start + share(graphs, first, batches), start + share(graphs, last, batches));
        return deal(ranked, last - first, Math.ceilDiv(graphs, batches));
    }

    /// Deals out items, the costliest first, each to the batch that costs least so far and is not full.
    static int[][] deal(EpochOrder.Ranked ranked, int batches, int most) {
        int[][] items = new int[batches][most];
        int[] counts = new int[batches];
        LeastLoaded loads = new LeastLoaded(batches);
        for (int i = 0; i < ranked.items().length; i++) {
            int batch = loads.number();
            items[batch][counts[batch]++] = ranked.items()[i];
            if (counts[batch] == most) {
                loads.fill();
            } else {
                loads.add(ranked.costs()[i]);
            }
        }
        for (int batch = 0; batch < batches; batch++) {
            items[batch] = Arrays.copyOf(items[batch], counts[batch]);
        }
        return items;
    }
}
