package org.iolaus.comm;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/// All ranks of one job and the collectives among them.
///
/// A collective returns on a rank when that rank may go on; every rank calls the same collectives in the
/// same order, from one thread at a time. One that waits longer than the [Limits] allow ends the whole job
/// with a message that names the ranks that did not arrive. Sums are taken in an order that depends only on
/// the rank count and the length, so the same inputs give the same bits, and all ranks get the same bits.
///
/// Failures are [CommException]s.
public interface Comm extends AutoCloseable {

    /// This rank, `0 .. size - 1`.
    int rank();

    /// Number of ranks.
    int size();

    /// This rank among those of the same host, `0 .. ranks of the host - 1`.
    int localRank();

    /// Name of the host that this rank runs on.
    String host();

    /// Whether this is rank zero: the rank that prints and writes.
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

    /// Starts the sum over ranks of `values[offset .. offset + length)`, which were read when this returns;
    /// [Pending#await] writes the result back to the same place.
    Pending sumAsync(double[] values, int offset, int length);

    /// Starts to replace numbers in native memory by their sums over ranks; the memory is not to be touched before
    /// [Pending#await] returns. Floats are added as floats.
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

    /// Whether any rank says so: how ranks agree on stopping.
    default boolean any(boolean mine) {
        return max(mine ? 1 : 0) != 0;
    }

    /// Whether every rank says so.
    default boolean all(boolean mine) {
        return !any(!mine);
    }

    /// Runs `work` on rank zero and, once that has succeeded, on the others: what every rank would find wrong, one
    /// says.
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

    /// Waits for work that needs all ranks but goes another way, such as that of GPUs: asks until it is done. A
    /// collective: every rank waits for the same work, and one that does not come in time is named.
    ///
    /// @param what the work, for messages
    /// @param done may throw, which ends the wait
    void await(String what, BooleanSupplier done);

    /// Asks the others where they are and says which of them have not come to the collective that this rank is in;
    /// takes up to some seconds.
    String absent();

    /// From now on a collective may take as long as a step of training, no longer as long as the start of a job.
    void startupDone();

    /// Prints `why` and ends all ranks with this exit code, without waiting for them.
    void abort(int code, String why);

    @Override
    void close();
}
