package org.iolaus.comm;

import org.iolaus.cuda.Collective;
import org.iolaus.cuda.DeviceRuntime;

/// Sums of device arrays over the ranks, in the order of the device's stream.
///
/// Every rank calls the same methods in the same order, from the thread that uses the device. The order of a sum
/// depends only on the number of ranks, the length and the [Kind]: the same inputs give the same bits
/// on every rank.
///
/// Failures are [CommException]s; those of the device are [org.iolaus.cuda.DeviceException]s.
public interface DeviceComm extends Collective, AutoCloseable {

    /// How sums travel: `comm` of a configuration.
    enum Kind {
        /// NCCL where it works, else MPI; [DeviceComm#name] says which and why.
        AUTO,
        /// Through pinned host memory.
        MPI,
        /// From GPU to GPU.
        NCCL
    }

    /// The sums of a device over all ranks of `comm`; a collective.
    ///
    /// @param comm in use for nothing else while a method of the result runs
    /// @throws CommException if `kind` names one that does not work here
    static DeviceComm open(Kind kind, Comm comm, DeviceRuntime device) {
        return DeviceComms.open(kind, comm, device);
    }

    /// Waits until the device has reached a point in its work. Where sums wait for other ranks on the device,
    /// the wait has the time limit of a step: a rank that does not come here in time ends the job and is named.
    void await(DeviceRuntime.Event point);

    /// As [#await(DeviceRuntime.Event)], for all work that was started.
    void await();

    /// The sums over a group of these ranks; close it before this one. A collective of all these ranks.
    ///
    /// @param group from [Comm#split] of the communicator that this one was opened or split with
    DeviceComm split(Comm group);

    /// For people: `NCCL 2.28.3, 2 ranks`, `MPI through pinned host memory, 2 ranks`, `one rank`.
    String name();

    @Override
    void close();
}
