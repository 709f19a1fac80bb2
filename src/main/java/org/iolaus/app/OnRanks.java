package org.iolaus.app;

import java.util.concurrent.Callable;
import org.iolaus.comm.Comm;

/// A command that all ranks of an MPI job run together; other commands run on rank zero only.
interface OnRanks extends Callable<Integer> {

    /// The work of one rank.
    ///
    /// @return the exit code
    int run(Comm comm);

    @Override
    default Integer call() {
        return Main.onRanks(this::run);
    }
}
