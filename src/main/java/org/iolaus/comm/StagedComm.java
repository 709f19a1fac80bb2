package org.iolaus.comm;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import org.iolaus.cuda.DeviceRuntime;

/// Sums through pinned host memory: chunk by chunk from the device to the host, over the ranks, and back. The
/// ranks sum one chunk while the device copies the next.
final class StagedComm implements DeviceComm {
    /// Bytes of a chunk. The sum's order depends on it, so it is the same everywhere.
    static final int CHUNK = 1 << 20;

    private static final int SLOTS = 4;

    private final Comm comm;
    private final DeviceRuntime device;
    private final String why;
    private final Deque<MemorySegment> free;

    /// @param why this way was chosen, for the name; may be empty
    StagedComm(Comm comm, DeviceRuntime device, String why) {
        this(comm, device, why, new ArrayDeque<>());
        for (int slot = 0; slot < SLOTS; slot++) {
            free.add(device.allocateHost(CHUNK));
        }
    }

    private StagedComm(Comm comm, DeviceRuntime device, String why, Deque<MemorySegment> free) {
        this.comm = comm;
        this.device = device;
        this.why = why;
        this.free = free;
    }

    private record Chunk(MemorySegment slot, long address, long bytes, Pending sum) {}

    @Override
    public boolean capturable() {
        return false;
    }

    @Override
    public void sum(long address, long count, int bytesPerNumber) {
        DeviceComms.check(count, bytesPerNumber);
        long bytes = Math.multiplyExact(count, (long) bytesPerNumber);
        Deque<Chunk> flying = new ArrayDeque<>();
        for (long from = 0; from < bytes; from += CHUNK) {
            if (free.isEmpty()) {
                land(flying.remove());
            }
            MemorySegment slot = free.remove();
            long size = Math.min(CHUNK, bytes - from);
            device.download(slot, address + from, size);
            Pending sum = comm.sumAsync(slot.asSlice(0, size), bytesPerNumber);
            flying.add(new Chunk(slot, address + from, size, sum));
            flying.forEach(chunk -> chunk.sum.done()); // asking moves the messages along
        }
        while (!flying.isEmpty()) {
            land(flying.remove());
        }
        device.synchronize(); // the next sum may be on another stream and takes the same slots
    }

    private void land(Chunk chunk) {
        chunk.sum.await();
        device.upload(chunk.address, chunk.slot, chunk.bytes);
        free.add(chunk.slot);
    }

    @Override
    public void await(DeviceRuntime.Event point) {
        Backoff.until(point::reached); // the ranks have come to all sums that were started
    }

    @Override
    public void await() {
        device.synchronize();
    }

    /// Groups share the pinned memory: only one sum at a time uses it.
    @Override
    public DeviceComm split(Comm group) {
        return group.size() == 1 ? new DeviceComms.OneRank(device) : new StagedComm(group, device, why, free);
    }

    @Override
    public String name() {
        return "MPI through pinned host memory, " + comm.size() + " ranks" + why;
    }

    /// The pinned memory is the device's and goes with it.
    @Override
    public void close() {}
}
