package org.iolaus.comm;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import java.util.function.ToIntFunction;

/// Opens the communicator of the job, and makes sure that the failure of one rank ends all.
public final class Comms {
    private Comms() {}

    private static final AtomicBoolean FAILING = new AtomicBoolean();

    /// All ranks of the job if `mpirun` or `srun` started it, one rank otherwise. Call it once per process.
    public static Comm open() {
        LaunchEnvironment launch = LaunchEnvironment.fromEnvironment();
        if (launch.launcher() == null) {
            return new SoloComm();
        }
        try {
            return MpiComm.open(launch, TimeLimits.fromEnvironment());
        } catch (LinkageError e) {
            throw new CommException(
                    "started by %s: want libmpi_java of an Open MPI with Java bindings in java.library.path, got '%s' (searched: %s)"
                            .formatted(launch.launcher(), e.getMessage(), System.getProperty("java.library.path")),
                    e);
        }
    }

    /// The rank that the launcher gave this process; zero when started alone. Does not start MPI.
    public static int launchRank() {
        return LaunchEnvironment.fromEnvironment().rank();
    }

    /// Runs `body` on this rank. If it throws, on this or on another thread, all ranks end within seconds with
    /// the exit code that `describe` gives, and one of them prints the message with its rank and host. A single
    /// rank throws it on.
    ///
    /// @return what `body` returned
    public static int run(Function<Throwable, ExitStatus> describe, ToIntFunction<Comm> body) {
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

    /// Call this before a rank that has not started MPI prints why it fails. Rank zero most often fails of
    /// the same cause: it prints first, and the launcher ends the others within about a second, while they
    /// wait here.
    public static void letRankZeroSpeak() {
        if (launchRank() != 0) {
            LockSupport.parkNanos(Duration.ofSeconds(5).toNanos());
        }
    }

    /// For messages: ` of group 1`, ` of group 1/0` for a group of a group.
    ///
    /// @param parent name of the group that was split, empty for all ranks
    static String groupName(String parent, int color) {
        return (parent.isEmpty() ? " of group " : parent + "/") + color;
    }

    /// When many ranks fail at once, the lowest one prints its message and ends the others before they
    /// print theirs.
    private static void end(Comm comm, ExitStatus status) {
        if (FAILING.compareAndSet(false, true)) {
            LockSupport.parkNanos(Duration.ofMillis(500)
                    .multipliedBy(Math.min(comm.rank(), 6))
                    .toNanos());
            comm.abort(status.code(), status.message());
        }
    }
}
