package org.iolaus.cpu;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/// A fixed team of threads that share one step's rows; the caller is one of them.
final class Workers implements AutoCloseable {
    private final int threads;
    private final ExecutorService pool;

    interface Part {
        /// Does rows `from <= i < to` as team member `member`.
        void run(int member, int from, int to);
    }

    Workers(int threads) {
        this.threads = threads;
        this.pool = Executors.newFixedThreadPool(
                Math.max(1, threads - 1),
                Thread.ofPlatform().name("iolaus-cpu-", 0).daemon().factory());
    }

    int threads() {
        return threads;
    }

    /// Splits `[0, rows)` evenly, in multiples of `grain`; runs alone what does not pay.
    void split(int rows, int grain, boolean pays, Part part) {
        int members = pays ? Math.min(threads, (rows + grain - 1) / grain) : 1;
        if (members <= 1) {
            part.run(0, 0, rows);
            return;
        }
        List<Future<?>> others = new ArrayList<>(members - 1);
        for (int member = 1; member < members; member++) {
            int index = member;
            others.add(pool.submit(
                    () -> part.run(index, bound(rows, grain, members, index), bound(rows, grain, members, index + 1))));
        }
        RuntimeException failure = null;
        try {
            part.run(0, 0, bound(rows, grain, members, 1));
        } catch (RuntimeException e) {
            failure = e;
        }
        for (Future<?> other : others) {
            try {
                other.get();
            } catch (ExecutionException e) {
                failure = e.getCause() instanceof RuntimeException cause
                        ? cause
                        : new IllegalStateException(e.getCause());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                failure = new IllegalStateException("cpu: want the step to finish, got an interrupt", e);
            }
        }
        if (failure != null) {
            throw failure;
        }
    }

    private static int bound(int rows, int grain, int members, int member) {
        long blocks = ((long) rows + grain - 1) / grain;
        return (int) Math.min(rows, blocks * member / members * grain);
    }

    @Override
    public void close() {
        pool.shutdownNow();
    }
}
