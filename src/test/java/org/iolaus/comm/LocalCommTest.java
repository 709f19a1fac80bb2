package org.iolaus.comm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class LocalCommTest {

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4})
    void threadsKeepTheContract(int ranks) {
        LocalComm.run(ranks, CommChecks::all);
    }

    @Test
    void oneRankAloneKeepsTheContract() {
        try (var comm = new SoloComm()) {
            CommChecks.all(comm);
        }
    }

    @Test
    void ranksReturnInOrder() {
        assertEquals(List.of(0, 1, 2, 3), LocalComm.call(4, Comm::rank));
    }

    @Test
    void theFailureOfOneRankEndsAll() {
        var broken = new IllegalStateException("broken");
        var thrown = assertThrows(
                IllegalStateException.class,
                () -> LocalComm.run(4, comm -> {
                    if (comm.rank() == 2) {
                        throw broken;
                    }
                    comm.barrier();
                }));
        assertSame(broken, thrown);
    }

    @Test
    void aRankThatDoesNotComeIsNamed() {
        var limits = new Limits(Duration.ofSeconds(30), Duration.ofMillis(200));
        var thrown = assertThrows(
                CommException.class,
                () -> LocalComm.call(3, limits, comm -> {
                    comm.startupDone();
                    if (comm.rank() != 1) {
                        comm.barrier();
                    }
                    return comm.rank();
                }));
        assertTrue(thrown.getMessage().endsWith("in 'barrier'; not arrived: rank 1"), thrown.getMessage());
    }

    @Test
    void differentCollectivesAreNoticed() {
        var thrown = assertThrows(
                CommException.class, () -> LocalComm.run(2, comm -> comm.sum(new double[comm.rank() + 1])));
        assertTrue(
                thrown.getMessage().contains("'sum of 1 numbers'")
                        && thrown.getMessage().contains("'sum of 2 numbers'"),
                thrown.getMessage());
    }

    @Test
    void theLauncherIsReadFromTheEnvironment() {
        assertEquals(new Launch(null, 0, 1), Launch.from(Map.of("SLURM_PROCID", "0", "SLURM_NTASKS", "8")));
        assertEquals(new Launch("srun", 3, 8), Launch.from(Map.of("SLURM_PROCID", "3", "SLURM_STEP_NUM_TASKS", "8")));
        assertEquals(
                new Launch("mpirun", 1, 2),
                Launch.from(Map.of("OMPI_COMM_WORLD_RANK", "1", "OMPI_COMM_WORLD_SIZE", "2", "PMIX_RANK", "1")));
        assertThrows(CommException.class, () -> Launch.from(Map.of("PMIX_RANK", "x")));
    }
}
