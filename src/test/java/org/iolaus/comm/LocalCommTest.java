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
    @ValueSource(ints = {1, 2, 3, 4, 8})
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
        var limits = new TimeLimits(Duration.ofSeconds(30), Duration.ofMillis(200));
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
    void aRankThatDoesNotComeToItsGroupIsNamed() {
        var limits = new TimeLimits(Duration.ofSeconds(30), Duration.ofMillis(200));
        var thrown = assertThrows(
                CommException.class,
                () -> LocalComm.call(8, limits, comm -> {
                    Comm group = comm.split(comm.rank() % 2, comm.rank()).split(0, 0);
                    comm.startupDone(); // holds for groups that exist already
                    if (comm.rank() != 5) {
                        group.barrier();
                    }
                    return comm.rank();
                }));
        assertTrue(
                thrown.getMessage().matches("rank [137] waited 0.2 s in 'barrier' of group 1/0; not arrived: rank 5"),
                thrown.getMessage());
    }

    @Test
    void theFailureOfOneGroupEndsTheOthers() {
        var broken = new IllegalStateException("broken");
        var thrown = assertThrows(
                IllegalStateException.class,
                () -> LocalComm.run(8, comm -> {
                    Comm group = comm.split(comm.rank() % 4, 0);
                    if (comm.rank() == 2) {
                        throw broken;
                    }
                    if (comm.rank() > 2) { // ranks 0 and 1 wait for ranks that wait in another group
                        comm.split(0, 0);
                    }
                    group.barrier();
                }));
        assertSame(broken, thrown);
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
        assertEquals(
                new LaunchEnvironment(null, 0, 1),
                LaunchEnvironment.from(Map.of("SLURM_PROCID", "0", "SLURM_NTASKS", "8")));
        assertEquals(
                new LaunchEnvironment("srun", 3, 8),
                LaunchEnvironment.from(Map.of("SLURM_PROCID", "3", "SLURM_STEP_NUM_TASKS", "8")));
        assertEquals(
                new LaunchEnvironment("mpirun", 1, 2),
                LaunchEnvironment.from(
                        Map.of("OMPI_COMM_WORLD_RANK", "1", "OMPI_COMM_WORLD_SIZE", "2", "PMIX_RANK", "1")));
        assertThrows(CommException.class, () -> LaunchEnvironment.from(Map.of("PMIX_RANK", "x")));
    }
}
