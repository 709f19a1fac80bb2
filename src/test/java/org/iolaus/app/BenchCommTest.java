package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import org.iolaus.comm.MpiRun;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import picocli.CommandLine.TypeConversionException;

class BenchCommTest {

    @Test
    void sizesHaveUnitsAndAreWholeDoubles() {
        var size = new BenchComm.Size();
        assertEquals(8, size.convert("8"));
        assertEquals(16, size.convert("9"));
        assertEquals(64L << 10, size.convert("64KiB"));
        assertEquals(256L << 20, size.convert("256 MiB"));
        for (String wrong : List.of("", "0", "-8", "1.5MiB", "MiB", "8B", "99999999999")) {
            assertThrows(TypeConversionException.class, () -> size.convert(wrong), wrong);
        }
    }

    @Test
    @Tag("mpi")
    void everyWayAndSizeHasALine() {
        MpiRun run = MpiRun.iolaus(
                2, Duration.ofSeconds(60), "bench", "comm", "--device=emulated", "--sizes=8,2MiB", "--seconds=0.05");
        assertEquals(0, run.exitCode(), run::toString);
        List<String> lines = run.out().lines().toList();
        assertEquals(4, lines.size(), run::toString);
        for (int line = 0; line < 4; line++) {
            String way = line < 2 ? "host arrays" : "MPI through pinned host memory, 2 ranks";
            int bytes = line % 2 == 0 ? 8 : 2 << 20;
            String wanted = "\\{\"bench\":\"comm\",.*\"way\":\"" + way + "\".*\"ranks\":2,.*\"bytes\":" + bytes
                    + ",.*\"us\":[0-9.E]+,.*\"bus_gb_per_s\":[0-9.E-]+}";
            assertTrue(lines.get(line).matches(wanted), lines.get(line));
        }
    }

    @Test
    @Tag("mpi")
    void aWayThatDoesNotExistIsAnError() {
        MpiRun run = MpiRun.iolaus(
                2, Duration.ofSeconds(60), "bench", "comm", "--device=emulated", "--comm=nccl", "--sizes=8");
        assertEquals(1, run.exitCode(), run::toString);
        assertTrue(run.err().contains("comm: nccl: want a GPU, got device emulated on the host"), run::toString);
    }
}
