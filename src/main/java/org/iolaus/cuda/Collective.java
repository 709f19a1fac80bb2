package org.iolaus.cuda;

/// Sums arrays of a device over all ranks, in the order of the device's work.
public interface Collective {
    /// Whether a sum may be recorded in a graph (NCCL, one rank), or has to be between graphs (MPI).
    boolean capturable();

    /// Replaces numbers in device memory by their sums over the ranks. Work that is started later finds the sums;
    /// this may return before they are there (NCCL) or not (MPI).
    ///
    /// @param address of the first number
    /// @param count the same on every rank
    /// @param bytesPerNumber 4 (float) or 8 (double)
    void sum(long address, long count, int bytesPerNumber);
}
