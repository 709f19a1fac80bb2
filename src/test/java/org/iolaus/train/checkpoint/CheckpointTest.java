package org.iolaus.train.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.iolaus.comm.LocalComm;
import org.iolaus.data.DataException;
import org.iolaus.data.Hdf5Writer;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.checkpoint.CheckpointStore.Found;
import org.iolaus.train.optimize.BestMetric;
import org.iolaus.train.optimize.EarlyStopping;
import org.iolaus.train.optimize.ReduceLROnPlateau;
import org.iolaus.train.report.MetricsLog;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointTest {
    @TempDir
    Path folder;

    private static final double[] AWKWARD = {
        0.0, -0.0, Double.MIN_VALUE, -Double.MAX_VALUE, Double.POSITIVE_INFINITY, Double.NaN, Math.PI, 1e-310
    };

    /// A small checkpoint whose numbers follow from the seed.
    private static Checkpoint sample(long seed, long globalStep) {
        Random random = new Random(seed);
        Map<String, HostTensor> parameters = new HashMap<>();
        parameters.put("graph_convs.0.module_0.weight", random(random, 3, 4));
        parameters.put("graph_convs.0.module_0.bias", random(random, 3));
        parameters.put("heads_NN.0.branch-0.0.weight", HostTensor.of(new int[] {2, 2, 2}, AWKWARD.clone()));
        parameters.put("empty", HostTensor.of(new int[] {0, 5}));
        Map<String, HostTensor> buffers = new HashMap<>();
        buffers.put("feature_layers.0.num_batches_tracked", HostTensor.scalar(random.nextInt(100)));
        Map<String, double[]> slots = new HashMap<>();
        slots.put("exp_avg", random.doubles(23).toArray());
        slots.put("exp_avg_sq", random.doubles(23).toArray());
        return new Checkpoint(
                seed % 2 == 0
                        ? new Checkpoint.Model(parameters, buffers)
                        : new Checkpoint.Model(parameters, buffers, Map.of("mean", random(random, 4, 2))),
                new Checkpoint.OptimizerState("Adam", globalStep, slots),
                new ReduceLROnPlateau.State(random.nextDouble(), Double.POSITIVE_INFINITY, 2, 1),
                new EarlyStopping.State(random.nextDouble(), 3),
                new BestMetric.State(random.nextDouble(), 4),
                new Checkpoint.Position(5, 6, globalStep),
                new Checkpoint.Run(Long.MIN_VALUE + seed, 2, "{\"name\": \"Kupfer, größer als 5 Å\"}", "0.1.0", "abc"),
                random(random, 2, 7),
                new MetricsLog.Position(1234, 56789));
    }

    private static HostTensor random(Random random, int... shape) {
        return new HostTensor(
                shape, random.doubles(HostTensor.volume(shape), -1, 1).toArray());
    }

    @Test
    void readsBackExactlyWhatWasWritten() {
        Checkpoint want = sample(1, 77);
        want.write(folder.resolve("a.h5"));
        assertSame(want, Checkpoint.read(folder.resolve("a.h5")));
    }

    @Test
    void equalContentsGiveEqualBytes() throws Exception {
        sample(1, 77).write(folder.resolve("a.h5"));
        long written = Instant.now().getEpochSecond();
        while (Instant.now().getEpochSecond() == written) { // HDF5 has times in seconds
            LockSupport.parkNanos(1_000_000);
        }
        sample(1, 77).write(folder.resolve("b.h5"));
        Checkpoint.read(folder.resolve("a.h5")).write(folder.resolve("c.h5"));
        assertEquals(-1, Files.mismatch(folder.resolve("a.h5"), folder.resolve("b.h5")));
        assertEquals(-1, Files.mismatch(folder.resolve("a.h5"), folder.resolve("c.h5")));
        try (Stream<Path> files = Files.list(folder)) {
            assertEquals(3, files.count(), "nothing is left over");
        }
    }

    /// The others have no file: they get all of it, bit by bit, from rank zero.
    @Test
    void rankZeroAloneReadsTheFile() {
        Checkpoint want = sample(1, 77);
        want.write(folder.resolve("a.h5"));
        LocalComm.run(3, comm -> {
            Path path = folder.resolve(comm.isRoot() ? "a.h5" : "none.h5");
            assertSame(want, CheckpointBroadcast.read(comm, path));
        });
    }

    @Test
    void flippedBytesAreRefused() throws IOException {
        long seed = 20;
        Random random = new Random(seed);
        Path path = folder.resolve("checkpoint-1.h5");
        sample(2, 1).write(path);
        byte[] whole = Files.readAllBytes(path);
        int named = 0;
        for (int at = random.nextInt(13); at < whole.length; at += at < whole.length - 24 ? 13 : 1) {
            byte[] damaged = whole.clone();
            damaged[at] ^= (byte) (1 << random.nextInt(8));
            if (random.nextBoolean()) {
                damaged[at] = (byte) ~whole[at];
            }
            Files.write(path, damaged);
            DataException refusal =
                    assertThrows(DataException.class, () -> Checkpoint.read(path), "seed " + seed + ", byte " + at);
            String message = Objects.requireNonNull(refusal.getMessage());
            assertTrue(message.startsWith(path.toString()), message);
            named += message.contains("parameters/") || message.contains("optimizer/") ? 1 : 0;
        }
        assertTrue(named > 40, "the damaged dataset is named, got " + named + " of " + whole.length);
    }

    @Test
    void everyTruncationIsRefused() throws IOException {
        Path path = folder.resolve("checkpoint-1.h5");
        sample(3, 1).write(path);
        byte[] whole = Files.readAllBytes(path);
        for (int length = 0; length < whole.length; length += length < 64 || length > whole.length - 64 ? 1 : 13) {
            Files.write(path, Arrays.copyOf(whole, length));
            assertThrows(DataException.class, () -> Checkpoint.read(path), "length " + length);
        }
        Files.write(path, Arrays.copyOf(whole, whole.length + 1));
        assertThrows(DataException.class, () -> Checkpoint.read(path), "one byte too many");
    }

    @Test
    void otherFilesAreRefused() throws IOException {
        Path missing = folder.resolve("none.h5");
        assertThrows(DataException.class, () -> Checkpoint.read(missing));
        assertThrows(DataException.class, () -> Checkpoint.read(folder));
        Path foreign = folder.resolve("foreign.h5");
        new Hdf5Writer(foreign).doubles("x", new double[3]).commit();
        assertThrows(DataException.class, () -> Checkpoint.read(foreign), "no trailer");
        ChecksumTrailer.append(foreign);
        DataException refusal = assertThrows(DataException.class, () -> Checkpoint.read(foreign));
        assertTrue(String.valueOf(refusal.getMessage()).contains("format"), refusal.getMessage());
    }

    @Test
    void keepsTheNewestAndTheBest() {
        try (CheckpointStore store = new CheckpointStore(folder.resolve("run"), 2)) {
            assertTrue(store.latest().isEmpty());
            for (int step : new int[] {5, 10, 100}) {
                store.write(() -> sample(step, step), true, step == 5);
            }
            Found found = store.latest().orElseThrow();
            assertSame(sample(100, 100), found.checkpoint());
            assertSame(sample(5, 5), Checkpoint.read(CheckpointStore.best(folder.resolve("run"))));
            assertEquals("[best.h5, checkpoint-10.h5, checkpoint-100.h5]", names(folder.resolve("run")));

            store.write(() -> sample(50, 50), true, false); // a continuation from an older checkpoint
            store.await();
            assertEquals("[best.h5, checkpoint-10.h5, checkpoint-50.h5]", names(folder.resolve("run")));

            store.write(() -> sample(60, 60), false, true); // the best model is no restart point
            store.await();
            assertEquals("[best.h5, checkpoint-10.h5, checkpoint-50.h5]", names(folder.resolve("run")));
            assertSame(sample(60, 60), Checkpoint.read(CheckpointStore.best(folder.resolve("run"))));
        }
    }

    @Test
    void goesBackToTheOneBeforeADamagedOne() throws IOException {
        try (CheckpointStore store = new CheckpointStore(folder, 3)) {
            store.write(() -> sample(1, 10), true, false);
            store.write(() -> sample(2, 20), true, false);
            store.await();
            Path newest = folder.resolve("checkpoint-20.h5");
            Files.write(newest, Arrays.copyOf(Files.readAllBytes(newest), 1000));
            Found found = store.latest().orElseThrow();
            assertEquals(folder.resolve("checkpoint-10.h5"), found.path());
            assertSame(sample(1, 10), found.checkpoint());
            Files.write(folder.resolve("checkpoint-10.h5"), new byte[0]);
            assertThrows(DataException.class, store::latest);
        }
    }

    @Test
    void failureToWriteSurfacesInTheNextCall() throws IOException {
        Path notAFolder = Files.writeString(folder.resolve("file"), "x");
        CheckpointStore store = new CheckpointStore(notAFolder, 1);
        store.write(() -> sample(1, 1), true, false);
        assertThrows(DataException.class, () -> store.write(() -> sample(2, 2), true, false));
        store.close();
    }

    @Test
    void removesWhatAKilledRunLeft() throws IOException {
        Files.writeString(folder.resolve("checkpoint-7.h5.partial.tmp99"), "x");
        Files.writeString(folder.resolve("best.h5.partial"), "x");
        Files.writeString(folder.resolve("notes.partial"), "x");
        try (CheckpointStore store = new CheckpointStore(folder, 1)) {
            store.write(() -> sample(1, 9), true, false);
        }
        assertEquals("[checkpoint-9.h5, notes.partial]", names(folder));
    }

    @Test
    void manyAndLargeArrays() {
        Map<String, HostTensor> parameters = new HashMap<>();
        Random random = new Random(4);
        for (int i = 0; i < 1500; i++) {
            parameters.put("a.rather.long.name.of.a.module.number." + i + ".weight", random(random, 2, 3));
        }
        parameters.put("large", random(random, 1000, 500));
        Checkpoint small = sample(1, 1);
        Checkpoint want = new Checkpoint(
                new Checkpoint.Model(parameters, Map.of()),
                small.optimizer(),
                small.schedule(),
                small.earlyStopping(),
                small.best(),
                small.position(),
                small.run(),
                small.sums(),
                small.log());
        want.write(folder.resolve("a.h5"));
        assertSame(want, Checkpoint.read(folder.resolve("a.h5")));
    }

    private static String names(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(path -> path.getFileName().toString())
                    .sorted()
                    .toList()
                    .toString();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static void assertSame(Checkpoint want, Checkpoint got) {
        assertSame(want.model().parameters(), got.model().parameters());
        assertSame(want.model().buffers(), got.model().buffers());
        assertSame(want.model().averages(), got.model().averages());
        assertEquals(want.optimizer().kind(), got.optimizer().kind());
        assertEquals(want.optimizer().steps(), got.optimizer().steps());
        assertEquals(want.optimizer().slots().keySet(), got.optimizer().slots().keySet());
        want.optimizer()
                .slots()
                .forEach((name, values) -> assertBits(
                        values, Objects.requireNonNull(got.optimizer().slots().get(name)), name));
        assertEquals(want.schedule(), got.schedule());
        assertEquals(want.earlyStopping(), got.earlyStopping());
        assertEquals(want.best(), got.best());
        assertEquals(want.position(), got.position());
        assertEquals(want.run(), got.run());
        assertSame(Map.of("sums", want.sums()), Map.of("sums", got.sums()));
        assertEquals(want.log(), got.log());
    }

    private static void assertSame(Map<String, HostTensor> want, Map<String, HostTensor> got) {
        assertEquals(want.keySet(), got.keySet());
        want.forEach((name, values) -> {
            HostTensor other = Objects.requireNonNull(got.get(name));
            assertArrayEquals(values.shape(), other.shape(), name);
            assertBits(values.data(), other.data(), name);
        });
    }

    private static void assertBits(double[] want, double[] got, String name) {
        assertArrayEquals(
                Arrays.stream(want).mapToLong(Double::doubleToRawLongBits).toArray(),
                Arrays.stream(got).mapToLong(Double::doubleToRawLongBits).toArray(),
                name);
    }
}
