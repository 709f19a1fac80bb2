package org.iolaus.convert;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.iolaus.data.Batching;
import org.iolaus.data.Counts;
import org.iolaus.data.EpochPlan;
import org.iolaus.data.GraphTable;
import org.iolaus.data.Neighbours;
import org.iolaus.data.ShardIndex;
import org.iolaus.data.Split;
import org.iolaus.data.Statistics;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What rank zero does with very many frames, of which shards tell what is made up here.
final class ManyFramesTest {
    private static final int FRAMES_PER_SHARD = 100_000;

    @TempDir
    Path folder;

    /// A shard of frames of 2 to 201 atoms with 50 edges each.
    private static SetFacts.Shard shard(int number) {
        Counts atoms = Counts.of(FRAMES_PER_SHARD, f -> 2 + (number + f) % 200);
        return new SetFacts.Shard(
                1,
                Map.of(GraphTable.ATOMS, atoms, GraphTable.EDGES, Counts.of(FRAMES_PER_SHARD, f -> 50 * atoms.get(f))),
                Counts.of(FRAMES_PER_SHARD, _ -> 0),
                Set.of("energy", "forces"),
                Map.of(),
                Map.of());
    }

    /// 20 million frames, or as many as the property `frames` says, are divided, indexed, read and planned.
    @Test
    void frames() throws Exception {
        int frames = Integer.getInteger("frames", 20_000_000);
        long began = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
        ShardIndex made = make(frames);
        double wrote = (ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - began) * 1e-9;
        assertEquals(frames, made.graphs());
        long bytes = 0;
        try (var files = Files.list(folder)) {
            for (Path file : files.toList()) {
                assertTrue(Files.size(file) < 1 << 30, "a file is sent at once");
                bytes += Files.size(file);
            }
        }
        assertTrue(bytes < 5.01 * frames, bytes + " bytes");
        Counts edges = made.edges();
        long sum = edges.sum();
        began = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
        ShardIndex index = ShardIndex.read(folder);
        double read = (ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - began) * 1e-9;
        assertEquals(sum, index.edges().sum());
        assertEquals(frames / 10 * 9, index.table().size(Split.TRAIN));

        EpochPlan plan =
                EpochPlan.training(index, Batching.fixed(32), 1, 0, new EpochPlan.Ranks(77, 10_000, _ -> {}), 1);
        assertEquals(Math.ceilDiv(frames / 10 * 9, 320_000), plan.steps());
        for (int graph : plan.graphs(plan.steps() - 1, 77, 0)) {
            assertEquals(Split.TRAIN.code(), index.table().split().get(graph));
        }
        System.out.printf(
                "%d frames: %.2f bytes each, %.1f s to make the index, %.1f s to read it%n",
                frames, (double) bytes / frames, wrote, read);
    }

    private ShardIndex make(int frames) {
        List<SetFacts.Shard> shards = IntStream.range(0, frames / FRAMES_PER_SHARD)
                .mapToObj(ManyFramesTest::shard)
                .toList();
        SetFacts facts = SetFacts.of(shards, new Neighbours(5, null), null);
        byte[] split = Splits.assign(
                new Splits.Fractions(0.9, 0.05, 0.05, false, 1), _ -> 0, Collections.singletonList(null), new int[] {
                    frames
                });
        ShardIndex index = new ShardIndex(
                folder.toString(),
                "0",
                facts.content(),
                facts.shards(),
                new GraphTable(facts.sizes(), Counts.of(frames, f -> split[f]), facts.dataset()),
                Statistics.NONE,
                new ShardIndex.Provenance("test", "", "", List.of()));
        index.write(folder);
        return index;
    }
}
