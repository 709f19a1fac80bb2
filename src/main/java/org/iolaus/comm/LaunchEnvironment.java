package org.iolaus.comm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What the environment variables of the launcher say of this process.
///
/// @param launcher `mpirun` or `srun`; null if the process was started alone
/// @param rank zero if alone
/// @param size number of ranks; 1 if alone or unknown
record LaunchEnvironment(@Nullable String launcher, int rank, int size) {

    static LaunchEnvironment fromEnvironment() {
        return from(System.getenv());
    }

    /// Reads Open MPI's own variables first, then those of a Slurm step (a batch script itself is not a rank),
    /// then PMIx.
    static LaunchEnvironment from(Map<String, String> environment) {
        String openMpi = environment.get("OMPI_COMM_WORLD_RANK");
        if (openMpi != null) {
            return new LaunchEnvironment(
                    "mpirun", number(openMpi), number(environment.getOrDefault("OMPI_COMM_WORLD_SIZE", "1")));
        }
        String slurm = environment.get("SLURM_PROCID");
        int tasks = number(environment.getOrDefault("SLURM_STEP_NUM_TASKS", "1"));
        if (slurm != null && tasks > 1) {
            return new LaunchEnvironment("srun", number(slurm), tasks);
        }
        String pmix = environment.get("PMIX_RANK");
        return pmix == null
                ? new LaunchEnvironment(null, 0, 1)
                : new LaunchEnvironment("a PMIx launcher", number(pmix), 1);
    }

    private static int number(String text) {
        try {
            return Integer.parseInt(text.strip());
        } catch (NumberFormatException e) {
            throw new CommException("environment of the MPI launcher: want a number, got '" + text + "'", e);
        }
    }

    /// Name of this host; asks no name server, which may be slow.
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
}
