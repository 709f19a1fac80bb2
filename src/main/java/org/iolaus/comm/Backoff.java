package org.iolaus.comm;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/// Waits by asking again and again: at first it spins, since an answer may come within microseconds; then it
/// yields the core; in the end it sleeps between questions.
final class Backoff {
    private final long begin = System.nanoTime();

    /// Waits without a limit.
    static void until(BooleanSupplier done) {
        Backoff backoff = new Backoff();
        while (!done.getAsBoolean()) {
            backoff.pause();
        }
    }

    /// Waits at most as long as the limit.
    ///
    /// @return whether it was done by then
    static boolean until(BooleanSupplier done, Duration limit) {
        Backoff backoff = new Backoff();
        while (!done.getAsBoolean()) {
            if (backoff.pause() > limit.toNanos()) {
                return false;
            }
        }
        return true;
    }

    /// Waits a little.
    ///
    /// @return nanoseconds since the beginning
    @SuppressWarnings("ThreadPriorityCheck") // yielding only saves work for others; nothing relies on it
    private long pause() {
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
