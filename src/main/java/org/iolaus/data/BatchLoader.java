package org.iolaus.data;

import java.util.NoSuchElementException;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// Reads the batches of one rank ahead of the step that needs them, on a thread of its own.
///
/// What goes wrong there is thrown by [#next]. The shard set stays open.
///
/// @param <T> what the thread makes of a batch
public final class BatchLoader<T> implements AutoCloseable {
    private static final int AHEAD = 4;

    private final ShardSet shards;
    private final EpochPlan plan;
    private final int rank;
    private final int firstStep;
    private final Function<Batch, T> preparation;
    private final BlockingQueue<Ready<T>> queue = new ArrayBlockingQueue<>(AHEAD);
    private final Thread thread;

    private int step;
    private int microBatch;
    private long waitedNanos;
    private long bytes;

    /// What the thread hands over: what it made of a batch, or why there is none.
    private record Ready<T>(
            @Nullable T made, long bytes, @Nullable Throwable failure) {}

    /// Starts to read.
    ///
    /// @param firstStep where in the plan to begin
    /// @param preparation of a batch, done on the thread
    public BatchLoader(ShardSet shards, EpochPlan plan, int rank, int firstStep, Function<Batch, T> preparation) {
        this.preparation = preparation;
        this.shards = shards;
        this.plan = plan;
        this.rank = rank;
        this.firstStep = firstStep;
        this.step = firstStep;
        this.thread = Thread.ofPlatform().daemon().name("prefetch").start(this::readAhead);
    }

    /// What is read.
    public EpochPlan plan() {
        return plan;
    }

    /// Whether the plan has another batch.
    public boolean hasNext() {
        return step < plan.steps();
    }

    /// The step that [#next] will give.
    public int step() {
        return step;
    }

    /// What was made of the batch of the next step's next micro-batch; waits if it is not there yet.
    public T next() {
        if (!hasNext()) {
            throw new NoSuchElementException("step " + step + ": want a step below " + plan.steps());
        }
        long before = System.nanoTime();
        Ready<T> ready;
        try {
            ready = queue.take();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting for the data of step " + step, e);
        }
        waitedNanos += System.nanoTime() - before;
        T made = ready.made;
        if (made == null) {
            step = plan.steps();
            switch (ready.failure) {
                case Error e -> throw e;
                case RuntimeException e -> throw e;
                case null, default -> throw new IllegalStateException("prefetch", ready.failure);
            }
        }
        microBatch = (microBatch + 1) % plan.microBatches();
        step += microBatch == 0 ? 1 : 0;
        bytes += ready.bytes;
        return made;
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
            for (int s = firstStep; s < plan.steps(); s++) {
                for (int t = 0; good && t < plan.microBatches(); t++) {
                    Ready<T> ready = read(s, t);
                    queue.put(ready);
                    good = ready.made != null;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private Ready<T> read(int s, int t) {
        try {
            Batch batch = shards.batch(plan, s, rank, t);
            return new Ready<>(preparation.apply(batch), batch.bytes(), null);
        } catch (RuntimeException | Error e) {
            return new Ready<>(null, 0, e);
        }
    }
}
