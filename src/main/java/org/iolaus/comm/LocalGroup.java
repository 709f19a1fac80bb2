package org.iolaus.comm;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// What the ranks of a [LocalComm] share: the collectives under way, and the first failure.
final class LocalGroup {
    private final int size;
    private final Limits limits;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Map<Long, Round> rounds = new HashMap<>();
    private final long[] entered;
    private @Nullable Throwable failure;

    /// One collective: what every rank brought, and what comes out once all have.
    static final class Round {
        private final long number;
        private final String what;
        private final Object[] parts;
        private int missing;
        private int waiting;
        private @Nullable Object result;

        private Round(long number, String what, int size) {
            this.number = number;
            this.what = what;
            this.parts = new Object[size];
            this.missing = size;
            this.waiting = size;
        }
    }

    LocalGroup(int size, Limits limits) {
        if (size < 1) {
            throw new CommException("ranks: want at least 1, got " + size);
        }
        this.size = size;
        this.limits = limits;
        this.entered = new long[size];
    }

    int size() {
        return size;
    }

    Limits limits() {
        return limits;
    }

    /// Brings `part` to the next collective of this rank; the last rank to come combines all parts.
    Round enter(int rank, String what, Object part, Function<Object[], Object> combine) {
        lock.lock();
        try {
            stopIfFailed();
            Round round = rounds.computeIfAbsent(++entered[rank], number -> new Round(number, what, size));
            if (!round.what.equals(what)) {
                var differ = new CommException(
                        "collective %d: want the same on every rank, got '%s' on rank %d, '%s' on another"
                                .formatted(round.number, what, rank, round.what));
                fail(differ);
                throw differ;
            }
            round.parts[rank] = part;
            if (--round.missing == 0) {
                round.result = combine.apply(round.parts);
                changed.signalAll();
            }
            return round;
        } finally {
            lock.unlock();
        }
    }

    boolean isDone(Round round) {
        lock.lock();
        try {
            stopIfFailed();
            return round.missing == 0;
        } finally {
            lock.unlock();
        }
    }

    /// The result of `round`; each rank asks once.
    Object await(int rank, Round round, Duration limit) {
        lock.lock();
        try {
            long left = limit.toNanos();
            while (round.result == null) {
                stopIfFailed();
                if (left <= 0) {
                    late(rank, round, limit);
                }
                left = changed.awaitNanos(left);
            }
            leave(round);
            return round.result;
        } catch (InterruptedException e) {
            throw new CommException("rank %d was interrupted in '%s'".formatted(rank, round.what), e);
        } finally {
            lock.unlock();
        }
    }

    /// Ends all ranks since some have not come to this round in time.
    void late(int rank, Round round, Duration limit) {
        var late = new CommException("rank %d waited %s s in '%s'; not arrived: rank %s"
                .formatted(rank, limit.toMillis() / 1e3, round.what, absent(round.number)));
        fail(late);
        throw late;
    }

    /// The round is over for one rank.
    void leave(Round round) {
        lock.lock();
        try {
            if (--round.waiting == 0) {
                rounds.remove(round.number);
            }
        } finally {
            lock.unlock();
        }
    }

    /// Number of the round that a rank came to last.
    long entered(int rank) {
        lock.lock();
        try {
            return entered[rank];
        } finally {
            lock.unlock();
        }
    }

    /// The ranks that have not come to a round.
    String absent(long number) {
        lock.lock();
        try {
            return IntStream.range(0, size)
                    .filter(other -> entered[other] < number)
                    .mapToObj(Integer::toString)
                    .collect(Collectors.joining(", "));
        } finally {
            lock.unlock();
        }
    }

    /// Ends every rank at its next collective; the first failure is the one that counts.
    void fail(Throwable thrown) {
        lock.lock();
        try {
            if (failure == null) {
                failure = thrown;
            }
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /// Waits for a rank to end; after a failure no longer than ten seconds.
    void join(Thread thread) {
        try {
            while (!thread.join(Duration.ofMillis(100))) {
                if (failed() != null) {
                    thread.join(Duration.ofSeconds(10));
                    return;
                }
            }
        } catch (InterruptedException e) {
            throw new CommException("interrupted while ranks ran", e);
        }
    }

    @Nullable
    Throwable failed() {
        lock.lock();
        try {
            return failure;
        } finally {
            lock.unlock();
        }
    }

    void stopIfFailed() {
        Throwable thrown = failed();
        if (thrown != null) {
            throw new CommException("another rank failed", thrown);
        }
    }
}
