package org.iolaus.comm;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import java.util.function.ToIntFunction;

/// Opens the communicator that fits how the program was started, and sees to it that no rank fails alone.
public final class Comms {
    private Comms() {}

    private static final AtomicBoolean FAILING = new AtomicBoolean();

    /// All ranks of the job below `mpirun` or `srun`, one rank otherwise. Once per process.
    public static Comm open() {
        Launch launch = Launch.fromEnvironment();
        if (launch.launcher() == null) {
            return new SoloComm();
        }
        try {
            return MpiComm.open(launch, Limits.fromEnvironment());
        } catch (LinkageError e) {
            throw new CommException(
                    "started by %s: want libmpi_java of an Open MPI with Java bindings in java.library.path, got '%s' (searched: %s)"
                            .formatted(launch.launcher(), e.getMessage(), System.getProperty("java.library.path")),
                    e);
        }
    }

    /// This process's rank as its launcher numbered it, without starting MPI; zero when started alone.
    public static int launchRank() {
        return Launch.fromEnvironment().rank();
    }

    /// Runs `body` on this rank. Whatever it throws, on this or on another thread, ends all ranks within
    /// seconds with the exit code and the text that `describe` makes of it, said once, with rank and host;
    /// on a single rank it is thrown on.
    ///
    /// @return what `body` returned
    public static int run(Function<Throwable, Failure> describe, ToIntFunction<Comm> body) {
        Comm comm = open();
        if (comm instanceof SoloComm) {
            return body.applyAsInt(comm);
        }
        Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> end(comm, describe.apply(thrown)));
        try {
            int code = body.applyAsInt(comm);
            comm.close();
            return code;
        } catch (Throwable thrown) {
            end(comm, describe.apply(thrown));
            throw thrown;
        }
    }

    /// To be called before a rank that has not started MPI says why it fails: rank zero, which most often fails of the
    /// same cause, speaks, and its launcher needs about a second to end the others while they wait here.
    public static void letRankZeroSpeak() {
        if (launchRank() != 0) {
            LockSupport.parkNanos(Duration.ofSeconds(5).toNanos());
        }
    }

    /// When many ranks fail at once, the lowest one speaks, and the others end with it before their turn.
    private static void end(Comm comm, Failure failure) {
        if (FAILING.compareAndSet(false, true)) {
            LockSupport.parkNanos(Duration.ofMillis(500)
                    .multipliedBy(Math.min(comm.rank(), 6))
                    .toNanos());
            comm.abort(failure.exitCode(), failure.text());
        }
    }
}
