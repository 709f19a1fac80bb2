package org.iolaus.data;

import java.util.Arrays;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Which graphs each rank takes in each step of an epoch.
///
/// A pure function of what it is made from: every rank computes it for itself, and a restart may begin at any step.
/// All ranks have the same number of steps. Within a step the graphs are dealt out so that the ranks have about the
/// same number of edges and atoms. A rank may take its share of a step in several micro-batches, whose gradients are
/// added up. They too hold about the same number of edges and atoms.
///
/// What a rank computes for a step does not grow with the number of ranks: batches are dealt in groups, and a rank
/// looks at the graphs of its own group only. Groups get about the same work because the graphs of large steps come
/// in an order of which every part costs about the same ([EpochOrder.Stratified]). Small steps have one group and an
/// order without structure.
public abstract sealed class EpochPlan permits FixedPlan, BudgetPlan {
    final GraphTable table;
    final EpochOrder order;
    final Batching batching;
    final Ranks ranks;
    final int microBatches;
    final boolean training;
    /// Batches of a step: one for each rank and micro-batch.
    final int batches;

    private final int wanted;
    private final long chance;
    private volatile @Nullable Dealt dealt;

    /// What was dealt last: several micro-batches of a step ask for the same.
    @SuppressWarnings("ArrayRecordComponent")
    private record Dealt(int step, int group, int[][] items) {}

    /// The ranks that follow a plan.
    ///
    /// @param rank this one
    /// @param sum replaces numbers by their sums over the ranks, of which each counts a share of what is to be
    ///     counted over an epoch; null: this one counts everything
    public record Ranks(int rank, int size, @Nullable Consumer<double[]> sum) {
        /// Ranks that do not share the counting.
        public static Ranks of(int size) {
            return new Ranks(0, size, null);
        }
    }

    /// What a plan is made from.
    ///
    /// @param wanted graphs of the split
    /// @param training whether every batch of every step must have a graph
    record Setup(
            GraphTable table,
            EpochOrder order,
            int wanted,
            Batching batching,
            Ranks ranks,
            int microBatches,
            boolean training,
            long chance) {}

    EpochPlan(Setup setup) {
        this.table = setup.table;
        this.order = setup.order;
        this.wanted = setup.wanted;
        this.batching = setup.batching;
        this.ranks = setup.ranks;
        this.microBatches = setup.microBatches;
        this.training = setup.training;
        this.chance = setup.chance;
        this.batches = Math.multiplyExact(ranks.size, microBatches);
    }

    /// A shuffled pass over the training frames.
    ///
    /// @param seed of the run; each epoch has its own order
    /// @param ranks make the plan together, if they share the counting
    /// @param microBatches batches that each rank takes for one step
    public static EpochPlan training(
            ShardIndex index, Batching batching, long seed, int epoch, Ranks ranks, int microBatches) {
        requireTraining(index, batching, ranks.size, microBatches);
        GraphTable table = index.table();
        int graphs = table.size(Split.TRAIN);
        long key = Shuffle.number(seed, epoch);
        boolean large = batching.hasLargeSteps(ranks.size * microBatches, graphs);
        EpochOrder order;
        if (large || graphs > EpochOrder.LISTED) {
            GraphsByCost sorted = table.byCost(Split.TRAIN, batching.skips(table) ? batching : null);
            order = large ? new EpochOrder.Stratified(sorted, key) : new EpochOrder.Shuffled(sorted, key);
        } else {
            int[] list = table.graphs(Split.TRAIN);
            Shuffle.shuffle(list, seed, epoch);
            order = new EpochOrder.Listed(table, batching.kept(table, list));
        }
        return of(new Setup(table, order, graphs, batching, ranks, microBatches, true, key));
    }

    /// A pass over a split, each graph exactly once. Where there are fewer graphs than ranks, some ranks get none.
    ///
    /// @param ranks make the plan together, if they share the counting
    public static EpochPlan complete(ShardIndex index, Split split, Batching batching, Ranks ranks) {
        batching.requireFit(index, split);
        GraphTable table = index.table();
        EpochOrder order = batching.hasLargeSteps(ranks.size, table.size(split))
                ? new EpochOrder.Stratified(table.byCost(split, null), 0)
                : new EpochOrder.Listed(table, table.graphs(split));
        return of(new Setup(table, order, order.size(), batching, ranks, 1, false, 0));
    }

    private static EpochPlan of(Setup setup) {
        return setup.batching.mode() == Batching.Mode.FIXED ? new FixedPlan(setup) : new BudgetPlan(setup);
    }

    /// Refuses what cannot be trained on.
    public static void requireTraining(ShardIndex index, Batching batching, int ranks, int microBatches) {
        batching.requireFit(index, Split.TRAIN);
        GraphTable table = index.requireTrainingFrames().table();
        int graphs = batching.skips(table)
                ? batching.kept(table, table.graphs(Split.TRAIN)).length
                : table.size(Split.TRAIN);
        if (graphs < (long) ranks * microBatches) {
            throw new DataException(index.name() + ", training frames: want at least one graph for each of " + ranks
                    + " ranks" + (microBatches == 1 ? "" : " in each of " + microBatches + " micro-batches of a step")
                    + ", got " + graphs);
        }
    }

    /// Steps of every rank.
    public int steps() {
        return Math.min(allSteps(), Math.ceilDiv(batching.limit(), microBatches));
    }

    /// Steps without a limit.
    abstract int allSteps();

    /// Graphs of a step over all ranks.
    public abstract int globalGraphs(int step);

    /// Atoms of a step over all ranks.
    public abstract long globalAtoms(int step);

    /// Groups of batches: each is dealt by itself.
    abstract int groups();

    /// Items of the order that each batch of a group holds in a step.
    abstract int[][] deal(int step, int group);

    /// Graphs that a rank looks at for a step, about.
    public int graphsDealt(int step) {
        return globalGraphs(step) / groups();
    }

    /// Items of the order that one batch of a step holds.
    private int[] items(int step, int batch) {
        int group = shareOf(batches, batch, groups());
        Dealt last = dealt;
        if (last == null || last.step != step || last.group != group) {
            last = new Dealt(step, group, deal(step, group));
            dealt = last;
        }
        return last.items[batch - share(batches, group, groups())];
    }

    /// Graphs of the split that no step of this epoch has: beyond the budget, or of an incomplete last step.
    public int leftOut() {
        long taken = 0;
        for (int step = 0; step < steps(); step++) {
            taken += globalGraphs(step);
        }
        return (int) (wanted - taken);
    }

    /// Batches that each rank takes for one step.
    public int microBatches() {
        return microBatches;
    }

    /// The graphs of one rank in one micro-batch of one step, ascending.
    public int[] graphs(int step, int rank, int microBatch) {
        return Arrays.stream(items(step, number(rank, microBatch)))
                .map(order::graph)
                .sorted()
                .toArray();
    }

    private int number(int rank, int microBatch) {
        return rank * microBatches + microBatch;
    }

    /// A number of its own for each seed, epoch, step, rank and micro-batch; where nothing is shuffled, for each
    /// step, rank and micro-batch.
    long chance(int step, int rank, int microBatch) {
        return Shuffle.number(Shuffle.number(chance, step), number(rank, microBatch));
    }

    /// Atoms of the graphs at some positions.
    long atoms(int from, int to) {
        Counts atoms = table.counts(GraphTable.ATOMS);
        return IntStream.range(from, to)
                .mapToLong(position -> atoms.get(order.graph(order.item(position))))
                .sum();
    }

    /// The first of the `total` things that part `part` of `parts` nearly equal ones has.
    static int share(int total, int part, int parts) {
        return (int) ((long) total * part / parts);
    }

    /// The part that a thing belongs to.
    static int shareOf(int total, int thing, int parts) {
        return (int) (((thing + 1L) * parts - 1) / total);
    }
}
