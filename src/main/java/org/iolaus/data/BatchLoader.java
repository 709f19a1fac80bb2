package org.iolaus.data;

import java.util.NoSuchElementException;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import org.jspecify.annotations.Nullable;

/// Reads the batches of one rank ahead of the step that needs them, on a thread of its own.
///
/// What goes wrong there is thrown by [#next]. The shard set stays open.
public final class BatchLoader implements AutoCloseable {
    private static final int AHEAD = 4;

    private final ShardSet shards;
    private final EpochPlan plan;
    private final int rank;
    private final int firstStep;
    private final BlockingQueue<Ready> queue = new ArrayBlockingQueue<>(AHEAD);
    private final Thread thread;

    private int step;
    private long waitedNanos;
    private long bytes;

    /// What the thread hands over: a batch, or why there is none.
    private record Ready(@Nullable Batch batch, @Nullable Throwable failure) {}

    /// Starts to read.
    ///
    /// @param firstStep where in the plan to begin
    public BatchLoader(ShardSet shards, EpochPlan plan, int rank, int firstStep) {
        this.shards = shards;
        this.plan = plan;
        this.rank = rank;
        this.firstStep = firstStep;
        this.step = firstStep;
        this.thread = Thread.ofPlatform().daemon().name("prefetch").start(this::readAhead);
    }

    /// Whether the plan has another step.
    public boolean hasNext() {
        return step < plan.steps();
    }

    /// The step that [#next] will give.
    public int step() {
        return step;
    }

    /// The batch of the next step; waits if it is not there yet.
    public Batch next() {
        if (!hasNext()) {
            throw new NoSuchElementException("step " + step + ": want a step below " + plan.steps());
        }
        long before = System.nanoTime();
        Ready ready;
        try {
            ready = queue.take();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting for the data of step " + step, e);
        }
        waitedNanos += System.nanoTime() - before;
        if (ready.batch == null) {
            step = plan.steps();
            switch (ready.failure) {
                case Error e -> throw e;
                case RuntimeException e -> throw e;
                case null, default -> throw new IllegalStateException("prefetch", ready.failure);
            }
        }
        step++;
        bytes += ready.batch.bytes();
        return ready.batch;
    }

    /// How long [#next] has waited in all.
    public long waitedNanos() {
        return waitedNanos;
    }

    /// Bytes of the batches handed out.
    public long bytes() {
        return bytes;
    }

    /// Ends the thread.
    @Override
    public void close() {
        thread.interrupt();
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void readAhead() {
        try {
            boolean good = true;
            for (int s = firstStep; good && s < plan.steps(); s++) {
                Ready ready = read(s);
                queue.put(ready);
                good = ready.batch != null;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private Ready read(int s) {
        try {
            return new Ready(shards.batch(plan, s, rank), null);
        } catch (RuntimeException | Error e) {
            return new Ready(null, e);
        }
    }
}
