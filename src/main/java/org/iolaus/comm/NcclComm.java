package org.iolaus.comm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.FutureTask;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.iolaus.cuda.DeviceException;
import org.iolaus.cuda.DeviceRuntime;
import org.iolaus.ffi.NativeLibrary;
import org.iolaus.ffi.Nccl;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Sums from GPU to GPU by NCCL, which has no time limits and does not tell who is missing: the host watches the
/// device's work, and the ranks' own communicator tells who did not come.
///
/// Close graphs that hold its sums first: NCCL waits for them when it ends.
final class NcclComm implements DeviceComm {
    private static final Logger LOG = LoggerFactory.getLogger(NcclComm.class);
    private static final Duration END_LIMIT = Duration.ofSeconds(5);
    private static final long ASK_EVERY_NANOS = 1_000_000;
    /// As much as the stack of a main thread, which NCCL may count on.
    private static final long STACK_BYTES = 8L << 20;

    private final Comm comm;
    private final DeviceRuntime device;
    private final LongSupplier stream;
    private final Nccl nccl;
    private final int version;
    private final MemorySegment asyncResult = Arena.ofAuto().allocate(ValueLayout.JAVA_INT);
    /// This one and all that were split from it or from which it was split: their sums wait for each other on
    /// the stream.
    private final List<NcclComm> open;

    private long communicator;
    private long asked;

    /// Finds the library. Sums in the switches (NVLS) differ from run to run: they stay off unless the
    /// environment asks for them.
    ///
    /// @throws org.iolaus.ffi.LibraryException with the places searched
    static Nccl load(Map<String, String> environment) {
        Nccl nccl = Nccl.load(environment);
        NativeLibrary.setEnvironment("NCCL_NVLS_ENABLE", "0");
        return nccl;
    }

    /// Such as 22803 for 2.28.3.
    static int version(Nccl nccl) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment version = arena.allocate(ValueLayout.JAVA_INT);
            check(nccl, "ncclGetVersion", nccl.getVersion(version));
            return version.get(ValueLayout.JAVA_INT, 0);
        }
    }

    static String versionText(int version) {
        return version / 10_000 + "." + version / 100 % 100 + "." + version % 100;
    }

    /// A collective; ends when all ranks have joined, or after the time limit of the start with an error.
    ///
    /// @param stream the device's stream of the moment; makes the device that of the calling thread
    NcclComm(Comm comm, DeviceRuntime device, LongSupplier stream, Nccl nccl) {
        this(comm, device, stream, nccl, join(comm, stream, nccl), new ArrayList<>());
    }

    private NcclComm(
            Comm comm, DeviceRuntime device, LongSupplier stream, Nccl nccl, long communicator, List<NcclComm> open) {
        this.comm = comm;
        this.device = device;
        this.stream = stream;
        this.nccl = nccl;
        this.communicator = communicator;
        this.open = open;
        version = version(nccl);
        open.add(this);
        checkSums();
    }

    /// Joins the ranks of `comm` by an id that its rank zero makes.
    private static long join(Comm comm, LongSupplier stream, Nccl nccl) {
        byte[] id = comm.broadcast(comm.isRoot() ? uniqueId(nccl) : new byte[0], 0);
        return join(comm, stream, made -> {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment bytes = arena.allocateFrom(ValueLayout.JAVA_BYTE, id);
                check(nccl, "ncclCommInitRank", nccl.commInitRank(made, comm.size(), bytes, comm.rank()));
            }
        });
    }

    private static byte[] uniqueId(Nccl nccl) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment id = arena.allocate(Nccl.UNIQUE_ID_BYTES);
            check(nccl, "ncclGetUniqueId", nccl.getUniqueId(id));
            return id.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    /// @param comm the ranks that `make` waits for
    /// @param make writes the new communicator
    private static long join(Comm comm, LongSupplier stream, Consumer<MemorySegment> make) {
        FutureTask<Long> joining = inBackground("join", () -> {
            var _ = stream.getAsLong(); // this thread's device
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment made = arena.allocate(ValueLayout.JAVA_LONG);
                make.accept(made);
                return made.get(ValueLayout.JAVA_LONG, 0);
            }
        });
        comm.await("start of NCCL", joining::isDone);
        return result(joining);
    }

    /// By `ncclCommSplit` if the library has it, else by an id of the group. The parent's rank of a group's
    /// first member is the group's color, since no other group has it.
    @Override
    public DeviceComm split(Comm group) {
        await(); // NCCL splits only a communicator without work
        int color = (int) group.min(comm.rank());
        long split = nccl.canSplit()
                ? join(
                        comm,
                        stream,
                        made -> check(nccl, "ncclCommSplit", nccl.commSplit(communicator, color, group.rank(), made)))
                : join(group, stream, nccl);
        return new NcclComm(group, device, stream, nccl, split, open);
    }

    /// Adds ones before anything relies on it.
    private void checkSums() {
        long address = device.allocate(Double.BYTES);
        MemorySegment host = device.allocateHost(Double.BYTES);
        for (int bytes : new int[] {Float.BYTES, Double.BYTES}) {
            boolean single = bytes == Float.BYTES;
            if (single) {
                host.set(ValueLayout.JAVA_FLOAT, 0, 1);
            } else {
                host.set(ValueLayout.JAVA_DOUBLE, 0, 1);
            }
            device.upload(address, host, bytes);
            sum(address, 1, bytes);
            await();
            device.download(host, address, bytes);
            double got = single ? host.get(ValueLayout.JAVA_FLOAT, 0) : host.get(ValueLayout.JAVA_DOUBLE, 0);
            if (got != comm.size()) {
                throw new CommException("%s: want %d as the sum of ones, got %s".formatted(name(), comm.size(), got));
            }
        }
        device.free(address);
    }

    @Override
    public boolean capturable() {
        return true;
    }

    @Override
    public void sum(long address, long count, int bytesPerNumber) {
        DeviceComms.check(count, bytesPerNumber);
        if (communicator == 0) {
            throw new IllegalStateException(name() + ": closed");
        }
        if (count > 0) {
            int type = bytesPerNumber == Float.BYTES ? Nccl.FLOAT : Nccl.DOUBLE;
            check(
                    nccl,
                    "ncclAllReduce of " + count + " numbers",
                    nccl.allReduce(address, address, count, type, Nccl.SUM, communicator, stream.getAsLong()));
        }
    }

    @Override
    public void await() {
        await(device.record());
    }

    @Override
    public void await(DeviceRuntime.Event point) {
        try {
            comm.await("step on the GPUs", () -> point.reached() || failed());
        } catch (CommException e) {
            abort(point, String.valueOf(e.getMessage()));
            throw e;
        }
    }

    /// Throws when NCCL says that a sum cannot come to its end.
    ///
    /// @return false
    private boolean failed() {
        long now = System.nanoTime();
        if (now - asked > ASK_EVERY_NANOS) {
            asked = now;
            for (NcclComm one : open) {
                check(nccl, "ncclCommGetAsyncError", nccl.commGetAsyncError(one.communicator, asyncResult));
                int result = asyncResult.get(ValueLayout.JAVA_INT, 0);
                if (result != 0 && result != Nccl.IN_PROGRESS) {
                    throw new CommException(
                            "%s: %s; %s".formatted(one.name(), text(nccl, result), comm.missingRanks()));
                }
            }
        }
        return false;
    }

    /// Ends the sums that wait in vain: otherwise nothing could be done with the device, not even close it.
    private void abort(DeviceRuntime.Event point, String why) {
        if (open.isEmpty()) {
            return;
        }
        for (NcclComm one : List.copyOf(open)) {
            long old = one.forget();
            var _ = inBackground("abort", () -> nccl.commAbort(old)); // ends when the graphs that hold sums are closed
        }
        if (!Backoff.until(() -> over(point), END_LIMIT)) {
            comm.abort(1, why + "; and the GPU cannot be stopped");
        }
    }

    /// Takes the communicator out of use.
    ///
    /// @return NCCL's handle, 0 if it was out of use before
    private long forget() {
        long old = communicator;
        communicator = 0;
        open.remove(this);
        return old;
    }

    private static boolean over(DeviceRuntime.Event point) {
        try {
            return point.reached();
        } catch (DeviceException e) {
            return true; // lost, with all its work
        }
    }

    @Override
    public String name() {
        return "NCCL " + versionText(version) + ", " + comm.size() + (comm.size() == 1 ? " rank" : " ranks");
    }

    /// Takes all ranks, but waits no longer than a few seconds for those that failed.
    @Override
    public void close() {
        long old = forget();
        if (old != 0) {
            FutureTask<Integer> ending = inBackground("end", () -> nccl.commDestroy(old));
            if (!Backoff.until(ending::isDone, END_LIMIT)) {
                LOG.warn(
                        "{} on rank {} does not end: other ranks have failed, or graphs are open", name(), comm.rank());
            }
        }
    }

    /// Calls that wait for other ranks must not take this thread with them.
    private static <T> FutureTask<T> inBackground(String what, Supplier<T> work) {
        FutureTask<T> task = new FutureTask<>(work::get);
        Thread.ofPlatform().daemon().stackSize(STACK_BYTES).name("nccl " + what).start(task);
        return task;
    }

    private static <T> T result(FutureTask<T> done) {
        return switch (done.state()) {
            case SUCCESS -> done.resultNow();
            case FAILED -> {
                Throwable thrown = done.exceptionNow();
                throw thrown instanceof RuntimeException e ? e : new CommException(thrown.toString(), thrown);
            }
            case RUNNING, CANCELLED -> throw new IllegalStateException(done.toString());
        };
    }

    private static void check(Nccl nccl, String call, int result) {
        if (result != 0 && result != Nccl.IN_PROGRESS) {
            throw new CommException(call + ": " + text(nccl, result));
        }
    }

    private static String text(Nccl nccl, int result) {
        String last = nccl.getLastError(0);
        return nccl.getErrorString(result) + " (" + result + ")" + (last.isBlank() ? "" : ", " + last.strip());
    }
}
