package org.iolaus.data;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// Ranks that are threads.
final class ThreadRanks implements Convert.Ranks {
    private final int rank;
    private final byte[][] slots;
    private final CyclicBarrier barrier;

    private ThreadRanks(int rank, byte[][] slots, CyclicBarrier barrier) {
        this.rank = rank;
        this.slots = slots;
        this.barrier = barrier;
    }

    interface Body {
        void run(Convert.Ranks ranks);
    }

    static void run(int size, Body body) {
        for (Throwable failure : failures(size, body)) {
            throw new AssertionError(failure);
        }
    }

    /// What each rank that failed threw.
    static List<Throwable> failures(int size, Body body) {
        byte[][] slots = new byte[size][];
        CyclicBarrier barrier = new CyclicBarrier(size);
        List<Throwable> failures = new ArrayList<>();
        try (ExecutorService threads = Executors.newFixedThreadPool(size)) {
            List<Future<?>> futures = new ArrayList<>();
            for (int r = 0; r < size; r++) {
                ThreadRanks ranks = new ThreadRanks(r, slots, barrier);
                futures.add(threads.submit(() -> body.run(ranks)));
            }
            for (Future<?> future : futures) {
                try {
                    future.get(60, TimeUnit.SECONDS);
                } catch (ExecutionException e) {
                    failures.add(e.getCause() == null ? e : e.getCause());
                }
            }
        } catch (InterruptedException | TimeoutException e) {
            throw new AssertionError("ranks wait for each other", e);
        }
        return failures;
    }

    @Override
    public int rank() {
        return rank;
    }

    @Override
    public int size() {
        return slots.length;
    }

    @Override
    public List<byte[]> gather(byte[] mine) {
        slots[rank] = mine;
        await();
        List<byte[]> all = rank == 0 ? List.of(slots.clone()) : List.of();
        await();
        return all;
    }

    @Override
    public byte[] broadcast(byte[] ofRankZero) {
        if (rank == 0) {
            slots[0] = ofRankZero;
        }
        await();
        byte[] bytes = slots[0];
        await();
        return bytes;
    }

    private void await() {
        try {
            barrier.await(30, TimeUnit.SECONDS);
        } catch (InterruptedException | BrokenBarrierException | TimeoutException e) {
            throw new IllegalStateException("rank " + rank + " waits for the others", e);
        }
    }
}
