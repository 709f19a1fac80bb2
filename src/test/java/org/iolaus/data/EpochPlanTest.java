package org.iolaus.data;

import static org.iolaus.data.Say.assertSays;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.iolaus.data.Batching.Mode;
import org.iolaus.data.Batching.Oversized;
import org.iolaus.data.EpochPlan.Ranks;
import org.junit.jupiter.api.Test;

final class EpochPlanTest {
    private static final int FRAMES = 203;

    private final ShardIndex index = index(FRAMES, 5);
    private final int[] train = index.table().graphs(Split.TRAIN);

    /// Graphs of 2 to 60 atoms; four of five are for training.
    private static ShardIndex index(int frames, long seed) {
        Random random = new Random(seed);
        int[] atoms = random.ints(frames, 2, 61).toArray();
        int[] edges =
                Arrays.stream(atoms).map(n -> n * (5 + random.nextInt(30))).toArray();
        Counts split = Counts.of(frames, g -> (g % 5 == 3 ? Split.VALIDATION : Split.TRAIN).code());
        return ShardIndexes.of(Counts.of(atoms), Counts.of(edges), split);
    }

    private static int[] step(EpochPlan plan, int step, int ranks) {
        return IntStream.range(0, ranks)
                .flatMap(r -> Arrays.stream(plan.graphs(step, r, 0)))
                .sorted()
                .toArray();
    }

    private static int[] epoch(EpochPlan plan, int ranks) {
        return IntStream.range(0, plan.steps())
                .flatMap(s -> Arrays.stream(step(plan, s, ranks)))
                .sorted()
                .toArray();
    }

    private static EpochPlan training(ShardIndex index, Batching batching, int ranks) {
        return EpochPlan.training(index, batching, 42, 3, Ranks.of(ranks), 1);
    }

    @Test
    void visitsEachTrainingGraphOnceWithoutIdleRanks() {
        for (int ranks = 1; ranks <= 7; ranks++) {
            for (int graphs : new int[] {1, 2, 3, 8, 32, 500}) {
                for (Batching batching : new Batching[] {
                    Batching.fixed(graphs),
                    new Batching(Mode.NODE_BUDGET, graphs, 150, Oversized.ERROR, false),
                    new Batching(Mode.EDGE_BUDGET, graphs, 3000, Oversized.ERROR, false)
                }) {
                    String what = batching + ", " + ranks + " ranks";
                    EpochPlan plan = training(index, batching, ranks);
                    int[] seen = epoch(plan, ranks);
                    assertEquals(train.length, seen.length + plan.leftOut(), what);
                    assertEquals(seen.length, Arrays.stream(seen).distinct().count(), what);
                    assertTrue(batching.mode() != Mode.FIXED || plan.leftOut() == 0, what);
                    assertTrue(plan.leftOut() < ranks, what);
                    for (int s = 0; s < plan.steps(); s++) {
                        for (int r = 0; r < ranks; r++) {
                            assertTrue(plan.graphs(s, r, 0).length > 0, what + ", step " + s);
                            assertTrue(
                                    plan.graphs(s, r, 0).length <= graphs
                                            || (graphs == 1 && batching.mode() == Mode.FIXED),
                                    what + ", step " + s);
                        }
                    }
                }
            }
        }
    }

    /// The micro-batches of a step divide what a rank would take in one; all of them have something to do.
    @Test
    void turnsDivideTheSameSteps() {
        for (int ranks : new int[] {1, 3}) {
            for (int microBatches : new int[] {2, 4}) {
                EpochPlan whole = training(index, Batching.fixed(8 * microBatches), ranks);
                EpochPlan plan = EpochPlan.training(index, Batching.fixed(8), 42, 3, Ranks.of(ranks), microBatches);
                assertEquals(microBatches, plan.microBatches());
                assertEquals(whole.steps(), plan.steps());
                for (int s = 0; s < plan.steps(); s++) {
                    List<Integer> seen = new ArrayList<>();
                    long most = 0;
                    long least = Long.MAX_VALUE;
                    for (int r = 0; r < ranks; r++) {
                        for (int t = 0; t < microBatches; t++) {
                            int[] graphs = plan.graphs(s, r, t);
                            assertTrue(graphs.length > 0 && graphs.length <= 8);
                            Arrays.stream(graphs).forEach(seen::add);
                            long edges = Arrays.stream(graphs)
                                    .map(g -> index.edges().get(g))
                                    .sum();
                            most = Math.max(most, edges);
                            least = Math.min(least, edges);
                        }
                    }
                    int[] all = seen.stream().mapToInt(g -> g).sorted().toArray();
                    assertArrayEquals(step(whole, s, ranks), all);
                    assertEquals(whole.globalAtoms(s), plan.globalAtoms(s));
                    long largest = Arrays.stream(all)
                            .mapToLong(g -> index.edges().get(g) + index.atoms().get(g))
                            .max()
                            .orElseThrow();
                    assertTrue(most - least <= 2 * largest, most + " and " + least);
                }
            }
        }
        assertSays(
                () -> EpochPlan.training(index, Batching.fixed(1), 42, 3, Ranks.of(100), 10),
                "want at least one graph for each of 100 ranks in each of 10 micro-batches of a step");
        EpochPlan budget = EpochPlan.training(
                index, new Batching(Mode.EDGE_BUDGET, 99, 3000, Oversized.ERROR, false), 42, 3, Ranks.of(2), 3);
        for (int s = 0; s < budget.steps(); s++) {
            for (int t = 0; t < 3; t++) {
                int[] graphs = budget.graphs(s, 1, t);
                assertTrue(graphs.length > 0);
                assertTrue(Arrays.stream(graphs).map(g -> index.edges().get(g)).sum() <= 3000);
            }
        }
    }

    @Test
    void keepsToTheBudget() {
        for (int ranks = 1; ranks <= 4; ranks++) {
            EpochPlan nodes = training(index, new Batching(Mode.NODE_BUDGET, 1000, 130, Oversized.ERROR, false), ranks);
            EpochPlan edges =
                    training(index, new Batching(Mode.EDGE_BUDGET, 1000, 2500, Oversized.ERROR, false), ranks);
            for (int r = 0; r < ranks; r++) {
                for (int s = 0; s < nodes.steps(); s++) {
                    assertTrue(Arrays.stream(nodes.graphs(s, r, 0))
                                    .map(g -> index.atoms().get(g))
                                    .sum()
                            <= 130);
                }
                for (int s = 0; s < edges.steps(); s++) {
                    assertTrue(Arrays.stream(edges.graphs(s, r, 0))
                                    .map(g -> index.edges().get(g))
                                    .sum()
                            <= 2500);
                }
            }
            int atoms = Arrays.stream(train).map(g -> index.atoms().get(g)).sum();
            assertTrue(nodes.steps() * 130 * ranks < 1.6 * atoms, "steps are well filled");
        }
    }

    @Test
    void treatsOversizedGraphsAsTold() {
        long large = Arrays.stream(train).filter(g -> index.atoms().get(g) > 50).count();
        assertTrue(large > 3);
        assertSays(
                () -> training(index, new Batching(Mode.NODE_BUDGET, 9, 50, Oversized.ERROR, false), 2),
                "made-up, graph ",
                "want at most 50 atoms");
        EpochPlan skip = training(index, new Batching(Mode.NODE_BUDGET, 9, 50, Oversized.SKIP, false), 2);
        assertEquals(train.length - large, epoch(skip, 2).length, 1.0);
        assertEquals(train.length, epoch(skip, 2).length + skip.leftOut());
        EpochPlan single = training(index, new Batching(Mode.NODE_BUDGET, 9, 50, Oversized.SINGLE, false), 2);
        assertEquals(train.length, epoch(single, 2).length + single.leftOut());
        for (int s = 0; s < single.steps(); s++) {
            for (int r = 0; r < 2; r++) {
                int[] graphs = single.graphs(s, r, 0);
                assertTrue(graphs.length == 1
                        || Arrays.stream(graphs).map(g -> index.atoms().get(g)).sum() <= 50);
            }
        }
        EpochPlan validation = EpochPlan.complete(
                index, Split.VALIDATION, new Batching(Mode.NODE_BUDGET, 9, 50, Oversized.SKIP, false), Ranks.of(2));
        assertArrayEquals(index.table().graphs(Split.VALIDATION), epoch(validation, 2));
    }

    @Test
    void isAPureFunctionOfSeedEpochAndRanks() {
        EpochPlan plan = training(index, Batching.fixed(5), 3);
        EpochPlan again = training(index, Batching.fixed(5), 3);
        for (int s = plan.steps() - 1; s >= 0; s--) {
            for (int r = 0; r < 3; r++) {
                assertArrayEquals(plan.graphs(s, r, 0), again.graphs(s, r, 0));
            }
        }
        int[] first = step(plan, 0, 3);
        assertFalse(
                Arrays.equals(first, step(EpochPlan.training(index, Batching.fixed(5), 42, 4, Ranks.of(3), 1), 0, 3)));
        assertFalse(
                Arrays.equals(first, step(EpochPlan.training(index, Batching.fixed(5), 43, 3, Ranks.of(3), 1), 0, 3)));
    }

    @Test
    void ranksShareTheStepsOfOne() {
        for (int ranks = 2; ranks <= 8; ranks++) {
            for (int graphs = 2; graphs <= 20; graphs += 3) {
                EpochPlan many = training(index, Batching.fixed(graphs), ranks);
                EpochPlan one = training(index, Batching.fixed(graphs * ranks), 1);
                assertEquals(one.steps(), many.steps());
                for (int s = 0; s < one.steps(); s++) {
                    assertArrayEquals(one.graphs(s, 0, 0), step(many, s, ranks), ranks + " x " + graphs);
                    assertEquals(one.globalAtoms(s), many.globalAtoms(s));
                    assertEquals(one.graphs(s, 0, 0).length, many.globalGraphs(s));
                }
            }
        }
    }

    @Test
    void fullStepsHaveEqualBatches() {
        Batching drop = new Batching(Mode.FIXED, 6, 0, Oversized.ERROR, true);
        EpochPlan plan = training(index, drop, 4);
        assertEquals(train.length / 24, plan.steps());
        assertEquals(train.length % 24, plan.leftOut());
        for (int s = 0; s < plan.steps(); s++) {
            for (int r = 0; r < 4; r++) {
                assertEquals(6, plan.graphs(s, r, 0).length);
            }
        }
    }

    @Test
    void endsAtTheLimit() {
        Batching limited = new Batching(Mode.FIXED, 6, 0, Oversized.ERROR, false, 5);
        EpochPlan all = EpochPlan.training(index, Batching.fixed(6), 42, 0, EpochPlan.Ranks.of(4), 2);
        EpochPlan some = EpochPlan.training(index, limited, 42, 0, EpochPlan.Ranks.of(4), 2);
        assertEquals(3, some.steps(), "two batches for a step");
        int taken = 0;
        for (int s = 0; s < 3; s++) {
            taken += some.globalGraphs(s);
            assertArrayEquals(all.graphs(s, 1, 1), some.graphs(s, 1, 1));
        }
        assertTrue(all.steps() > 3 && some.leftOut() == train.length - taken);
        assertEquals(
                5,
                EpochPlan.complete(index, Split.TRAIN, limited, EpochPlan.Ranks.of(1))
                        .steps());
    }

    @Test
    void stepsHaveNearlyEqualSize() {
        EpochPlan plan = training(index, Batching.fixed(32), 1);
        assertEquals(Math.ceilDiv(train.length, 32), plan.steps());
        int[] sizes = IntStream.range(0, plan.steps()).map(plan::globalGraphs).toArray();
        assertTrue(Arrays.stream(sizes).max().orElse(0)
                        - Arrays.stream(sizes).min().orElse(0)
                <= 1);
    }

    @Test
    void balancesEdges() {
        EpochPlan plan = training(index, Batching.fixed(8), 4);
        double worst = 0;
        for (int s = 0; s < plan.steps(); s++) {
            int step = s;
            int[] edges = IntStream.range(0, 4)
                    .map(r -> Arrays.stream(plan.graphs(step, r, 0))
                            .map(g -> index.edges().get(g))
                            .sum())
                    .toArray();
            double mean = Arrays.stream(edges).average().orElse(0);
            worst = Math.max(worst, Arrays.stream(edges).max().orElse(0) / mean);
        }
        assertTrue(worst < 1.15, "the slowest rank has " + worst + " times the mean");
    }

    @Test
    void completePlansAreCompleteAndOrdered() {
        int[] validation = index.table().graphs(Split.VALIDATION);
        for (int ranks : new int[] {1, 2, 3, 64}) {
            EpochPlan plan = EpochPlan.complete(index, Split.VALIDATION, Batching.fixed(7), Ranks.of(ranks));
            assertArrayEquals(validation, epoch(plan, ranks));
            assertArrayEquals(Arrays.copyOf(validation, plan.globalGraphs(0)), step(plan, 0, ranks));
        }
        assertEquals(
                0,
                EpochPlan.complete(index, Split.TEST, Batching.fixed(7), Ranks.of(2))
                        .steps());
        ShardIndex six = index(6, 1);
        EpochPlan one = EpochPlan.complete(six, Split.TRAIN, Batching.fixed(4), Ranks.of(1));
        EpochPlan four = EpochPlan.complete(six, Split.TRAIN, Batching.fixed(1), Ranks.of(4));
        assertEquals(2, four.steps());
        for (int s = 0; s < one.steps(); s++) {
            assertArrayEquals(step(one, s, 1), step(four, s, 4));
        }
    }

    @Test
    void refusesMoreRanksThanGraphs() {
        assertSays(
                () -> training(index(3, 1), Batching.fixed(4), 4),
                "training frames: want at least one graph for each of 4 ranks, got 3");
    }

    @Test
    void shufflesEvenly() {
        // each of 4 places is as likely for each of 4 values
        int[][] counts = new int[4][4];
        for (int seed = 0; seed < 40_000; seed++) {
            int[] values = {0, 1, 2, 3};
            Shuffle.shuffle(values, seed, 1);
            for (int i = 0; i < 4; i++) {
                counts[i][values[i]]++;
            }
        }
        for (int[] row : counts) {
            for (int count : row) {
                assertEquals(10_000, count, 400);
            }
        }
    }
}
