package org.iolaus.comm;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What the environment tells about how this process was started.
///
/// @param launcher `mpirun` or `srun`, null when it was started alone
/// @param rank as the launcher's environment has it, zero when alone
/// @param size number of ranks, 1 when alone or not told
record Launch(@Nullable String launcher, int rank, int size) {

    static Launch fromEnvironment() {
        return from(System.getenv());
    }

    /// Open MPI's own variables first, then those of a Slurm step (a batch script itself is not a rank), then PMIx.
    static Launch from(Map<String, String> environment) {
        String openMpi = environment.get("OMPI_COMM_WORLD_RANK");
        if (openMpi != null) {
            return new Launch("mpirun", number(openMpi), number(environment.getOrDefault("OMPI_COMM_WORLD_SIZE", "1")));
        }
        String slurm = environment.get("SLURM_PROCID");
        int tasks = number(environment.getOrDefault("SLURM_STEP_NUM_TASKS", "1"));
        if (slurm != null && tasks > 1) {
            return new Launch("srun", number(slurm), tasks);
        }
        String pmix = environment.get("PMIX_RANK");
        return pmix == null ? new Launch(null, 0, 1) : new Launch("a PMIx launcher", number(pmix), 1);
    }

    private static int number(String text) {
        try {
            return Integer.parseInt(text.strip());
        } catch (NumberFormatException e) {
            throw new CommException("environment of the MPI launcher: want a number, got '" + text + "'", e);
        }
    }

    /// Without asking a name server, which may take its time.
    static String hostName() {
        String variable = System.getenv("HOSTNAME");
        if (variable != null && !variable.isBlank()) {
            return variable;
        }
        try {
            return Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
        } catch (IOException e) {
            return "localhost";
        }
    }

    static void checkRoot(int root, int size) {
        if (root < 0 || root >= size) {
            throw new CommException("root: want a rank below " + size + ", got " + root);
        }
    }

    /// How many numbers there are in native memory.
    static int checkNumbers(MemorySegment numbers, int bytesPerNumber) {
        if (!numbers.isNative()
                || (bytesPerNumber != Float.BYTES && bytesPerNumber != Double.BYTES)
                || numbers.byteSize() > Integer.MAX_VALUE
                || numbers.byteSize() % bytesPerNumber != 0) {
            throw new CommException(
                    "sum: want floats or doubles in native memory, at most 2 GiB, got " + numbers.byteSize()
                            + " bytes of numbers of " + bytesPerNumber + " bytes, native: " + numbers.isNative());
        }
        return (int) (numbers.byteSize() / bytesPerNumber);
    }
}
