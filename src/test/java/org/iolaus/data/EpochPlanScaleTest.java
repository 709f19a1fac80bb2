package org.iolaus.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.iolaus.comm.LocalComm;
import org.iolaus.data.Batching.Mode;
import org.iolaus.data.Batching.Oversized;
import org.iolaus.data.EpochPlan.Ranks;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Plans for very many ranks and frames.
final class EpochPlanScaleTest {
    private enum Sizes {
        /// 2 to 60 atoms, equally likely.
        EVEN,
        /// Like those of crystals: log-normal, 20 atoms in the middle, 444 at most.
        CRYSTALS,
        /// A few graphs are larger than a mean batch of 32.
        SKEWED
    }

    /// Training frames with 20 to 80 edges per atom.
    private static ShardIndex index(int frames, Sizes sizes) {
        Random random = new Random(5);
        int[] atoms = IntStream.range(0, 1 << 16)
                .map(_ -> switch (sizes) {
                    case EVEN -> 2 + random.nextInt(59);
                    case CRYSTALS -> Math.clamp(Math.round(20 * Math.exp(0.8 * random.nextGaussian())), 2, 444);
                    case SKEWED -> Math.clamp((long) (4 / Math.pow(random.nextDouble(), 1 / 1.8)), 4, 600);
                })
                .toArray();
        int[] edges =
                Arrays.stream(atoms).map(n -> n * (20 + random.nextInt(60))).toArray();
        return ShardIndexes.of(
                Counts.of(frames, g -> atoms[g * 0x9E3779B1 >>> 16]),
                Counts.of(frames, g -> edges[g * 0x9E3779B1 >>> 16]),
                Counts.of(frames, _ -> Split.TRAIN.code()));
    }

    private static EpochPlan plan(ShardIndex index, Batching batching, Ranks ranks) {
        return EpochPlan.training(index, batching, 42, 3, ranks, 1);
    }

    /// Below a millisecond for each rank and step, and no memory that grows with the frames but for the list
    /// by cost.
    @Test
    void aStepOfTenThousandRanksAndAHundredMillionFramesIsPlannedInAMillisecond() {
        ShardIndex index = index(100_000_000, Sizes.CRYSTALS);
        var thread = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        for (int ranks : new int[] {64, 1024, 10_000}) {
            // other ranks count as much as this one
            Ranks shared = new Ranks(ranks / 3, ranks, all -> {
                for (int i = 0; i < all.length; i++) {
                    all[i] *= ranks;
                }
            });
            plan(index, Batching.fixed(32), shared); // sorts the graphs, once
            double best = Double.POSITIVE_INFINITY;
            for (int epoch = 0; epoch < 5; epoch++) {
                long bytes = thread.getCurrentThreadAllocatedBytes();
                long began = thread.getCurrentThreadCpuTime();
                EpochPlan plan = EpochPlan.training(index, Batching.fixed(32), 42, epoch, shared, 1);
                long made = thread.getCurrentThreadCpuTime() - began;
                int steps = Math.min(300, plan.steps());
                for (int step = 0; step < steps; step++) {
                    assertTrue(plan.graphs(step, shared.rank(), 0).length >= 31);
                    assertTrue(plan.globalAtoms(step) > 0);
                }
                long dealt = thread.getCurrentThreadCpuTime() - began - made;
                best = Math.min(best, (double) dealt / steps + (double) made / plan.steps());
                assertTrue(thread.getCurrentThreadAllocatedBytes() - bytes < steps * 1_000_000L);
            }
            assertTrue(best < 1e6, ranks + " ranks: " + best + " ns");
        }
    }

    /// As even as if all graphs of a step were dealt to all ranks at once.
    @ParameterizedTest
    @CsvSource({
        "EVEN, 64",
        "EVEN, 1024",
        "EVEN, 10000",
        "CRYSTALS, 64",
        "CRYSTALS, 1000",
        "CRYSTALS, 1024",
        "CRYSTALS, 10000",
        "SKEWED, 64",
        "SKEWED, 1024"
    })
    void groupsAreAsEvenAsOneDealToAll(Sizes sizes, int ranks) {
        ShardIndex index = index(4_000_000, sizes);
        EpochPlan plan = plan(index, Batching.fixed(32), Ranks.of(ranks));
        double together = 0;
        double inGroups = 0;
        int steps = Math.min(5, plan.steps());
        for (int step = 0; step < steps; step++) {
            int at = step;
            int[][] dealt = IntStream.range(0, ranks)
                    .mapToObj(rank -> plan.graphs(at, rank, 0))
                    .toArray(int[][]::new);
            int[] all = Arrays.stream(dealt).flatMapToInt(Arrays::stream).toArray();
            EpochOrder.Listed order = new EpochOrder.Listed(index.table(), all);
            int most = Math.ceilDiv(all.length, ranks);
            inGroups += imbalance(index, dealt) / steps;
            together += imbalance(index, FixedPlan.deal(order.ranked(0, all.length), ranks, most)) / steps;
        }
        assertTrue(inGroups < together + 0.005, inGroups + " times the mean in groups, " + together + " together");
    }

    /// The most edges of a rank over the mean.
    private static double imbalance(ShardIndex index, int[][] dealt) {
        long[] edges = Arrays.stream(dealt)
                .mapToLong(graphs ->
                        Arrays.stream(graphs).mapToLong(index.edges()::get).sum())
                .toArray();
        return Arrays.stream(edges).max().orElseThrow()
                / Arrays.stream(edges).average().orElseThrow();
    }

    private static int[] step(EpochPlan plan, int step, int ranks) {
        return IntStream.range(0, ranks)
                .boxed()
                .flatMap(r -> IntStream.range(0, plan.microBatches())
                        .mapToObj(microBatch -> plan.graphs(step, r, microBatch)))
                .flatMapToInt(Arrays::stream)
                .sorted()
                .toArray();
    }

    @ParameterizedTest
    @CsvSource({"1200017, 1000, 16", "1200017, 7, 100", "20000, 3000, 1", "5001, 700, 32"})
    void largePlansHaveEachGraphOnce(int frames, int ranks, int batch) {
        ShardIndex index = index(frames, Sizes.CRYSTALS);
        EpochPlan plan = plan(index, Batching.fixed(batch), Ranks.of(ranks));
        BitSet seen = new BitSet();
        for (int s = 0; s < plan.steps(); s++) {
            for (int r = 0; r < ranks; r++) {
                int[] graphs = plan.graphs(s, r, 0);
                assertTrue(graphs.length > 0 && graphs.length <= Math.max(2, batch));
                for (int graph : graphs) {
                    assertTrue(!seen.get(graph), "once");
                    seen.set(graph);
                }
            }
        }
        assertEquals(frames, seen.cardinality());
        assertEquals(0, plan.leftOut());
        EpochPlan again = plan(index, Batching.fixed(batch), Ranks.of(ranks));
        int last = plan.steps() - 1;
        assertArrayEquals(plan.graphs(last, ranks - 1, 0), again.graphs(last, ranks - 1, 0));
        EpochPlan next = EpochPlan.training(index, Batching.fixed(batch), 42, 4, Ranks.of(ranks), 1);
        assertNotEquals(Arrays.toString(plan.graphs(0, 0, 0)), Arrays.toString(next.graphs(0, 0, 0)));
    }

    /// Steps are the same for any division of a large batch into ranks and microBatches.
    @Test
    void ranksAndTurnsShareLargeSteps() {
        ShardIndex index = index(100_000, Sizes.EVEN);
        EpochPlan one = plan(index, Batching.fixed(20_000), Ranks.of(1));
        EpochPlan ranks = plan(index, Batching.fixed(40), Ranks.of(500));
        EpochPlan microBatches = EpochPlan.training(index, Batching.fixed(20), 42, 3, Ranks.of(250), 4);
        for (int s = 0; s < one.steps(); s++) {
            assertArrayEquals(step(one, s, 1), step(ranks, s, 500));
            assertArrayEquals(step(one, s, 1), step(microBatches, s, 250));
            assertEquals(one.globalAtoms(s), ranks.globalAtoms(s));
        }
        EpochPlan all = EpochPlan.complete(index, Split.TRAIN, Batching.fixed(40), Ranks.of(500));
        EpochPlan alone = EpochPlan.complete(index, Split.TRAIN, Batching.fixed(20_000), Ranks.of(1));
        for (int s = 0; s < all.steps(); s++) {
            assertArrayEquals(step(alone, s, 1), step(all, s, 500));
        }
    }

    /// Ranks that count together find what each would find alone.
    @Test
    void ranksShareTheCounting() {
        ShardIndex index = index(60_000, Sizes.CRYSTALS);
        Batching edges = new Batching(Mode.EDGE_BUDGET, 50, 30_000, Oversized.SINGLE, false);
        for (Batching batching : List.of(Batching.fixed(1000), edges)) {
            int microBatches = batching.mode() == Mode.FIXED ? 1 : 30;
            EpochPlan alone = EpochPlan.training(index, batching, 1, 0, Ranks.of(5), microBatches);
            LocalComm.run(5, comm -> {
                Ranks ranks = new Ranks(comm.rank(), comm.size(), comm::sum);
                EpochPlan plan = EpochPlan.training(index, batching, 1, 0, ranks, microBatches);
                assertEquals(alone.steps(), plan.steps());
                for (int s = 0; s < plan.steps(); s++) {
                    assertEquals(alone.globalGraphs(s), plan.globalGraphs(s));
                    assertEquals(alone.globalAtoms(s), plan.globalAtoms(s));
                    assertArrayEquals(alone.graphs(s, comm.rank(), 0), plan.graphs(s, comm.rank(), 0));
                }
            });
        }
    }

    /// Groups that fill their batches by themselves take the same number of steps.
    @ParameterizedTest
    @CsvSource({"NODE_BUDGET, 500, 130", "EDGE_BUDGET, 25000, 300", "NODE_BUDGET, 444, 1000", "EDGE_BUDGET, 9000, 70"})
    void groupsKeepToTheBudgetTogether(Mode mode, int budget, int ranks) {
        ShardIndex index = index(40_000, Sizes.CRYSTALS);
        Counts loads = mode == Mode.NODE_BUDGET ? index.atoms() : index.edges();
        for (boolean training : new boolean[] {true, false}) {
            Batching batching = new Batching(mode, 100, budget, Oversized.SINGLE, false);
            EpochPlan plan = training
                    ? plan(index, batching, Ranks.of(ranks))
                    : EpochPlan.complete(index, Split.TRAIN, batching, Ranks.of(ranks));
            BitSet seen = new BitSet();
            for (int s = 0; s < plan.steps(); s++) {
                long atoms = 0;
                int graphs = 0;
                for (int r = 0; r < ranks; r++) {
                    int[] mine = plan.graphs(s, r, 0);
                    assertTrue(!training || mine.length > 0, "no batch is empty");
                    assertTrue(mine.length <= 1
                            || Arrays.stream(mine).map(loads::get).sum() <= budget);
                    atoms += Arrays.stream(mine).map(index.atoms()::get).sum();
                    graphs += mine.length;
                    for (int graph : mine) {
                        assertTrue(!seen.get(graph), "once");
                        seen.set(graph);
                    }
                }
                assertEquals(atoms, plan.globalAtoms(s));
                assertEquals(graphs, plan.globalGraphs(s));
            }
            assertEquals(40_000, seen.cardinality() + plan.leftOut());
            assertTrue(training ? plan.leftOut() < ranks : plan.leftOut() == 0, plan.leftOut() + " left out");
            double room = (plan.steps() - 1.0) * ranks * budget;
            assertTrue(room < 2 * loads.sum(), "steps are well filled: " + room / loads.sum());
        }
    }

    /// More than a million frames are filled into steps chapter by chapter.
    @Test
    void chaptersAreFilledByThemselves() {
        ShardIndex index = index(2_200_000, Sizes.EVEN);
        EpochPlan plan = plan(index, new Batching(Mode.NODE_BUDGET, 100, 500, Oversized.ERROR, false), Ranks.of(2));
        BitSet seen = new BitSet();
        for (int s = 0; s < plan.steps(); s++) {
            for (int r = 0; r < 2; r++) {
                int[] graphs = plan.graphs(s, r, 0);
                assertTrue(Arrays.stream(graphs).map(index.atoms()::get).sum() <= 500);
                Arrays.stream(graphs).forEach(seen::set);
            }
        }
        assertEquals(2_200_000, seen.cardinality() + plan.leftOut());
        assertTrue(plan.leftOut() < 6);
    }

    /// An order that is computed is one: every place once, each as likely for every element.
    @Test
    void permutationsWithoutAListAreEven() {
        for (int n : new int[] {1, 2, 3, 7, 64, 1000, 65_537}) {
            int[] places = IntStream.range(0, n)
                    .map(i -> Shuffle.permuted(i, n, 9))
                    .sorted()
                    .toArray();
            assertArrayEquals(IntStream.range(0, n).toArray(), places);
        }
        for (int n : new int[] {4, 5, 24}) {
            int[][] counts = new int[n][n];
            int seeds = 2_000 * n;
            for (int seed = 0; seed < seeds; seed++) {
                for (int i = 0; i < n; i++) {
                    counts[i][Shuffle.permuted(i, n, Shuffle.number(seed, 1))]++;
                }
            }
            for (int[] row : counts) {
                for (int count : row) {
                    assertEquals(2_000, count, 200);
                }
            }
        }
    }
}
