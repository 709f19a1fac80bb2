package org.iolaus.comm;

import java.lang.foreign.MemorySegment;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.LongBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import mpi.Datatype;
import mpi.Group;
import mpi.Intracomm;
import mpi.MPI;
import mpi.MPIException;
import mpi.Op;

/// Ranks that Open MPI started.
///
/// Every collective is non-blocking, on a direct buffer, and the rank asks until it is done. So a rank that waits
/// can look at the clock, and blocking and overlapped sums are the same code.
final class MpiComm implements Comm {
    /// Numbers per message of a blocking sum, bytes per message of a broadcast: bounds the staging memory.
    private static final int CHUNK = 1 << 20;

    /// The communicator of all ranks, which holds what all groups share: the time limit, and who is late.
    private final MpiComm world;

    private final Intracomm communicator;
    private final Stragglers stragglers;
    private final Stragglers.Members members;
    private final TimeLimits limits;
    private final int rank;
    private final int size;
    private final int localRank;
    private final String host;
    private final ArrayDeque<DoubleBuffer> staging = new ArrayDeque<>();
    private Duration limit;

    /// Starts MPI; once per process.
    static MpiComm open(LaunchEnvironment launch, TimeLimits limits) {
        try {
            int threads = MPI.InitThread(new String[0], MPI.THREAD_MULTIPLE);
            if (threads < MPI.THREAD_MULTIPLE) {
                throw new CommException(
                        "MPI library: want MPI_THREAD_MULTIPLE, got thread level %d of %d (build Open MPI with thread support)"
                                .formatted(threads, MPI.THREAD_MULTIPLE));
            }
            MPI.COMM_WORLD.setErrhandler(MPI.ERRORS_RETURN);
            return new MpiComm(launch, limits);
        } catch (MPIException e) {
            throw new CommException("MPI could not start: " + e.getMessage(), e);
        }
    }

    private MpiComm(LaunchEnvironment launch, TimeLimits limits) throws MPIException {
        this.limits = limits;
        limit = limits.startup();
        world = this;
        communicator = MPI.COMM_WORLD.dup();
        rank = communicator.getRank();
        size = communicator.getSize();
        if (size < launch.size()) {
            throw new CommException(
                    "%s started %d ranks, but MPI knows of %d: start them with mpirun or srun --mpi=pmix"
                            .formatted(launch.launcher(), launch.size(), size));
        }
        localRank = localRank(communicator);
        host = MPI.getProcessorName();
        stragglers = new Stragglers(MPI.COMM_WORLD.dup(), host);
        members = stragglers.world();
    }

    /// A group of other ranks' communicator.
    private MpiComm(MpiComm parent, int color, Intracomm group) throws MPIException {
        world = parent.world;
        communicator = group;
        communicator.setErrhandler(MPI.ERRORS_RETURN);
        limits = parent.limits;
        limit = parent.limit;
        rank = communicator.getRank();
        size = communicator.getSize();
        localRank = localRank(communicator);
        host = parent.host;
        stragglers = parent.stragglers;
        int[] places = IntStream.range(0, size).toArray();
        int[] ranks = Group.translateRanks(communicator.getGroup(), places, world.communicator.getGroup());
        members = stragglers.group(parent.members, color, ranks);
    }

    private static int localRank(Intracomm ranks) throws MPIException {
        Intracomm ofHost = ranks.splitType(mpi.Comm.TYPE_SHARED, ranks.getRank(), MPI.INFO_NULL);
        int rank = ofHost.getRank();
        ofHost.free();
        return rank;
    }

    /// MPI's own split has no time limit, so all ranks meet before it.
    @Override
    public Comm split(int color, int key) {
        CommArguments.checkColor(color);
        finish(start("split", () -> communicator.iBarrier()::test));
        try {
            return new MpiComm(this, color, communicator.split(color, key));
        } catch (MPIException e) {
            throw failed("split", e);
        }
    }

    @Override
    public int rank() {
        return rank;
    }

    @Override
    public int size() {
        return size;
    }

    @Override
    public int localRank() {
        return localRank;
    }

    @Override
    public String host() {
        return host;
    }

    @Override
    public void barrier() {
        finish(start("barrier", () -> communicator.iBarrier()::test));
    }

    @Override
    public void broadcast(double[] values, int root) {
        CommArguments.checkRoot(root, size);
        for (int from = 0; from < values.length; from += CHUNK) {
            int count = Math.min(CHUNK, values.length - from);
            DoubleBuffer buffer = borrow(count);
            buffer.put(0, values, from, count);
            finish(start("broadcast", () -> communicator.iBcast(buffer, count, MPI.DOUBLE, root)::test));
            buffer.get(0, values, from, count);
            staging.add(buffer);
        }
    }

    @Override
    public byte[] broadcast(byte[] bytes, int root) {
        CommArguments.checkRoot(root, size);
        LongBuffer length = MPI.newLongBuffer(1).put(0, bytes.length);
        finish(start("broadcast", () -> communicator.iBcast(length, 1, MPI.LONG, root)::test));
        byte[] result = rank == root ? bytes.clone() : new byte[Math.toIntExact(length.get(0))];
        ByteBuffer buffer = MPI.newByteBuffer(Math.min(CHUNK, result.length));
        for (int from = 0; from < result.length; from += CHUNK) {
            int count = Math.min(CHUNK, result.length - from);
            buffer.put(0, result, from, count);
            finish(start("broadcast", () -> communicator.iBcast(buffer, count, MPI.BYTE, root)::test));
            buffer.get(0, result, from, count);
        }
        return result;
    }

    @Override
    public List<byte[]> gather(byte[] bytes, int root) {
        CommArguments.checkRoot(root, size);
        long[] lengths = new long[size];
        lengths[rank] = bytes.length;
        lengths = reduce(lengths, MPI.SUM);
        int[] counts = new int[size];
        int[] offsets = new int[size];
        long total = 0;
        for (int other = 0; other < size; other++) {
            counts[other] = (int) lengths[other];
            offsets[other] = (int) total;
            total += lengths[other];
        }
        if (total > Integer.MAX_VALUE) {
            throw new CommException("gather: want less than 2 GiB from all ranks together, got " + total + " bytes");
        }
        ByteBuffer mine = MPI.newByteBuffer(bytes.length).put(0, bytes);
        if (rank != root) {
            finish(start("gather", () -> communicator.iGatherv(mine, bytes.length, MPI.BYTE, root)::test));
            return List.of();
        }
        ByteBuffer all = MPI.newByteBuffer((int) total);
        finish(start(
                "gather",
                () -> communicator.iGatherv(mine, bytes.length, MPI.BYTE, all, counts, offsets, MPI.BYTE, root)::test));
        var result = new ArrayList<byte[]>();
        for (int other = 0; other < size; other++) {
            byte[] part = new byte[counts[other]];
            all.get(offsets[other], part);
            result.add(part);
        }
        return result;
    }

    @Override
    public void sum(double[] values, int offset, int length) {
        Objects.checkFromIndexSize(offset, length, values.length);
        for (int done = 0; done < length; done += CHUNK) {
            sumAsync(values, offset + done, Math.min(CHUNK, length - done)).await();
        }
    }

    @Override
    public Pending sumAsync(double[] values, int offset, int length) {
        Objects.checkFromIndexSize(offset, length, values.length);
        DoubleBuffer buffer = borrow(length);
        buffer.put(0, values, offset, length);
        Started sum = start("sum", () -> communicator.iAllReduce(buffer, length, MPI.DOUBLE, MPI.SUM)::test);
        return pending(sum, () -> {
            buffer.get(0, values, offset, length);
            staging.add(buffer);
        });
    }

    @Override
    public Pending sumAsync(MemorySegment numbers, int bytesPerNumber) {
        int length = CommArguments.checkNumbers(numbers, bytesPerNumber);
        ByteBuffer bytes = numbers.asByteBuffer().order(ByteOrder.nativeOrder());
        boolean single = bytesPerNumber == Float.BYTES;
        Buffer buffer = single ? bytes.asFloatBuffer() : bytes.asDoubleBuffer();
        Datatype type = single ? MPI.FLOAT : MPI.DOUBLE;
        Started sum = start("sum", () -> communicator.iAllReduce(buffer, length, type, MPI.SUM)::test);
        return pending(sum, () -> {});
    }

    private Pending pending(Started sum, Runnable takeResult) {
        return new Pending() {
            @Override
            public boolean done() {
                return sum.done();
            }

            @Override
            public void await() {
                finish(sum);
                takeResult.run();
            }
        };
    }

    @Override
    public long max(long value) {
        return reduce(new long[] {value}, MPI.MAX)[0];
    }

    @Override
    public long sum(long value) {
        return reduce(new long[] {value}, MPI.SUM)[0];
    }

    @Override
    public void await(String what, BooleanSupplier done) {
        finish(start(what, () -> done::getAsBoolean));
    }

    @Override
    public String missingRanks() {
        return stragglers.missing(members, members.entered());
    }

    @Override
    public void startupDone() {
        world.limit = limits.step();
    }

    /// Ends the process even when MPI cannot: nothing that MPI does may keep a broken job alive.
    @Override
    public void abort(int code, String why) {
        System.err.println("iolaus: rank %d of %d on %s: %s".formatted(world.rank, world.size, host, why));
        System.err.flush();
        Thread.ofPlatform().daemon().start(() -> {
            LockSupport.parkNanos(Duration.ofSeconds(5).toNanos());
            Runtime.getRuntime().halt(code);
        });
        try {
            MPI.COMM_WORLD.abort(code);
        } catch (MPIException e) {
            Runtime.getRuntime().halt(code);
        }
    }

    @Override
    public void close() {
        if (this != world) {
            return;
        }
        barrier();
        stragglers.close();
        try {
            MPI.Finalize();
        } catch (MPIException e) {
            throw new CommException("MPI could not end: " + e.getMessage(), e);
        }
    }

    private long[] reduce(long[] values, Op op) {
        LongBuffer buffer = MPI.newLongBuffer(values.length).put(0, values);
        finish(start("agreement", () -> communicator.iAllReduce(buffer, values.length, MPI.LONG, op)::test));
        long[] result = new long[values.length];
        buffer.get(0, result);
        return result;
    }

    private interface Collective {
        Progress start() throws MPIException;
    }

    private interface Progress {
        boolean test() throws MPIException;
    }

    private static final class Started {
        private final long number;
        private final String what;
        private final Progress progress;
        private boolean complete;

        private Started(long number, String what, Progress progress) {
            this.number = number;
            this.what = what;
            this.progress = progress;
        }

        private boolean done() {
            if (!complete) {
                try {
                    complete = progress.test();
                } catch (MPIException e) {
                    throw failed(what, e);
                }
            }
            return complete;
        }
    }

    private Started start(String what, Collective collective) {
        long number = stragglers.enter(members, what);
        try {
            return new Started(number, what, collective.start());
        } catch (MPIException e) {
            throw failed(what, e);
        }
    }

    private void finish(Started collective) {
        if (collective.done()) {
            return;
        }
        stragglers.await(members, collective.number, collective.what);
        Duration limit = world.limit;
        if (!Backoff.until(collective::done, limit)) {
            String missing = stragglers.missing(members, collective.number);
            throw new CommException(
                    "waited %d s in '%s'%s; %s".formatted(limit.toSeconds(), collective.what, members.name(), missing));
        }
        stragglers.resume();
    }

    private DoubleBuffer borrow(int length) {
        for (DoubleBuffer buffer : staging) {
            if (buffer.capacity() >= length) {
                staging.remove(buffer);
                return buffer;
            }
        }
        return MPI.newDoubleBuffer(length);
    }

    private static CommException failed(String what, MPIException e) {
        return new CommException("MPI failed in '%s': %s".formatted(what, e.getMessage()), e);
    }
}
