package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.iolaus.comm.MpiRun;
import org.iolaus.comm.SoloComm;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.engine.ModelState;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Whole training runs below `mpirun`: replicas, repetition, processes that are killed.
@Tag("mpi")
final class MpiTrainingTest {
    private static final Duration LIMIT = Duration.ofMinutes(3);
    private static final int STEPS_PER_EPOCH = 5;
    private static final int EPOCHS = 12;

    @TempDir
    static Path folder = Path.of("");

    private static Path config = Path.of("");

    @BeforeAll
    static void data() {
        TinyRun.shards(folder);
        config = TinyRun.config(folder);
    }

    @Test
    void twoOrFourRanksEqualOneWithTheirBatchesTogether() throws IOException {
        String every = "checkpoint_every_steps=1";
        try (SoloComm comm = new SoloComm()) {
            TinyRun.train(comm, config, "log_name=one", every, "batch_size=4");
        }
        succeed(train(2, "log_name=two", every, "batch_size=2"));
        succeed(train(4, "log_name=four", every, "batch_size=1"));
        Map<Long, Path> one = checkpoints("one");
        assertTrue(one.containsKey(20L), one.toString());
        for (String many : List.of("two", "four")) {
            Map<Long, Path> checkpoints = checkpoints(many);
            assertEquals(one.keySet(), checkpoints.keySet());
            for (long step : one.keySet()) {
                Checkpoint want = Checkpoint.read(one.get(step));
                Checkpoint got = Checkpoint.read(checkpoints.get(step));
                assertEquals(want.position(), got.position());
                near(want.sums().data(), got.sums().data(), many + ", losses up to step " + step);
                Map<String, HostTensor> values = ModelState.values(want.model());
                ModelState.values(got.model()).forEach((name, tensor) -> {
                    String where = many + " ranks, step " + step + ", " + name;
                    near(values.get(name).data(), tensor.data(), where);
                });
            }
            assertEquals(epochs("one").size(), epochs(many).size());
            for (int epoch = 0; epoch < epochs("one").size(); epoch++) {
                near(epochs("one").get(epoch), epochs(many).get(epoch), many + ", losses of epoch " + epoch);
            }
        }
    }

    /// The same run three times: as it is, again, and killed in the middle of an epoch and resumed.
    @Test
    void aRunHasTheSameBitsAgainAndAfterAKill() throws IOException {
        String[] run = {"log_name=same", "batch_size=2", "checkpoint_every_steps=1", "num_epoch=" + EPOCHS};
        succeed(train(2, run));
        Map<String, byte[]> first = files("same");
        List<String> log = metrics("same");
        succeed(train(2, run));
        assertEqual(first, files("same"));

        delete("same");
        MpiRun.Job job = MpiRun.start(2, arguments(run));
        waitForCheckpoint(job, "same", 2 * STEPS_PER_EPOCH + 2);
        job.kill();
        assertTrue(job.await(LIMIT).exitCode() != 0);
        Map<Long, Path> left = checkpoints("same");
        long newest = left.keySet().stream().reduce(0L, (a, b) -> b);
        assertTrue(newest < STEPS_PER_EPOCH * EPOCHS, "killed before its end, at step " + newest);
        if (newest % STEPS_PER_EPOCH == 0) { // as if it had been killed before this one was complete
            Files.move(left.get(newest), left.get(newest).resolveSibling("checkpoint-" + newest + ".h5.partial"));
        }
        succeed(train(2, "log_name=same", run[1], run[2], run[3], "continue=1"));
        assertEqual(first, files("same"));
        assertEquals(log, metrics("same"));
    }

    /// Replicas are compared after each epoch, so 200 steps are compared 40 times.
    @Test
    void ranksWithDevicesEqualOneWithTheirBatchesTogether() throws IOException {
        String[] device = {"device=emulated", "precision=fp64", "comm=mpi", "num_epoch=40"};
        try (SoloComm comm = new SoloComm()) {
            TinyRun.train(comm, config, with(device, "log_name=deviceOne", "batch_size=4"));
        }
        succeed(train(2, with(device, "log_name=deviceTwo", "batch_size=2")));
        Map<Long, Path> one = checkpoints("deviceOne");
        Map<Long, Path> two = checkpoints("deviceTwo");
        assertTrue(one.containsKey(200L), one.toString());
        assertEquals(one.keySet(), two.keySet());
        for (long step : one.keySet()) {
            Map<String, HostTensor> got =
                    ModelState.values(Checkpoint.read(two.get(step)).model());
            ModelState.values(Checkpoint.read(one.get(step)).model())
                    .forEach((name, tensor) -> near(tensor.data(), got.get(name).data(), "step " + step + ", " + name));
        }
    }

    private static String[] with(String[] settings, String... more) {
        return Stream.concat(Arrays.stream(settings), Arrays.stream(more)).toArray(String[]::new);
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "emulated"})
    void theDeathOfOneRankEndsTheJob(String device) throws IOException {
        MpiRun run = lose("KILL", device);
        assertTrue(run.err().contains("signal 9"), run::toString);
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "emulated"})
    void aRankThatStandsStillEndsTheJobAndIsNamed(String device) throws IOException {
        MpiRun run = lose("STOP", device);
        assertTrue(run.err().matches("(?s).*not arrived: rank 1 on \\S+ does not answer.*"), run::toString);
    }

    /// Sends rank 1 of 2 a signal in the middle of training; all have to end within the time limit of a step,
    /// the seconds in which they ask each other and those that ending takes.
    private static MpiRun lose(String signal, String device) throws IOException {
        String name = "orphan" + signal + device;
        MpiRun.Job job = MpiRun.start(
                2,
                Map.of("IOLAUS_STEP_TIMEOUT", "3"),
                arguments(
                        "log_name=" + name,
                        "device=" + device,
                        "batch_size=2",
                        "checkpoint_every_steps=1",
                        "num_epoch=100000"));
        waitForCheckpoint(job, name, 12);
        List<ProcessHandle> ranks = job.ranks();
        assertEquals(2, ranks.size());
        long begin = System.nanoTime();
        MpiRun.signal(signal, job.rank(1).pid());
        MpiRun run = job.await(Duration.ofSeconds(60));
        long seconds = (System.nanoTime() - begin) / 1_000_000_000;
        assertTrue(run.exitCode() > 0, run::toString);
        assertTrue(seconds < 20, seconds + " s, " + run);
        for (ProcessHandle rank : ranks) {
            rank.onExit().orTimeout(10, TimeUnit.SECONDS).join(); // none outlives the job
        }
        return run;
    }

    private static MpiRun train(int ranks, String... overrides) {
        return MpiRun.iolaus(ranks, LIMIT, arguments(overrides));
    }

    private static String[] arguments(String... overrides) {
        return TinyRun.command("train", config, overrides);
    }

    private static void succeed(MpiRun run) {
        assertEquals(0, run.exitCode(), run::toString);
    }

    private static void waitForCheckpoint(MpiRun.Job job, String run, long step) throws IOException {
        Path wanted = logs(run).resolve("checkpoint-" + step + ".h5");
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (!Files.exists(wanted)) {
            if (!job.isAlive() || System.nanoTime() > deadline) {
                job.kill();
                throw new AssertionError(wanted + " never came: " + job.await(LIMIT));
            }
            LockSupport.parkNanos(1_000_000);
        }
    }

    private static Path logs(String run) {
        return folder.resolve("logs").resolve(run);
    }

    /// By step.
    private static Map<Long, Path> checkpoints(String run) throws IOException {
        Map<Long, Path> found = new TreeMap<>();
        try (var files = Files.list(logs(run))) {
            for (Path file : files.toList()) {
                String name = file.getFileName().toString();
                if (name.matches("checkpoint-\\d+\\.h5")) {
                    found.put(Long.valueOf(name.replaceAll("\\D+(\\d+)\\.h5", "$1")), file);
                }
            }
        }
        return found;
    }

    /// Everything but the logs, which hold times of day.
    private static Map<String, byte[]> files(String run) throws IOException {
        Map<String, byte[]> found = new TreeMap<>();
        try (var files = Files.list(logs(run))) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                if (!file.getFileName().toString().startsWith("metrics.")) {
                    found.put(file.getFileName().toString(), Files.readAllBytes(file));
                }
            }
        }
        return found;
    }

    private static void assertEqual(Map<String, byte[]> want, Map<String, byte[]> got) {
        assertEquals(want.keySet(), got.keySet());
        want.forEach((name, bytes) -> assertArrayEquals(bytes, got.get(name), name));
    }

    private static void delete(String run) throws IOException {
        try (var files = Files.walk(logs(run))) {
            for (Path file : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    /// The rows of the log without the two wall-clock columns.
    private static List<String> metrics(String run) throws IOException {
        return Files.readAllLines(logs(run).resolve("metrics.csv")).stream()
                .map(line -> line.replaceAll(",[^,]*,[^,]*$", ""))
                .toList();
    }

    private static List<double[]> epochs(String run) throws IOException {
        return metrics(run).stream()
                .skip(1)
                .map(line -> Arrays.stream(line.split(","))
                        .mapToDouble(Double::parseDouble)
                        .toArray())
                .toList();
    }

    private static void near(double[] want, double[] got, String where) {
        assertEquals(want.length, got.length, where);
        for (int i = 0; i < want.length; i++) {
            assertEquals(want[i], got[i], 1e-10 * Math.max(1, Math.abs(want[i])), where + ", number " + i);
        }
    }
}
