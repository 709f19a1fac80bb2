package org.iolaus.comm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Sums of device arrays where ranks are processes and devices are emulated: through MPI and through a library
/// that stands in for NCCL; ranks that die.
@Tag("mpi")
class MpiDeviceCommTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);

    @TempDir
    static Path library = Path.of("");

    @TempDir
    Path folder = Path.of("");

    @BeforeAll
    static void build() {
        NcclStub.build(library);
    }

    @ParameterizedTest
    @CsvSource({"mpi, 2", "mpi, 3", "mpi, 4", "nccl, 2", "nccl, 4"})
    void theContractHolds(String kind, int ranks) {
        MpiRun run = MpiRun.run(MpiProgram.class, ranks, LIMIT, "device", kind, library.toString());
        assertEquals(0, run.exitCode(), run::toString);
        String way = kind.equals("mpi") ? "MPI through pinned host memory" : "NCCL 2.99.1";
        for (int rank = 0; rank < ranks; rank++) {
            String said = "checked " + rank + " with " + way + ", " + ranks + " ranks\n";
            assertTrue(run.out().contains(said), run::toString);
        }
    }

    /// A launcher that ends the job when a rank dies names the rank itself.
    @ParameterizedTest
    @CsvSource({"mpi", "nccl"})
    void theDeathOfARankEndsTheJob(String kind) throws IOException {
        MpiRun run = lose("KILL", kind, Map.of());
        assertTrue(run.exitCode() > 0, run::toString);
        assertTrue(run.err().matches("(?s).*process rank 1 .*signal 9.*"), run::toString);
    }

    /// Below a launcher that lets the others go on, they end by themselves and name it.
    @ParameterizedTest
    @CsvSource({"mpi", "nccl"})
    void theRanksThatAreLeftEndTheJob(String kind) throws IOException {
        MpiRun run = lose("KILL", kind, Map.of("OMPI_MCA_orte_enable_recovery", "1"));
        assertNamed(kind, run);
    }

    @ParameterizedTest
    @CsvSource({"mpi", "nccl"})
    void aRankThatStandsStillEndsTheJob(String kind) throws IOException {
        MpiRun run = lose("STOP", kind, Map.of());
        assertEquals(1, run.exitCode(), run::toString);
        assertNamed(kind, run);
    }

    private static void assertNamed(String kind, MpiRun run) {
        String what = kind.equals("mpi") ? "sum" : "step on the GPUs";
        assertTrue(
                run.err()
                        .matches("(?s).*rank [02] of 3 on \\S+: .*waited 2 s in '" + what
                                + "'; not arrived: rank 1 on \\S+ does not answer\n.*"),
                run::toString);
    }

    /// Sends rank 1 of 3 a signal while they add; all have to end within the time limit of a step, the seconds
    /// in which they ask each other, and those that ending takes.
    private MpiRun lose(String signal, String kind, Map<String, String> launcher) throws IOException {
        Files.copy(library.resolve("libnccl.so.2"), folder.resolve("libnccl.so.2"));
        var environment = new HashMap<>(launcher);
        environment.put("IOLAUS_STEP_TIMEOUT", "2");
        environment.put("OMPI_MCA_btl_vader_backing_directory", folder.toString()); // killed ranks leave files there
        MpiRun.Job job =
                MpiRun.start(MpiProgram.class.getName(), 3, environment, "deviceForever", kind, folder.toString());
        long[] pids = new long[3];
        for (int rank = 0; rank < 3; rank++) {
            Path file = folder.resolve("rank" + rank);
            long deadline = System.nanoTime() + LIMIT.toNanos();
            while (!Files.exists(file)) {
                if (!job.isAlive() || System.nanoTime() > deadline) {
                    job.kill();
                    throw new AssertionError(file + " never came: " + job.await(LIMIT));
                }
                LockSupport.parkNanos(1_000_000);
            }
            pids[rank] = Long.parseLong(Files.readString(file));
        }
        long begin = System.nanoTime();
        MpiRun.signal(signal, pids[1]);
        MpiRun run = job.await(Duration.ofSeconds(40));
        double seconds = (System.nanoTime() - begin) * 1e-9;
        assertTrue(seconds < 2 + 5 + 5 + 8, seconds + " s, " + run);
        for (long pid : pids) {
            Optional<ProcessHandle> rank = ProcessHandle.of(pid);
            rank.ifPresent(left -> left.onExit().orTimeout(10, TimeUnit.SECONDS).join()); // none outlives the job
        }
        return run;
    }
}
