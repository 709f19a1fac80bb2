package org.iolaus.comm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import org.iolaus.comm.DeviceComm.Kind;
import org.iolaus.cuda.CudaRuntime;
import org.iolaus.cuda.DeviceRuntime;
import org.iolaus.cuda.Work;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// NCCL itself, as far as one GPU goes.
@Tag("cuda")
@Timeout(120)
class NcclGpuTest {

    @Test
    void oneRankKeepsTheContract() {
        try (var comm = new SoloComm();
                CudaRuntime gpu = CudaRuntime.open(0, 1, false);
                DeviceComm sums = DeviceComm.open(Kind.NCCL, comm, gpu)) {
            assertTrue(sums.name().matches("NCCL 2\\.\\d+\\.\\d+, 1 rank"), sums.name());
            assertTrue(sums.capturable());
            DeviceCommChecks.all(sums, comm, gpu);
        }
    }

    /// Between copies, recorded and started three times.
    @Test
    void aRecordedSumKeepsItsPlace() {
        double[] numbers = {1, -2, 3.5, 0.25, 7};
        try (var comm = new SoloComm();
                CudaRuntime gpu = CudaRuntime.open(0, 1, false);
                DeviceComm sums = DeviceComm.open(Kind.NCCL, comm, gpu)) {
            long from = gpu.allocate(40);
            long through = gpu.allocate(40);
            long to = gpu.allocate(40);
            List<Work> work = List.of(
                    new Work.Copy(through, from, 40),
                    new Work.Sum(sums, through, 3, 8),
                    new Work.Sum(sums, through + 24, 2, 8),
                    new Work.Copy(to, through, 40));
            try (DeviceRuntime.Graph graph = gpu.graph(work, List.of(List.of(), List.of(0), List.of(1), List.of(2)))) {
                for (int run = 0; run < 3; run++) {
                    gpu.fill(to, 0xFF, 40);
                    gpu.fill(through, 0xFF, 40);
                    DeviceCommChecks.write(gpu, from, numbers, 8);
                    graph.launch();
                    sums.await();
                    assertArrayEquals(numbers, DeviceCommChecks.read(gpu, to, 5, 8));
                }
            }
        }
    }

    @Test
    void oneRankNeedsNoNcclByItself() {
        try (var comm = new SoloComm();
                CudaRuntime gpu = CudaRuntime.open(0, 1, false);
                DeviceComm sums = DeviceComm.open(Kind.AUTO, comm, gpu)) {
            assertEquals("one rank", sums.name());
        }
    }

    @Test
    void ranksThatShareAGpuAreToldToUseMpi() {
        Duration limit = Duration.ofSeconds(60);
        String[] bench = {"bench", "comm", "--device=cuda", "--share-gpu", "--sizes=8", "--seconds=0.05", "--comm=auto"
        };
        MpiRun auto = MpiRun.iolaus(2, limit, bench);
        assertEquals(0, auto.exitCode(), auto::toString);
        String why = "not NCCL: want a GPU for each rank, ranks 0 and 1 on ";
        assertTrue(auto.out().contains("MPI through pinned host memory, 2 ranks; " + why), auto::toString);
        bench[6] = "--comm=nccl";
        MpiRun nccl = MpiRun.iolaus(2, limit, bench);
        assertEquals(1, nccl.exitCode(), nccl::toString);
        assertTrue(nccl.err().contains(": use comm: mpi"), nccl::toString);
    }

    @Test
    void aClosedOneIsNotUsed() {
        try (var comm = new SoloComm();
                CudaRuntime gpu = CudaRuntime.open(0, 1, false)) {
            DeviceComm sums = DeviceComm.open(Kind.NCCL, comm, gpu);
            sums.close();
            assertThrows(IllegalStateException.class, () -> sums.sum(0, 1, 8));
        }
    }
}
