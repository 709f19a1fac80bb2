package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.iolaus.config.ConfigReader;
import org.iolaus.data.Batch;
import org.iolaus.data.Batching;
import org.iolaus.data.Counts;
import org.iolaus.data.EpochPlan;
import org.iolaus.data.GraphTable;
import org.iolaus.data.ShardIndex;
import org.iolaus.data.ShardSet;
import org.iolaus.run.ConfiguredModel;
import org.iolaus.run.ModelFactory;
import org.iolaus.train.inputs.BatchInputs;
import org.iolaus.train.inputs.PaddedSize;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A size that the program does not know goes from the index to a program's inputs: triplets, pairs of edges.
final class SymbolicSizeTest {
    @TempDir
    Path folder;

    @Test
    void aFurtherSymbolComesByName() {
        Path shards = TinyRun.shards(folder);
        ShardIndex plain = ShardIndex.read(shards);
        Map<String, Counts> counts = new HashMap<>(plain.table().counts());
        counts.put("T", Counts.of(plain.graphs(), g -> 5 * plain.edges().get(g) + 1));
        GraphTable table =
                new GraphTable(counts, plain.table().split(), plain.table().dataset());
        new ShardIndex(
                        plain.name(),
                        plain.set(),
                        plain.content(),
                        plain.shards(),
                        table,
                        plain.statistics(),
                        plain.provenance())
                .write(shards);
        try (ShardSet set = ShardSet.open(shards)) {
            ShardIndex index = set.index();
            assertEquals(counts.get("T"), index.table().counts("T"));
            ConfiguredModel configured = ModelFactory.of(ConfigReader.read(TinyRun.config(folder), List.of()), index);
            BatchInputs inputs = new BatchInputs(configured.model(), configured.columns(), 1);
            EpochPlan plan = EpochPlan.training(index, Batching.fixed(4), 1, 0, EpochPlan.Ranks.of(1), 1);
            int[] graphs = plan.graphs(0, 0, 0);
            int triplets =
                    Arrays.stream(graphs).map(index.table().counts("T")::get).sum();

            Batch read = set.batch(plan, 0, 0, 0);
            Batch batch = with(read, triplets);
            PaddedSize exact = inputs.exact(batch);
            PaddedSize padded = inputs.paddedSize(batch);
            assertEquals(triplets, exact.of("T"));
            assertEquals(inputs.paddedSize(index, graphs), padded, "known ahead from the index");
            assertTrue(padded.of("T") >= triplets && padded.of("T") < 1.07 * triplets + 1);
            assertEquals(padded.of("T"), padded.sizes().of("T"));

            BatchInputs.Bound bound = inputs.bind(batch, padded);
            int[] source = bound.indices().get("T_source").values();
            assertEquals(padded.of("T"), source.length);
            assertEquals(padded.edges(), bound.indices().get("T_target").range());
            assertArrayEquals(
                    batch.lists().get("T").source(), Arrays.copyOf(source, triplets), "the given ones come first");
            for (int i = triplets; i < source.length; i++) {
                assertTrue(source[i] >= read.edges() && source[i] < padded.edges(), "padding pairs edges of padding");
            }
        }
    }

    /// The batch with a list of pairs of edges.
    private static Batch with(Batch batch, int triplets) {
        Map<String, Batch.Edges> lists = new HashMap<>(batch.lists());
        int[] source = IntStream.range(0, triplets).map(i -> i % batch.edges()).toArray();
        int[] target = IntStream.range(0, triplets)
                .map(i -> (int) ((long) i * batch.edges() / triplets))
                .toArray();
        lists.put("T", new Batch.Edges(source, target, new double[0], GraphTable.EDGES));
        return new Batch(
                batch.graphIds(),
                batch.atomicNumbers(),
                batch.graphOfAtom(),
                batch.positions(),
                lists,
                batch.cell(),
                batch.dataset(),
                batch.energy(),
                batch.forces(),
                batch.stress(),
                batch.atomColumns(),
                batch.graphColumns(),
                batch.globalGraphs(),
                batch.globalAtoms(),
                batch.rngKey());
    }
}
