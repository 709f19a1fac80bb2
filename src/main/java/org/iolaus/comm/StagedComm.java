package org.iolaus.comm;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import org.iolaus.cuda.DeviceRuntime;

/// Sums through pinned host memory: from the device in pieces, each summed over the ranks while the next is copied,
/// and back to the device.
final class StagedComm implements DeviceComm {
    /// Bytes of a piece: the sum's order depends on it, so it is the same everywhere.
    static final int PIECE = 1 << 20;

    private static final int SLOTS = 4;

    private final Comm comm;
    private final DeviceRuntime device;
    private final String why;
    private final Deque<MemorySegment> free = new ArrayDeque<>();

    /// @param why this way was chosen, for the name; may be empty
    StagedComm(Comm comm, DeviceRuntime device, String why) {
        this.comm = comm;
        this.device = device;
        this.why = why;
        for (int slot = 0; slot < SLOTS; slot++) {
            free.add(device.allocateHost(PIECE));
        }
    }

    private record Piece(MemorySegment slot, long address, long bytes, Pending sum) {}

    @Override
    public boolean capturable() {
        return false;
    }

    @Override
    public void sum(long address, long count, int bytesPerNumber) {
        DeviceComms.check(count, bytesPerNumber);
        long bytes = Math.multiplyExact(count, (long) bytesPerNumber);
        Deque<Piece> flying = new ArrayDeque<>();
        for (long from = 0; from < bytes; from += PIECE) {
            if (free.isEmpty()) {
                land(flying.remove());
            }
            MemorySegment slot = free.remove();
            long size = Math.min(PIECE, bytes - from);
            device.download(slot, address + from, size);
            Pending sum = comm.sumAsync(slot.asSlice(0, size), bytesPerNumber);
            flying.add(new Piece(slot, address + from, size, sum));
            flying.forEach(piece -> piece.sum.done()); // asking moves the messages along
        }
        while (!flying.isEmpty()) {
            land(flying.remove());
        }
        device.synchronize(); // the next sum may be on another stream and takes the same slots
    }

    private void land(Piece piece) {
        piece.sum.await();
        device.upload(piece.address, piece.slot, piece.bytes);
        free.add(piece.slot);
    }

    @Override
    public void await(DeviceRuntime.Event point) {
        Patience.until(point::reached); // the ranks have come to all sums that were started
    }

    @Override
    public void await() {
        device.synchronize();
    }

    @Override
    public String name() {
        return "MPI through pinned host memory, " + comm.size() + " ranks" + why;
    }

    /// The pinned memory is the device's and goes with it.
    @Override
    public void close() {}
}
