package org.iolaus.comm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.function.BiConsumer;
import org.iolaus.comm.DeviceComm.Kind;
import org.iolaus.cuda.DeviceException;
import org.iolaus.cuda.Emulated;
import org.iolaus.cuda.EmulatedRuntime;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Sums of device arrays where ranks are threads and devices are emulated.
@Timeout(120)
class DeviceCommTest {

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

    @Test
    void aSumThroughTheHostCannotBeRecorded() {
        LocalComm.run(
                2,
                comm -> onDevice(comm, Kind.MPI, (sums, device) -> {
                    long address = device.allocate(8);
                    var thrown =
                            assertThrows(DeviceException.class, () -> device.capture(() -> sums.sum(address, 1, 8)));
                    assertTrue(thrown.getMessage().contains("outside of a capture"), thrown.getMessage());
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
        try (EmulatedRuntime device = Emulated.runtime();
                DeviceComm sums = DeviceComm.open(kind, comm, device)) {
            body.accept(sums, device);
        }
    }
}
