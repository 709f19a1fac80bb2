package org.iolaus.comm;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/// Between looks at something that others do: spins while the answer may come in microseconds, then leaves the core to
/// others, at last sleeps.
final class Patience {
    private final long begin = System.nanoTime();

    /// Waits without a limit.
    static void until(BooleanSupplier done) {
        Patience patience = new Patience();
        while (!done.getAsBoolean()) {
            patience.pause();
        }
    }

    /// Waits at most as long as the limit: whether it was done by then.
    static boolean until(BooleanSupplier done, Duration limit) {
        Patience patience = new Patience();
        while (!done.getAsBoolean()) {
            if (patience.pause() > limit.toNanos()) {
                return false;
            }
        }
        return true;
    }

    /// Waits a little: the nanoseconds since the beginning.
    @SuppressWarnings("ThreadPriorityCheck") // yielding only saves work for others; nothing relies on it
    long pause() {
        long waited = System.nanoTime() - begin;
        if (waited < 20_000) {
            Thread.onSpinWait();
        } else if (waited < 10_000_000) {
            Thread.yield();
        } else {
            LockSupport.parkNanos(20_000);
        }
        return waited;
    }
}
