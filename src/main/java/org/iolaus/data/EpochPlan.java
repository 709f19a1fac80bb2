package org.iolaus.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/// Which graphs each rank takes in each step of an epoch.
///
/// A pure function of what it is made from: every rank computes it for itself, and a restart may begin at any step.
/// All ranks have the same number of steps. With `FIXED` batching the graphs of a step depend on the seed, the epoch
/// and `ranks * graphs` only, so that R ranks with batches of b take the same steps as one rank with batches of R b
/// (unless b is 1 and does not divide the frames: in training no rank goes without a graph, so the steps are fewer).
/// A rank may take its share of a step in several micro-batches, whose gradients are added up. They too hold about
/// the same number of edges and atoms, and T micro-batches of b take the same steps as one with batches of T b.
/// Steps have nearly equal size: 950 frames in batches of 32 make 30 steps of 31 or 32. Within a step the graphs are
/// dealt out so that the ranks have about the same number of edges and atoms.
public final class EpochPlan {
    private final int[] atoms;
    private final int[] edges;
    private final int microBatches;
    /// Batches of a step: one for each rank and micro-batch.
    private final int batches;

    private final Batching batching;

    /// The graphs in the order of the epoch, and where each step begins in it; `(steps + 1)`.
    private final int[] order;

    private final int[] stepStart;
    private final int leftOut;
    private final long chance;

    private EpochPlan(
            ShardIndex index,
            int[] order,
            Batching batching,
            int ranks,
            int microBatches,
            boolean training,
            long chance,
            String what) {
        this.chance = chance;
        this.atoms = index.atoms();
        this.edges = index.allEdges();
        this.microBatches = microBatches;
        this.batches = Math.multiplyExact(ranks, microBatches);
        this.batching = batching;
        this.order = withoutOversized(order, what);
        if (training && this.order.length < batches) {
            throw new DataException(what + ": want at least one graph for each of " + ranks + " ranks"
                    + (microBatches == 1 ? "" : " in each of " + microBatches + " micro-batches of a step") + ", got "
                    + this.order.length);
        }
        this.stepStart = batching.mode() == Batching.Mode.FIXED ? evenSteps(training) : filledSteps(training);
        this.leftOut = order.length - stepStart[stepStart.length - 1];
    }

    /// A shuffled pass over the training frames.
    ///
    /// @param seed of the run; each epoch has its own order
    public static EpochPlan training(ShardIndex index, Batching batching, long seed, int epoch, int ranks) {
        return training(index, batching, seed, epoch, ranks, 1);
    }

    /// The same.
    ///
    /// @param microBatches batches that each rank takes for one step
    public static EpochPlan training(
            ShardIndex index, Batching batching, long seed, int epoch, int ranks, int microBatches) {
        int[] order = index.graphsOf(Split.TRAIN);
        Shuffle.shuffle(order, seed, epoch);
        return new EpochPlan(
                index,
                order,
                batching,
                ranks,
                microBatches,
                true,
                Shuffle.number(seed, epoch),
                index.name() + ", training frames");
    }

    /// A pass over a split in its own order, each graph exactly once. Where there are fewer graphs than ranks, some
    /// ranks get none.
    public static EpochPlan complete(ShardIndex index, Split split, Batching batching, int ranks) {
        Batching all = batching.oversized() == Batching.Oversized.SKIP
                ? new Batching(batching.mode(), batching.graphs(), batching.budget(), Batching.Oversized.SINGLE, false)
                : batching;
        return new EpochPlan(
                index, index.graphsOf(split), all, ranks, 1, false, 0, index.name() + ", " + split + " frames");
    }

    /// Steps of every rank.
    public int steps() {
        return stepStart.length - 1;
    }

    /// Graphs of the split that no step of this epoch has: beyond the budget, or of an incomplete last step.
    public int leftOut() {
        return leftOut;
    }

    /// Batches that each rank takes for one step.
    public int microBatches() {
        return microBatches;
    }

    /// The graphs of one rank in one step, in its first micro-batch, ascending.
    public int[] graphs(int step, int rank) {
        return graphs(step, rank, 0);
    }

    /// The graphs of one rank in one micro-batch of one step, ascending.
    public int[] graphs(int step, int rank, int microBatch) {
        int[] graphs = deal(stepStart[step], stepStart[step + 1]).get(number(rank, microBatch));
        Arrays.sort(graphs);
        return graphs;
    }

    private int number(int rank, int microBatch) {
        return rank * microBatches + microBatch;
    }

    /// A number of its own for each seed, epoch, step, rank and micro-batch; where nothing is shuffled, for each step,
    /// rank and micro-batch.
    long chance(int step, int rank, int microBatch) {
        return Shuffle.number(Shuffle.number(chance, step), number(rank, microBatch));
    }

    /// Graphs of a step over all ranks.
    public int globalGraphs(int step) {
        return stepStart[step + 1] - stepStart[step];
    }

    /// Atoms of a step over all ranks.
    public long globalAtoms(int step) {
        return total(atoms, step);
    }

    /// Edges of a step over all ranks.
    public long globalEdges(int step) {
        return total(edges, step);
    }

    private long total(int[] counts, int step) {
        long sum = 0;
        for (int i = stepStart[step]; i < stepStart[step + 1]; i++) {
            sum += counts[order[i]];
        }
        return sum;
    }

    private int[] withoutOversized(int[] all, String what) {
        if (batching.mode() == Batching.Mode.FIXED || batching.oversized() == Batching.Oversized.SINGLE) {
            return all;
        }
        if (batching.oversized() == Batching.Oversized.ERROR) {
            for (int graph : all) {
                if (load(graph) > batching.budget()) {
                    throw new DataException(what + ", graph " + graph + ": want at most " + batching.budget()
                            + (batching.mode() == Batching.Mode.NODE_BUDGET ? " atoms" : " edges")
                            + " as the batching budget says, got " + load(graph));
                }
            }
            return all;
        }
        return Arrays.stream(all).filter(g -> load(g) <= batching.budget()).toArray();
    }

    private int[] evenSteps(boolean training) {
        int frames = order.length;
        int perStep = (int) Math.min(Integer.MAX_VALUE, (long) batches * batching.graphs());
        boolean drop = training && batching.dropLast() && frames >= perStep;
        int used = drop ? frames / perStep * perStep : frames;
        int steps = Math.ceilDiv(used, perStep);
        if (training && steps > 1 && used / steps < batches) {
            steps = used / batches;
        }
        int[] starts = new int[steps + 1];
        for (int step = 0; step <= steps; step++) {
            starts[step] = steps == 0 ? 0 : (int) ((long) used * step / steps);
        }
        return starts;
    }

    /// Takes graphs in order into the emptiest rank until the next graph fits nowhere.
    private int[] filledSteps(boolean training) {
        List<Integer> starts = new ArrayList<>(List.of(0));
        Bins bins = new Bins();
        for (int i = 0; i < order.length; i++) {
            if (bins.place(order[i]) < 0) {
                starts.add(i);
                bins = new Bins();
                bins.place(order[i]);
            }
        }
        if (order.length > 0) {
            starts.add(order.length);
        }
        if (training) {
            completeLast(starts);
        }
        return starts.stream().mapToInt(Integer::intValue).toArray();
    }

    /// In training no rank may be without a graph in the last step: it takes some from the step before or falls away.
    private void completeLast(List<Integer> starts) {
        int last = starts.size() - 2;
        if (last < 1) {
            return;
        }
        int enough = order.length - batches;
        if (batching.dropLast()) {
            starts.removeLast();
        } else if (starts.get(last) > enough) {
            if (enough - starts.get(last - 1) >= batches) {
                starts.set(last, enough);
            } else {
                starts.removeLast();
            }
        }
    }

    /// The graphs `order[from .. to)` of each rank.
    private List<int[]> deal(int from, int to) {
        int[][] shares = new int[batches][to - from];
        int[] counts = new int[batches];
        if (batching.mode() == Batching.Mode.FIXED) {
            int most = Math.ceilDiv(to - from, batches);
            long[] cost = new long[batches];
            int[] descending = IntStream.range(from, to)
                    .mapToObj(i -> order[i])
                    .sorted(Comparator.comparingLong((Integer g) -> -cost(g)).thenComparing(g -> g))
                    .mapToInt(Integer::intValue)
                    .toArray();
            for (int graph : descending) {
                int rank = -1;
                for (int r = 0; r < batches; r++) {
                    if (counts[r] < most && (rank < 0 || cost[r] < cost[rank])) {
                        rank = r;
                    }
                }
                shares[rank][counts[rank]++] = graph;
                cost[rank] += cost(graph);
            }
        } else {
            Bins bins = new Bins();
            for (int i = from; i < to; i++) {
                int rank = bins.place(order[i]);
                shares[rank][counts[rank]++] = order[i];
            }
        }
        List<int[]> result = new ArrayList<>();
        for (int r = 0; r < batches; r++) {
            result.add(Arrays.copyOf(shares[r], counts[r]));
        }
        return result;
    }

    private long cost(int graph) {
        return (long) edges[graph] + atoms[graph];
    }

    private long load(int graph) {
        return batching.mode() == Batching.Mode.NODE_BUDGET ? atoms[graph] : edges[graph];
    }

    /// What the ranks hold while a step is being filled.
    private final class Bins {
        private final long[] loads = new long[batches];
        private final int[] counts = new int[batches];

        /// Puts a graph on the rank with the least load that has room.
        ///
        /// @return the rank, or -1 if there is none
        int place(int graph) {
            int best = -1;
            for (int r = 0; r < batches; r++) {
                boolean room = counts[r] == 0
                        || (counts[r] < batching.graphs() && loads[r] + load(graph) <= batching.budget());
                if (room && (best < 0 || less(r, best))) {
                    best = r;
                }
            }
            if (best >= 0) {
                loads[best] += load(graph);
                counts[best]++;
            }
            return best;
        }

        /// Empty ranks come first even if a graph without edges weighs nothing.
        private boolean less(int a, int b) {
            return (counts[a] == 0) != (counts[b] == 0) ? counts[a] == 0 : loads[a] < loads[b];
        }
    }
}
