package org.iolaus.comm;

import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// What the ranks of a [LocalComm] share: the collectives under way, and with the other groups of the job the
/// first failure.
final class LocalGroup {
    /// What all groups of a job share.
    private static final class Job {
        private final TimeLimits limits;
        private @Nullable Throwable failure;

        Job(TimeLimits limits) {
            this.limits = limits;
        }
    }

    private final Job job;
    /// For messages: empty, or ` of group 1`.
    private final String name;
    /// Of this group's ranks, their ranks in the job.
    private final int[] worldRanks;
    private final int size;
    private final Map<Long, Round> rounds = new HashMap<>();
    private final long[] entered;

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

    LocalGroup(int size, TimeLimits limits) {
        this(new Job(limits), "", IntStream.range(0, size).toArray());
    }

    private LocalGroup(Job job, String name, int[] worldRanks) {
        if (worldRanks.length < 1) {
            throw new CommException("ranks: want at least 1, got " + worldRanks.length);
        }
        this.job = job;
        this.name = name;
        this.worldRanks = worldRanks;
        this.size = worldRanks.length;
        this.entered = new long[size];
    }

    /// The groups that a split makes, by color.
    record Split(Map<Integer, LocalGroup> groups) {
        LocalGroup of(int color) {
            return Objects.requireNonNull(groups.get(color));
        }
    }

    /// Makes the groups of a split.
    ///
    /// @param parts (color, key) of each rank
    Split split(Object[] parts) {
        Map<Integer, LocalGroup> groups = IntStream.range(0, size)
                .boxed()
                .collect(Collectors.groupingBy(rank -> ((int[]) parts[rank])[0]))
                .entrySet()
                .stream()
                .collect(Collectors.toMap(Map.Entry::getKey, members -> {
                    int[] ranks = members.getValue().stream()
                            .sorted(Comparator.comparingInt(rank -> ((int[]) parts[rank])[1]))
                            .mapToInt(rank -> worldRanks[rank])
                            .toArray();
                    return new LocalGroup(job, Comms.groupName(name, members.getKey()), ranks);
                }));
        return new Split(groups);
    }

    int worldRank(int rank) {
        return worldRanks[rank];
    }

    int rankOf(int worldRank) {
        return IntStream.range(0, size)
                .filter(rank -> worldRanks[rank] == worldRank)
                .findFirst()
                .orElseThrow();
    }

    int size() {
        return size;
    }

    TimeLimits limits() {
        return job.limits;
    }

    /// Brings `part` to the next collective of this rank; the last rank to come combines all parts.
    Round enter(int rank, String what, Object part, Function<Object[], Object> combine) {
        synchronized (job) {
            stopIfFailed();
            Round round = rounds.computeIfAbsent(++entered[rank], number -> new Round(number, what, size));
            if (!round.what.equals(what)) {
                var differ = new CommException(
                        "collective %d%s: want the same on every rank, got '%s' on rank %d, '%s' on another"
                                .formatted(round.number, name, what, worldRanks[rank], round.what));
                fail(differ);
                throw differ;
            }
            round.parts[rank] = part;
            if (--round.missing == 0) {
                round.result = combine.apply(round.parts);
                job.notifyAll();
            }
            return round;
        }
    }

    boolean isDone(Round round) {
        synchronized (job) {
            stopIfFailed();
            return round.missing == 0;
        }
    }

    /// Waits for the result of a round; each rank asks once.
    Object await(int rank, Round round, Duration limit) {
        long deadline = System.nanoTime() + limit.toNanos();
        try {
            synchronized (job) {
                while (round.result == null) {
                    stopIfFailed();
                    long left = deadline - System.nanoTime();
                    if (left <= 0) {
                        late(rank, round, limit);
                    }
                    job.wait(left / 1_000_000 + 1);
                }
                leave(round);
                return round.result;
            }
        } catch (InterruptedException e) {
            throw new CommException("rank %d was interrupted in '%s'".formatted(worldRanks[rank], round.what), e);
        }
    }

    /// Ends all ranks since some have not come to this round in time.
    void late(int rank, Round round, Duration limit) {
        var late = new CommException("rank %d waited %s s in '%s'%s; %s"
                .formatted(worldRanks[rank], limit.toMillis() / 1e3, round.what, name, missing(round.number)));
        fail(late);
        throw late;
    }

    /// The round is over for one rank.
    void leave(Round round) {
        synchronized (job) {
            if (--round.waiting == 0) {
                rounds.remove(round.number);
            }
        }
    }

    /// Number of the round that a rank came to last.
    long entered(int rank) {
        synchronized (job) {
            return entered[rank];
        }
    }

    /// For messages: the ranks that have not come to a round.
    String missing(long number) {
        synchronized (job) {
            String late = IntStream.range(0, size)
                    .filter(other -> entered[other] < number)
                    .mapToObj(other -> Integer.toString(worldRanks[other]))
                    .collect(Collectors.joining(", "));
            return late.isEmpty() ? "all ranks have arrived" : "not arrived: rank " + late;
        }
    }

    /// Ends every rank at its next collective; the first failure is the one that counts.
    void fail(Throwable thrown) {
        synchronized (job) {
            if (job.failure == null) {
                job.failure = thrown;
            }
            job.notifyAll();
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
        synchronized (job) {
            return job.failure;
        }
    }

    void stopIfFailed() {
        Throwable thrown = failed();
        if (thrown != null) {
            throw new CommException("another rank failed", thrown);
        }
    }
}
