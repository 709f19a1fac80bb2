package org.iolaus.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GpuChoiceTest {
    @Test
    void ranksThatSeeAllGpusTakeOneEach() {
        for (int rank = 0; rank < 4; rank++) {
            assertEquals(rank, GpuChoice.ordinal(rank, 4, 4, false));
            assertEquals(rank, GpuChoice.ordinal(rank, 4, 8, false));
        }
    }

    @Test
    void ranksThatSeeOneGpuTakeIt() {
        for (int rank = 0; rank < 4; rank++) {
            assertEquals(0, GpuChoice.ordinal(rank, 4, 1, false));
        }
    }

    @Test
    void fewerGpusThanRanksHaveToBeSharedOnPurpose() {
        assertThrows(DeviceException.class, () -> GpuChoice.ordinal(0, 4, 2, false));
        assertEquals(1, GpuChoice.ordinal(3, 4, 2, true));
        String none = assertThrows(DeviceException.class, () -> GpuChoice.ordinal(0, 1, 0, true))
                .getMessage();
        assertTrue(none.contains("CUDA_VISIBLE_DEVICES"), none);
    }

    @Test
    void aGpuIsTakenOnceUntilItIsGivenBack(@TempDir Path folder) {
        FileChannel first = GpuChoice.claim(folder, "gpu0", false);
        String message = assertThrows(DeviceException.class, () -> GpuChoice.claim(folder, "gpu0", false))
                .getMessage();
        assertTrue(message.contains("gpu0"), message);
        GpuChoice.close(GpuChoice.claim(folder, "gpu1", false));
        GpuChoice.close(first);
        GpuChoice.close(GpuChoice.claim(folder, "gpu0", false));
    }

    @Test
    void anotherProcessHoldsItToo(@TempDir Path folder) throws Exception {
        Process other = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Holder.class.getName(),
                        folder.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try {
            assertEquals("held", other.inputReader().readLine());
            assertThrows(DeviceException.class, () -> GpuChoice.claim(folder, "gpu0", false));
            assertThrows(DeviceException.class, () -> GpuChoice.claim(folder, "gpu0", true));
        } finally {
            other.destroy();
            other.waitFor();
        }
        GpuChoice.close(GpuChoice.claim(folder, "gpu0", false));
    }

    /// A process that holds `gpu0` until its input ends.
    public static final class Holder {
        public static void main(String[] arguments) throws IOException {
            FileChannel claim = GpuChoice.claim(Path.of(arguments[0]), "gpu0", false);
            System.out.println("held");
            var _ = System.in.read();
            GpuChoice.close(claim);
        }
    }
}
