package org.iolaus.comm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// Ranks that are threads of this process, for tests. The contract is that of MPI, and stricter: it notices ranks
/// that call different collectives.
public final class LocalComm implements Comm {
    /// The communicator of all ranks, which holds the time limit for the groups too.
    private final LocalComm world;

    private final LocalGroup group;
    private final int rank;
    private Duration limit;

    private LocalComm(@Nullable LocalComm world, LocalGroup group, int rank) {
        this.world = world == null ? this : world;
        this.group = group;
        this.rank = rank;
        this.limit = group.limits().startup();
    }

    /// Runs `body` once per rank, all at the same time, and returns when all have returned.
    ///
    /// @throws RuntimeException or Error: the first one that a rank threw; the others end at their
    ///     next collective
    public static void run(int ranks, Consumer<Comm> body) {
        call(ranks, comm -> {
            body.accept(comm);
            return comm;
        });
    }

    /// As [#run], and returns what the ranks returned, by rank.
    public static <T> List<T> call(int ranks, Function<Comm, T> body) {
        return call(ranks, new TimeLimits(Duration.ofSeconds(60), Duration.ofSeconds(60)), body);
    }

    /// As [#call], with other time limits.
    static <T> List<T> call(int ranks, TimeLimits limits, Function<Comm, T> body) {
        var group = new LocalGroup(ranks, limits);
        List<@Nullable T> results = new ArrayList<>();
        var threads = new ArrayList<Thread>();
        for (int rank = 0; rank < ranks; rank++) {
            results.add(null);
            int mine = rank;
            threads.add(Thread.ofPlatform().daemon().name("rank " + rank).start(() -> {
                try {
                    T result = body.apply(new LocalComm(null, group, mine));
                    synchronized (results) {
                        results.set(mine, result);
                    }
                } catch (Throwable thrown) {
                    group.fail(thrown);
                }
            }));
        }
        for (Thread thread : threads) {
            group.join(thread);
        }
        switch (group.failed()) {
            case null -> {}
            case RuntimeException failure -> throw failure;
            case Error failure -> throw failure;
            case Throwable failure -> throw new CommException("a rank failed", failure);
        }
        synchronized (results) {
            return results.stream().map(Objects::requireNonNull).toList();
        }
    }

    @Override
    public int rank() {
        return rank;
    }

    @Override
    public int size() {
        return group.size();
    }

    @Override
    public int localRank() {
        return rank;
    }

    @Override
    public String host() {
        return LaunchEnvironment.hostName();
    }

    @Override
    public void barrier() {
        exchange("barrier", "", parts -> "");
    }

    @Override
    public void broadcast(double[] values, int root) {
        CommArguments.checkRoot(root, group.size());
        String what = "broadcast of %d numbers from rank %d".formatted(values.length, root);
        var result = (double[]) exchange(what, values.clone(), parts -> parts[root]);
        System.arraycopy(result, 0, values, 0, values.length);
    }

    @Override
    public byte[] broadcast(byte[] bytes, int root) {
        CommArguments.checkRoot(root, group.size());
        return ((byte[]) exchange("broadcast of bytes from rank " + root, bytes.clone(), parts -> parts[root])).clone();
    }

    @Override
    public List<byte[]> gather(byte[] bytes, int root) {
        CommArguments.checkRoot(root, group.size());
        var parts = (Object[]) exchange("gather to rank " + root, bytes.clone(), all -> all);
        return rank == root ? Arrays.stream(parts).map(part -> (byte[]) part).toList() : List.of();
    }

    @Override
    public void sum(double[] values, int offset, int length) {
        sumAsync(values, offset, length).await();
    }

    @Override
    public Pending sumAsync(double[] values, int offset, int length) {
        Objects.checkFromIndexSize(offset, length, values.length);
        double[] mine = Arrays.copyOfRange(values, offset, offset + length);
        LocalGroup.Round round = group.enter(rank, "sum of " + length + " numbers", mine, LocalComm::sumInRankOrder);
        return pending(round, sums -> System.arraycopy((double[]) sums, 0, values, offset, length));
    }

    @Override
    public Pending sumAsync(MemorySegment numbers, int bytesPerNumber) {
        int length = CommArguments.checkNumbers(numbers, bytesPerNumber);
        boolean single = bytesPerNumber == Float.BYTES;
        Object mine = single ? numbers.toArray(ValueLayout.JAVA_FLOAT) : numbers.toArray(ValueLayout.JAVA_DOUBLE);
        String what = "sum of " + length + (single ? " floats" : " doubles");
        LocalGroup.Round round =
                group.enter(rank, what, mine, single ? LocalComm::sumFloatsInRankOrder : LocalComm::sumInRankOrder);
        return pending(
                round,
                sums -> numbers.copyFrom(
                        single ? MemorySegment.ofArray((float[]) sums) : MemorySegment.ofArray((double[]) sums)));
    }

    private Pending pending(LocalGroup.Round round, Consumer<Object> takeResult) {
        return new Pending() {
            @Override
            public boolean done() {
                return group.isDone(round);
            }

            @Override
            public void await() {
                takeResult.accept(group.await(rank, round, world.limit));
            }
        };
    }

    @Override
    public long max(long value) {
        return (Long) exchange(
                "largest",
                value,
                parts -> Arrays.stream(parts)
                        .mapToLong(part -> (Long) part)
                        .max()
                        .orElseThrow());
    }

    @Override
    public long sum(long value) {
        return (Long) exchange(
                "sum",
                value,
                parts -> Arrays.stream(parts).mapToLong(part -> (Long) part).sum());
    }

    @Override
    public void await(String what, BooleanSupplier done) {
        LocalGroup.Round round = group.enter(rank, what, "", parts -> "");
        BooleanSupplier look = () -> {
            group.stopIfFailed();
            return done.getAsBoolean();
        };
        if (!Backoff.until(look, world.limit)) {
            group.late(rank, round, world.limit);
        }
        group.leave(round);
    }

    @Override
    public String missingRanks() {
        return group.missing(group.entered(rank));
    }

    @Override
    public void startupDone() {
        world.limit = group.limits().step();
    }

    @Override
    public Comm split(int color, int key) {
        CommArguments.checkColor(color);
        var groups = (LocalGroup.Split) exchange("split", new int[] {color, key}, group::split);
        LocalGroup mine = groups.of(color);
        return new LocalComm(world, mine, mine.rankOf(group.worldRank(rank)));
    }

    @Override
    public void abort(int code, String why) {
        var aborted =
                new CommException("rank %d aborts with exit code %d: %s".formatted(group.worldRank(rank), code, why));
        group.fail(aborted);
        throw aborted;
    }

    @Override
    public void close() {}

    private Object exchange(String what, Object mine, Function<Object[], Object> combine) {
        return group.await(rank, group.enter(rank, what, mine, combine), world.limit);
    }

    private static Object sumInRankOrder(Object[] parts) {
        double[] total = ((double[]) parts[0]).clone();
        for (int rank = 1; rank < parts.length; rank++) {
            var part = (double[]) parts[rank];
            for (int i = 0; i < total.length; i++) {
                total[i] += part[i];
            }
        }
        return total;
    }

    private static Object sumFloatsInRankOrder(Object[] parts) {
        float[] total = ((float[]) parts[0]).clone();
        for (int rank = 1; rank < parts.length; rank++) {
            var part = (float[]) parts[rank];
            for (int i = 0; i < total.length; i++) {
                total[i] += part[i];
            }
        }
        return total;
    }
}
