package org.iolaus.comm;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.iolaus.Tool;
import org.jspecify.annotations.Nullable;

/// Runs a main class with the classes under test as an MPI job in processes of its own, for tests tagged `mpi`. It
/// needs [Tool#MPI].
///
/// @param exitCode of `mpirun`; -1 when it was killed after the time limit
/// @param out what all ranks wrote to stdout
/// @param err what all ranks wrote to stderr
/// @param took wall time
public record MpiRun(int exitCode, String out, String err, Duration took) {

    /// One run of the program `iolaus` on `ranks` ranks.
    public static MpiRun iolaus(int ranks, Duration limit, String... arguments) {
        return run("org.iolaus.app.Main", ranks, limit, Map.of(), arguments);
    }

    /// @param main has a `public static void main(String[])`
    public static MpiRun run(Class<?> main, int ranks, Duration limit, String... arguments) {
        return run(main.getName(), ranks, limit, Map.of(), arguments);
    }

    /// @param environment variables of `mpirun` and of every rank
    public static MpiRun run(
            String main, int ranks, Duration limit, Map<String, String> environment, String... arguments) {
        return new Job(start(builder(main, ranks, environment, arguments))).await(limit);
    }

    /// Starts one run of the program `iolaus` on `ranks` ranks.
    public static Job start(int ranks, String... arguments) {
        return start(ranks, Map.of(), arguments);
    }

    /// Starts one run of the program `iolaus` on `ranks` ranks.
    ///
    /// @param environment variables of `mpirun` and of every rank
    public static Job start(int ranks, Map<String, String> environment, String... arguments) {
        return start("org.iolaus.app.Main", ranks, environment, arguments);
    }

    /// Starts one run of a main class.
    public static Job start(String main, int ranks, Map<String, String> environment, String... arguments) {
        return new Job(start(builder(main, ranks, environment, arguments)));
    }

    /// A job that runs.
    public static final class Job {
        private final long begin = System.nanoTime();
        private final Process process;
        private final CompletableFuture<String> out;
        private final CompletableFuture<String> err;

        private Job(Process process) {
            this.process = process;
            out = CompletableFuture.supplyAsync(() -> read(process.getInputStream()));
            err = CompletableFuture.supplyAsync(() -> read(process.getErrorStream()));
        }

        /// The processes that run the ranks.
        public List<ProcessHandle> ranks() {
            return process.descendants()
                    .filter(child -> child.info().command().orElse("").endsWith("/java"))
                    .toList();
        }

        /// The process that runs a rank.
        public ProcessHandle rank(int rank) {
            return ranks().stream()
                    .filter(one -> environment(one).contains("\0OMPI_COMM_WORLD_RANK=" + rank + "\0"))
                    .findAny()
                    .orElseThrow();
        }

        private static String environment(ProcessHandle process) {
            try {
                return "\0"
                        + Files.readString(Path.of("/proc/" + process.pid() + "/environ"), StandardCharsets.ISO_8859_1);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        public boolean isAlive() {
            return process.isAlive();
        }

        /// Kills `mpirun` and all ranks at once; none of them gets to say or write anything more.
        public void kill() {
            List<ProcessHandle> children = process.descendants().toList();
            process.toHandle().destroyForcibly(); // the streams stay open
            children.forEach(ProcessHandle::destroyForcibly);
        }

        /// Waits for the end; after the time limit the job is killed.
        public MpiRun await(Duration limit) {
            try {
                boolean ended = process.waitFor(limit.toNanos(), TimeUnit.NANOSECONDS);
                if (!ended) {
                    process.destroy();
                    if (!process.waitFor(5, TimeUnit.SECONDS)) {
                        kill();
                    }
                }
                var took = Duration.ofNanos(System.nanoTime() - begin);
                return new MpiRun(ended ? process.exitValue() : -1, out.join(), err.join(), took);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    private static ProcessBuilder builder(
            String main, int ranks, Map<String, String> environment, String... arguments) {
        Path mpirun = mpirun();
        Path libraries = mpirun == null ? null : libraries(mpirun);
        if (libraries == null) {
            return Tool.MPI.missing("want mpirun of an Open MPI with Java bindings, found none; see jobs/setup.sh");
        }
        var command = new ArrayList<String>(List.of(String.valueOf(mpirun), "-np", Integer.toString(ranks)));
        command.addAll(List.of("--map-by", ":OVERSUBSCRIBE", "--bind-to", "none"));
        environment.forEach((name, value) -> command.addAll(List.of("-x", name + "=" + value)));
        command.addAll(
                List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx1g"));
        command.addAll(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")); // runs of seconds: start fast
        command.addAll(List.of("--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"));
        command.addAll(List.of(
                "-Djava.library.path=" + libraries + ":target/native",
                "-cp",
                System.getProperty("java.class.path"),
                main));
        command.addAll(List.of(arguments));
        var builder = new ProcessBuilder(command)
                .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()));
        builder.environment().put("OMPI_ALLOW_RUN_AS_ROOT", "1");
        builder.environment().put("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
        builder.environment().putAll(environment);
        return builder;
    }

    /// Sends a process a signal, such as `KILL`; by the shell, since not every system has a program `kill`.
    public static void signal(String signal, long pid) {
        start(new ProcessBuilder("sh", "-c", "kill -" + signal + " " + pid));
    }

    private static Process start(ProcessBuilder builder) {
        try {
            return builder.start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// The one that `jobs/setup.sh` found, or the first on the PATH.
    private static @Nullable Path mpirun() {
        String known = System.getenv("IOLAUS_MPIRUN");
        if (known != null) {
            return Path.of(known);
        }
        return Stream.of(System.getenv().getOrDefault("PATH", "").split(":"))
                .map(folder -> Path.of(folder, "mpirun"))
                .filter(Files::isExecutable)
                .findFirst()
                .orElse(null);
    }

    private static @Nullable Path libraries(Path mpirun) {
        String known = System.getenv("IOLAUS_MPI_LIB");
        if (known != null) {
            return Path.of(known);
        }
        Path info = mpirun.resolveSibling("ompi_info");
        String told = new Job(start(new ProcessBuilder(info.toString(), "--parsable", "--path", "libdir")))
                .await(Duration.ofSeconds(20))
                .out;
        Path folder = Path.of(told.strip().replaceFirst("^path:libdir:", ""));
        return Files.exists(folder.resolve("libmpi_java.so")) ? folder : null;
    }

    private static String read(InputStream stream) {
        try (stream) {
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
