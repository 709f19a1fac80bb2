package org.iolaus.data;

import static org.iolaus.data.Say.assertSays;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.iolaus.atoms.Edges;
import org.iolaus.atoms.NeighbourList;
import org.iolaus.atoms.Structure;
import org.iolaus.comm.LocalComm;
import org.iolaus.comm.SoloComm;
import org.iolaus.convert.Frames;
import org.iolaus.run.ShardSets;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ShardSetTest {
    @TempDir
    Path folder;

    private final List<Structure> frames = Frames.random(40, 11);
    private Path out = Path.of("");
    private ShardIndex index = ShardIndexes.NONE;

    @BeforeEach
    void convert() {
        out = folder.resolve("set");
        index = Frames.convert(frames, out);
    }

    @Test
    void givesBackTheFrames() {
        assertTrue(index.shards().size() >= 3, "several shards");
        try (ShardSet set = ShardSet.open(out)) {
            int[] graphs = {39, 0, 17, 16};
            Batch batch = set.batch(graphs, 4, 30);
            int atom = 0;
            for (int i = 0; i < graphs.length; i++) {
                Structure frame = frames.get(graphs[i]);
                for (int a = 0; a < frame.atoms(); a++, atom++) {
                    assertEquals(frame.atomicNumbers()[a], batch.atomicNumbers()[atom]);
                    assertEquals(i, batch.graphOfAtom()[atom]);
                    for (int k = 0; k < 3; k++) {
                        assertEquals(frame.positions()[3 * a + k], batch.positions()[3 * atom + k]);
                        assertEquals(value(frame.forces(), 3 * a + k), value(batch.forces(), 3 * atom + k));
                    }
                    assertEquals(
                            value(frame.atomColumns().get("charge"), a),
                            batch.atomColumns().get("charge").values()[atom]);
                }
                double[] cell = frame.cell() == null ? new double[9] : frame.cell();
                for (int k = 0; k < 9; k++) {
                    assertEquals(cell[k], batch.cell()[9 * i + k]);
                }
                assertEquals(frame.energy(), value(batch.energy(), i));
                Batch.Column field = batch.graphColumns().get("field");
                assertEquals(2, field.width());
                assertEquals(value(frame.graphColumns().get("field"), 1), field.values()[2 * i + 1]);
            }
            assertEquals(batch.atoms(), atom);
            assertEquals(4, batch.globalGraphs());
            assertNull(batch.stress());
            assertArrayEquals(graphs, batch.graphIds());
        }
    }

    @Test
    void findsTheSameEdgesTwiceAndInAnyCompany() {
        try (ShardSet set = ShardSet.open(out)) {
            for (int graph = 0; graph < 40; graph++) {
                Structure frame = frames.get(graph);
                double[] cell = frame.cell();
                Edges edges =
                        NeighbourList.build(frame.positions(), cell, frame.periodic(), 3.5, NeighbourList.UNLIMITED);
                Batch alone = set.batch(new int[] {graph}, 1, frame.atoms());
                assertArrayEquals(edges.source(), alone.source());
                assertArrayEquals(edges.target(), alone.target());
                for (int i = 0; i < edges.shift().length; i++) {
                    assertEquals(edges.shift()[i], alone.edgeShift()[i] + 0.0, "graph " + graph);
                }
                assertEquals(index.edges().get(graph), alone.edges());

                Batch again = set.batch(new int[] {5, graph}, 2, 0);
                int before = index.edges().get(5);
                int atoms = index.atoms().get(5);
                for (int e = 0; e < alone.edges(); e++) {
                    assertEquals(alone.source()[e] + atoms, again.source()[before + e]);
                    assertEquals(alone.target()[e] + atoms, again.target()[before + e]);
                    assertEquals(alone.edgeShift()[3 * e], again.edgeShift()[3 * (before + e)]);
                }
            }
        }
    }

    @Test
    void aFullCacheChangesNothing() {
        int[] all = IntStream.range(0, 40).toArray();
        try (ShardSet cached = ShardSet.open(out);
                ShardSet bare = ShardSet.open(out, ShardIndex.read(out), false, 0)) {
            cached.batch(all, 40, 0);
            assertArrayEquals(
                    bare.batch(all, 40, 0).edgeShift(), cached.batch(all, 40, 0).edgeShift());
            assertArrayEquals(
                    bare.batch(all, 40, 0).source(), cached.batch(all, 40, 0).source());
        }
    }

    @Test
    void hasASecondListWhereOneIsAskedFor() {
        Path other = folder.resolve("second");
        Neighbours wanted = new Neighbours(4.5, 6);
        ShardIndex second = Frames.convert(frames, Frames.options(other, wanted), new SoloComm());
        assertEquals(index.edges(), second.edges());
        Counts attention = second.table().counts(GraphTable.ATTENTION_EDGES);
        try (ShardSet set = ShardSet.open(other)) {
            for (int graph : new int[] {0, 17, 39}) {
                Structure frame = frames.get(graph);
                Edges edges = NeighbourList.build(frame.positions(), frame.cell(), frame.periodic(), 4.5, 6);
                Batch batch = set.batch(new int[] {5, graph}, 2, 0);
                Batch.Edges got = Objects.requireNonNull(batch.lists().get(GraphTable.ATTENTION_EDGES));
                int before = attention.get(5);
                assertEquals(edges.size(), attention.get(graph));
                assertEquals(before + edges.size(), got.size());
                for (int e = 0; e < edges.size(); e++) {
                    assertEquals(edges.source()[e] + index.atoms().get(5), got.source()[before + e]);
                    assertEquals(edges.target()[e] + index.atoms().get(5), got.target()[before + e]);
                    assertEquals(edges.shift()[3 * e], got.shift()[3 * (before + e)] + 0.0);
                }
            }
        }
        second.requireNeighbours(3.5, null, wanted);
        assertSays(
                () -> second.requireNeighbours(3.5, null, new Neighbours(4.5, null)),
                "want a second list of all neighbours within 4.5 Å for the global attention, got at most 6");
        assertSays(() -> index.requireNeighbours(3.5, null, wanted), "got none");
    }

    @Test
    void indexSurvivesTheWire() {
        ShardIndex again = ShardIndex.read(out);
        assertEquals(index.atoms(), again.atoms());
        assertEquals(index.table().split(), again.table().split());
        assertEquals(index.content(), again.content());
        assertEquals(index.shards(), again.shards());
        assertEquals(index.provenance(), again.provenance());
        assertEquals(Map.of("charge", 1), again.content().atomColumns());
        assertEquals(Map.of("field", 2), again.content().graphColumns());
        assertArrayEquals(index.statistics().degree(), again.statistics().degree());
        again.requireNeighbours(3.5, null, null);
        assertSays(() -> again.requireNeighbours(4, null, null), "want neighbour lists of 4.0 Å, got 3.5 Å");
        assertSays(() -> again.requireNeighbours(3.5, 10, null), "at most 10 neighbours");
    }

    @Test
    void refusesAFlippedByteInEveryDataset() throws IOException {
        Path shard = out.resolve("shard-00001.h5");
        byte[] whole = Files.readAllBytes(shard);
        List<String> datasets;
        Map<String, Long> places = new HashMap<>();
        try (Hdf5File file = Hdf5File.open(shard);
                java.lang.foreign.Arena arena = java.lang.foreign.Arena.ofConfined()) {
            datasets = file.allDatasets();
            for (String dataset : datasets) {
                byte[] bytes = file.map(dataset, arena).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
                places.put(dataset, (long) indexOf(whole, bytes) + bytes.length / 2);
            }
        }
        assertEquals(11, datasets.size());
        for (String dataset : datasets) {
            byte[] damaged = whole.clone();
            damaged[Math.toIntExact(places.get(dataset))] ^= 1;
            Files.write(shard, damaged);
            try (ShardSet set = ShardSet.open(out)) {
                List<String> damages = ShardSet.damages(out, index, 0, 1);
                assertEquals(1, damages.size(), damages.toString());
                assertTrue(
                        damages.getFirst().contains("shard-00001.h5, " + dataset + ": want CRC-32C"),
                        damages.toString());
                if (!dataset.startsWith(ShardFile.SIZES) && !dataset.equals(ShardFile.DEGREE)) {
                    int[] graphs = {index.shards().get(1).firstGraph()};
                    assertSays(() -> set.batch(graphs, 1, 1), "shard-00001.h5, " + dataset, "damaged");
                }
                set.batch(new int[] {0}, 1, 1);
            }
        }
    }

    private static int indexOf(byte[] whole, byte[] part) {
        for (int at = 0; at + part.length <= whole.length; at++) {
            if (java.util.Arrays.equals(whole, at, at + part.length, part, 0, part.length)) {
                return at;
            }
        }
        throw new AssertionError("not found");
    }

    @Test
    void refusesTruncatedMissingAndSwappedShards() throws IOException {
        Path first = out.resolve("shard-00000.h5");
        Path second = out.resolve("shard-00001.h5");
        Path aside = folder.resolve("aside");
        byte[] whole = Files.readAllBytes(second);
        try (RandomAccessFile file = new RandomAccessFile(second.toFile(), "rw")) {
            file.setLength(whole.length - 1);
        }
        assertSays(() -> ShardSet.open(out), "shard-00001.h5", "" + whole.length, "truncated");
        Files.delete(second);
        assertSays(() -> ShardSet.open(out), "shard-00001.h5", "got none");
        Files.write(second, whole);
        ShardSet.open(out).close();

        Files.move(first, aside);
        Files.move(second, first);
        Files.move(aside, second);
        ShardIndex sameSizes = withSizes(Files.size(first), Files.size(second));
        try (ShardSet set = sameSizes(sameSizes)) {
            assertSays(() -> set.batch(new int[] {0}, 1, 1), "shard-00000.h5", "want shard 0", "got shard 1");
            assertEquals(2, ShardSet.damages(out, sameSizes, 0, 1).size());
        }
    }

    /// An index that expects other file sizes, so that the check behind that of the size is reached.
    private ShardIndex withSizes(long first, long second) {
        List<ShardIndex.Shard> shards = new ArrayList<>(index.shards());
        long[] sizes = {first, second};
        for (int s = 0; s < 2; s++) {
            ShardIndex.Shard shard = shards.get(s);
            shards.set(
                    s, new ShardIndex.Shard(shard.file(), sizes[s], shard.firstGraph(), shard.graphs(), shard.atoms()));
        }
        return new ShardIndex(
                index.name(),
                index.set(),
                index.content(),
                shards,
                index.table(),
                index.statistics(),
                index.provenance());
    }

    private ShardSet sameSizes(ShardIndex changed) {
        changed.write(out);
        return ShardSet.open(out);
    }

    @Test
    void anIndexMayHaveSeveralFiles() throws IOException {
        index.write(out, 7);
        LocalComm.run(3, comm -> {
            try (ShardSet set = ShardSets.open(comm, out, false)) {
                ShardIndex read = set.index();
                assertEquals(index.table().counts(), read.table().counts());
                assertEquals(index.table().split(), read.table().split());
                assertEquals(index.shards(), read.shards());
            }
        });
        Path second = out.resolve("index-00001.h5");
        byte[] whole = Files.readAllBytes(second);
        byte[] damaged = whole.clone();
        damaged[whole.length - 1] ^= 1;
        Files.write(second, damaged);
        assertSays(() -> ShardIndex.read(out), "index-00001.h5, graphs/", "want CRC-32C");
        Files.copy(out.resolve("index-00002.h5"), second, StandardCopyOption.REPLACE_EXISTING);
        assertSays(() -> ShardIndex.read(out), "index-00001.h5, /: want file 1 of an index, got 2");
        Files.delete(second);
        assertSays(() -> ShardIndex.read(out), "index-00001.h5, got none");
    }

    @Test
    void refusesADamagedIndexWhereverTheDamageIs() throws IOException {
        byte[] whole = ShardIndex.bytes(out, 0);
        for (int at = 0; at < whole.length; at += 7) {
            byte[] damaged = whole.clone();
            damaged[at] ^= 4;
            try {
                ShardIndex read = ShardIndex.read(out, _ -> damaged);
                assertEquals(index.atoms(), read.atoms(), "byte " + at);
                assertEquals(index.table().split(), read.table().split(), "byte " + at);
                assertEquals(index.shards(), read.shards(), "byte " + at);
            } catch (DataException e) {
                assertTrue(e.toString().contains("index.h5"), e.toString());
            }
        }
        assertSays(() -> ShardSet.open(folder), folder.toString(), "index.h5");
    }

    @Test
    void refusesAnotherVersionAndOtherFiles() {
        new Hdf5Writer(out.resolve(ShardIndex.FILE))
                .attribute("", "format", ShardIndex.FORMAT)
                .attribute("", "version", 99)
                .commit();
        assertSays(() -> ShardSet.open(out), "index.h5", "want version 2, got 99");
        new Hdf5Writer(out.resolve(ShardIndex.FILE)).ints("x", new int[1]).commit();
        assertSays(() -> ShardSet.open(out), "index.h5", "want format 'iolaus shards'");
    }

    @Test
    void loaderGivesThePlanInOrderAndEndsItsThread() {
        EpochPlan plan = EpochPlan.training(index, Batching.fixed(3), 1, 0, EpochPlan.Ranks.of(2), 1);
        try (ShardSet set = ShardSet.open(out)) {
            List<Integer> seen = new ArrayList<>();
            try (BatchLoader<Batch> loader = new BatchLoader<>(set, plan, 1, 1, Function.identity())) {
                while (loader.hasNext()) {
                    int step = loader.step();
                    Batch batch = loader.next();
                    assertArrayEquals(plan.graphs(step, 1, 0), batch.graphIds());
                    assertEquals(plan.globalAtoms(step), batch.globalAtoms());
                    seen.add(step);
                }
                assertEquals(plan.steps() - 1, seen.size());
                assertTrue(loader.bytes() > 0);
                assertTrue(loader.waitedNanos() >= 0);
                assertThrows(java.util.NoSuchElementException.class, loader::next);
            }
            // closed in the middle, with the queue full
            new BatchLoader<>(set, plan, 0, 0, Function.identity()).close();
        }
        assertFalse(Thread.getAllStackTraces().keySet().stream()
                .anyMatch(t -> t.getName().equals("prefetch")));
    }

    @Test
    void loaderPassesFailuresOn() throws IOException {
        Path shard = out.resolve("shard-00000.h5");
        byte[] bytes = Files.readAllBytes(shard);
        bytes[bytes.length / 2] ^= 1;
        Files.write(shard, bytes);
        EpochPlan plan = EpochPlan.training(index, Batching.fixed(100), 1, 0, EpochPlan.Ranks.of(1), 1);
        try (ShardSet set = ShardSet.open(out);
                BatchLoader<Batch> loader = new BatchLoader<>(set, plan, 0, 0, Function.identity())) {
            assertSays(loader::next, "shard-00000.h5");
            assertFalse(loader.hasNext());
        }
    }

    private static double value(double @org.jspecify.annotations.Nullable [] values, int at) {
        assertNotNull(values);
        return values[at];
    }
}
