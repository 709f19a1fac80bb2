package org.iolaus.comm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.iolaus.comm.DeviceComms.Rank;
import org.iolaus.cuda.DeviceRuntime;
import org.iolaus.cuda.EmulatedRuntime;
import org.iolaus.ffi.LibraryException;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What is around NCCL, on a library that stands in for it.
@Timeout(120)
class NcclCommTest {
    @TempDir
    static Path folder = Path.of("");

    @TempDir
    static Path old = Path.of("");

    @BeforeAll
    static void build() {
        NcclStub.build(folder);
        NcclStub.build(old, "-DSTUB_WITHOUT_SPLIT");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void theContractHolds(int ranks) {
        LocalComm.run(
                ranks,
                comm -> onRank(folder, comm, (sums, device) -> {
                    assertEquals("NCCL 2.99.1, " + ranks + (ranks == 1 ? " rank" : " ranks"), sums.name());
                    assertTrue(sums.capturable());
                    DeviceCommChecks.all(sums, comm, device);
                }));
    }

    /// By ncclCommSplit, and by ids of the groups where the library lacks it.
    @ParameterizedTest
    @CsvSource({"4, false", "4, true", "3, false", "3, true"})
    void groupsKeepTheContract(int ranks, boolean without) {
        Path library = without ? old : folder;
        assertEquals(
                !without,
                org.iolaus.ffi.Nccl.load(Map.of("IOLAUS_CUDA_PATH", library.toString()))
                        .canSplit());
        LocalComm.run(
                ranks, comm -> onRank(library, comm, (sums, device) -> DeviceCommChecks.groups(sums, comm, device)));
    }

    /// A sum of all ranks that waits behind a group's sum on the stream is ended too.
    @Test
    void aRankThatDoesNotComeToItsGroupIsNamedAndTheSumsThatWaitAreEnded() {
        var limits = new TimeLimits(Duration.ofSeconds(30), Duration.ofMillis(300));
        var thrown = assertThrows(
                CommException.class,
                () -> LocalComm.call(4, limits, comm -> {
                    onRank(folder, comm, (sums, device) -> {
                        Comm group = comm.split(comm.rank() % 2, 0);
                        try (DeviceComm ofGroup = sums.split(group)) {
                            comm.startupDone();
                            if (comm.rank() == 3) {
                                return;
                            }
                            long address = device.allocate(8);
                            ofGroup.sum(address, 1, 8);
                            if (comm.rank() == 1) {
                                sums.sum(address, 1, 8);
                            }
                            try {
                                ofGroup.await();
                            } finally {
                                device.synchronize(); // returns only if both sums were ended
                            }
                        }
                    });
                    return comm.rank();
                }));
        assertEquals("rank 1 waited 0.3 s in 'step on the GPUs' of group 1; not arrived: rank 3", thrown.getMessage());
    }

    @Test
    void aRankThatDoesNotComeIsNamedAndTheSumsThatWaitAreEnded() {
        var limits = new TimeLimits(Duration.ofSeconds(30), Duration.ofMillis(300));
        var thrown = assertThrows(
                CommException.class,
                () -> LocalComm.call(3, limits, comm -> {
                    onRank(folder, comm, (sums, device) -> {
                        comm.startupDone();
                        if (comm.rank() == 1) {
                            return;
                        }
                        long address = device.allocate(8);
                        sums.sum(address, 1, 8);
                        try {
                            sums.await();
                        } finally {
                            device.synchronize(); // returns only if the sum was ended
                        }
                    });
                    return comm.rank();
                }));
        assertTrue(
                thrown.getMessage().matches("rank [02] waited 0.3 s in 'step on the GPUs'; not arrived: rank 1"),
                thrown.getMessage());
    }

    @Test
    void aRankThatDoesNotJoinIsNamed() {
        var limits = new TimeLimits(Duration.ofMillis(300), Duration.ofMillis(300));
        var stub = new NcclStub(folder);
        var thrown = assertThrows(
                CommException.class,
                () -> LocalComm.call(2, limits, comm -> {
                    if (comm.rank() == 0) {
                        try (EmulatedRuntime emulated = new EmulatedRuntime()) {
                            stub.open(comm, stub.device(emulated, comm.rank())).close();
                        }
                    } else {
                        comm.broadcast(new byte[0], 0); // as if it ended after this
                    }
                    return comm.rank();
                }));
        assertEquals("rank 0 waited 0.3 s in 'start of NCCL'; not arrived: rank 1", thrown.getMessage());
    }

    @Test
    void whatNcclSaysOfASumEndsIt() {
        var stub = new NcclStub(folder);
        var thrown = assertThrows(
                CommException.class,
                () -> LocalComm.run(
                        2,
                        comm -> onRank(folder, comm, (sums, device) -> {
                            if (comm.rank() == 0) {
                                long address = device.allocate(8);
                                sums.sum(address, 1, 8);
                                stub.fail(0, 6);
                                sums.await();
                            }
                        })));
        assertEquals("NCCL 2.99.1, 2 ranks: remote process exited (6); not arrived: rank 1", thrown.getMessage());
    }

    @Test
    void aClosedOneIsNotUsed() {
        LocalComm.run(
                1,
                comm -> onRank(folder, comm, (sums, device) -> {
                    sums.close();
                    assertThrows(IllegalStateException.class, () -> sums.sum(0, 1, 8));
                }));
    }

    @Test
    void whereTheLibraryWasSearchedIsSaid() {
        String nowhere = folder.resolve("nowhere").toString();
        var thrown = assertThrows(
                LibraryException.class, () -> org.iolaus.ffi.Nccl.load(Map.of("IOLAUS_CUDA_PATH", nowhere)));
        assertTrue(
                thrown.getMessage().contains(nowhere) && thrown.getMessage().contains("libnccl.so.2"),
                thrown.getMessage());
    }

    @Test
    void whyRanksCannotUseNcclIsSaid() {
        Rank first = new Rank("n1", "aa", 22803, "");
        Rank second = new Rank("n1", "bb", 22803, "");
        assertNull(DeviceComms.problem(List.of(first, second)));
        assertEquals(
                "want a GPU for each rank, ranks 0 and 2 on n1 share GPU aa: use comm: mpi",
                DeviceComms.problem(List.of(first, second, first)));
        assertEquals(
                "want one version of NCCL, got 2.28.3 on rank 0 and 2.21.5 on rank 1 (n2)",
                DeviceComms.problem(List.of(first, new Rank("n2", "cc", 22105, ""))));
        assertEquals(
                "rank 1 on n2: NCCL: want one of libnccl.so.2",
                DeviceComms.problem(List.of(first, new Rank("n2", "cc", 0, "NCCL: want one of libnccl.so.2"))));
    }

    @Test
    void ranksTellEachOtherWhatTheyBring() {
        List<List<Rank>> known = LocalComm.call(
                3, comm -> DeviceComms.exchange(comm, new Rank("höst", "gpu " + comm.rank(), comm.rank(), "a\nb")));
        for (List<Rank> ranks : known) {
            assertEquals(3, ranks.size());
            assertEquals(new Rank("höst", "gpu 2", 2, "a\nb"), ranks.get(2));
        }
    }

    private interface Body {
        void run(NcclComm sums, DeviceRuntime device);
    }

    private static void onRank(Path library, Comm comm, Body body) {
        var stub = new NcclStub(library);
        try (EmulatedRuntime emulated = new EmulatedRuntime()) {
            DeviceRuntime device = stub.device(emulated, comm.rank());
            try (NcclComm sums = stub.open(comm, device)) {
                body.run(sums, device);
            }
        }
    }
}
