package org.iolaus.comm;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/// The ranks of one job, or of a group of it, and their collectives.
///
/// A collective returns on a rank when that rank may go on. Every rank calls the same collectives in the same
/// order, from one thread at a time. A rank that waits longer than the [TimeLimits] allow ends the whole job with
/// a message that names the ranks that did not arrive. The order of a sum depends only on the number of ranks and
/// the length: the same inputs give the same bits, and all ranks get the same bits.
///
/// Failures are [CommException]s. They name ranks by their number in the job, also in a group.
public interface Comm extends AutoCloseable {

    /// This rank, `0 .. size - 1`.
    int rank();

    /// Number of ranks.
    int size();

    /// This rank among those of this communicator on the same host, `0 .. ranks of the host - 1`.
    int localRank();

    /// Name of the host that this rank runs on.
    String host();

    /// Whether this is rank zero. Rank zero of the job prints and writes.
    default boolean isRoot() {
        return rank() == 0;
    }

    /// Waits until every rank is here.
    void barrier();

    /// Copies `values` of `root` over those of every other rank.
    ///
    /// @param values `(n)`, the same n on every rank
    void broadcast(double[] values, int root);

    /// The bytes of `root`, on every rank.
    ///
    /// @param bytes any length; looked at on `root` only, so other ranks may pass an empty array
    byte[] broadcast(byte[] bytes, int root);

    /// The bytes of every rank, by rank, on `root`; an empty list elsewhere.
    ///
    /// @param bytes any length, not necessarily the same on every rank
    List<byte[]> gather(byte[] bytes, int root);

    /// Replaces `values[offset .. offset + length)` by the sum over ranks.
    void sum(double[] values, int offset, int length);

    /// Replaces all of `values` by the sum over ranks.
    default void sum(double[] values) {
        sum(values, 0, values.length);
    }

    /// Starts the sum over ranks of `values[offset .. offset + length)`. The values have been read when this
    /// returns; [Pending#await] writes the sums to the same place.
    Pending sumAsync(double[] values, int offset, int length);

    /// Starts to replace numbers in native memory by their sums over ranks. The caller must not touch the memory
    /// before [Pending#await] returns. Floats are added as floats.
    ///
    /// @param numbers floats or doubles in the machine's byte order, at most 2 GiB
    /// @param bytesPerNumber 4 (float) or 8 (double)
    Pending sumAsync(MemorySegment numbers, int bytesPerNumber);

    /// The largest value of all ranks.
    long max(long value);

    /// The smallest value of all ranks.
    default long min(long value) {
        return ~max(~value);
    }

    /// The sum over ranks.
    long sum(long value);

    /// The sum over ranks.
    default double sum(double value) {
        var one = new double[] {value};
        sum(one);
        return one[0];
    }

    /// Whether it is true on any rank: how ranks agree on stopping.
    default boolean any(boolean mine) {
        return max(mine ? 1 : 0) != 0;
    }

    /// Whether it is true on every rank.
    default boolean all(boolean mine) {
        return !any(!mine);
    }

    /// Runs `work` on rank zero and, once that has succeeded, on the others. So a fault that every rank would
    /// find is reported once.
    ///
    /// @param work calls no collective
    default <T> T rootFirst(Supplier<T> work) {
        if (isRoot()) {
            T result = work.get();
            barrier();
            return result;
        }
        barrier();
        return work.get();
    }

    /// Waits for work that needs all ranks but does not use this communicator, such as that of GPUs. A
    /// collective: every rank waits for the same work, and a rank that does not come in time is named.
    ///
    /// @param what the work, for messages
    /// @param done may throw, which ends the wait
    void await(String what, BooleanSupplier done);

    /// Asks the others where they are, which takes up to some seconds.
    ///
    /// @return for messages: which of them have not come to the collective that this rank is in
    String missingRanks();

    /// From now on a collective may take as long as a step of training, no longer as long as the start of a job.
    /// Holds for all communicators of this rank.
    void startupDone();

    /// Splits these ranks into groups, one for each color. A collective.
    ///
    /// Collectives of different groups can run at the same time. A rank may have sums of a group and of all ranks
    /// under way at once, if all their ranks start them in one order. A failure in a group ends the whole job. A
    /// group lasts as long as the job; closing it does nothing.
    ///
    /// @param color the group of this rank, at least 0
    /// @param key orders the ranks of a group; ranks with equal keys keep their order
    /// @return this rank's group
    Comm split(int color, int key);

    /// Prints `why` and ends all ranks with this exit code, without waiting for them.
    void abort(int code, String why);

    @Override
    void close();
}
