package org.iolaus.comm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.iolaus.comm.DeviceComm.Kind;
import org.iolaus.cuda.Emulated;
import org.iolaus.cuda.EmulatedRuntime;
import org.iolaus.cuda.Task;
import org.iolaus.cuda.Work;
import org.iolaus.cuda.WorkQueue;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Sums of device arrays where ranks are threads and devices are emulated.
@Timeout(120)
class DeviceCommTest {

    @BeforeAll
    static void needsCompiler() {
        Emulated.runtime().close();
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 5})
    void throughHostMemoryTheContractHolds(int ranks) {
        LocalComm.run(
                ranks,
                comm -> onDevice(comm, Kind.AUTO, (sums, device) -> {
                    assertEquals("MPI through pinned host memory, " + ranks + " ranks", sums.name());
                    assertFalse(sums.capturable());
                    DeviceCommChecks.all(sums, comm, device);
                    DeviceCommChecks.groups(sums, comm, device);
                }));
    }

    @Test
    void oneRankKeepsTheContract() {
        try (var comm = new SoloComm()) {
            for (Kind kind : new Kind[] {Kind.AUTO, Kind.MPI}) {
                onDevice(comm, kind, (sums, device) -> {
                    assertEquals("one rank", sums.name());
                    assertTrue(sums.capturable());
                    DeviceCommChecks.all(sums, comm, device);
                });
            }
        }
    }

    /// What cannot be recorded runs between two graphs.
    @Test
    void aSumThroughTheHostKeepsItsPlaceBetweenGraphs() {
        LocalComm.run(
                2,
                comm -> onDevice(comm, Kind.MPI, (sums, device) -> {
                    assertFalse(sums.capturable());
                    long from = device.allocate(8);
                    long to = device.allocate(8);
                    WorkQueue queue = new WorkQueue(device);
                    var recording = queue.recording(Stream.of(
                                    new Work.Copy(to, from, 8),
                                    new Work.Sum(sums, to, 1, 8),
                                    new Work.Copy(from, to, 8))
                            .map(Task::new)
                            .toList());
                    DeviceCommChecks.write(device, from, new double[] {comm.rank() + 1}, 8);
                    for (int run = 0; run < 3; run++) {
                        recording.start();
                    }
                    assertArrayEquals(new double[] {12}, DeviceCommChecks.read(device, from, 1, 8));
                }));
    }

    @Test
    void ncclNeedsAGpu() {
        var thrown = assertThrows(
                CommException.class, () -> LocalComm.run(2, comm -> onDevice(comm, Kind.NCCL, (sums, device) -> {})));
        assertEquals("comm: nccl: want a GPU, got device emulated on the host", thrown.getMessage());
    }

    @Test
    void ranksThatSumDifferentLengthsAreNoticed() {
        var thrown = assertThrows(
                CommException.class,
                () -> LocalComm.run(
                        2,
                        comm -> onDevice(comm, Kind.MPI, (sums, device) -> {
                            long address = device.allocate(16);
                            device.fill(address, 0, 16);
                            sums.sum(address, comm.rank() + 1, 4);
                        })));
        assertTrue(thrown.getMessage().contains("'sum of 1 floats'"), thrown.getMessage());
    }

    private static void onDevice(Comm comm, Kind kind, BiConsumer<DeviceComm, EmulatedRuntime> body) {
        try (EmulatedRuntime device = new EmulatedRuntime();
                DeviceComm sums = DeviceComm.open(kind, comm, device)) {
            body.accept(sums, device);
        }
    }
}
