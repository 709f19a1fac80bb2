package org.iolaus.comm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.iolaus.cuda.DeviceRuntime;
import org.junit.jupiter.api.function.Executable;

/// What every way of summing device arrays has to do, run by every rank.
final class DeviceCommChecks {
    private static final int CHUNK_FLOATS = StagedComm.CHUNK / Float.BYTES;
    /// About the ends of chunks, and more chunks than there is room for at once.
    private static final int[] LENGTHS = {
        0, 1, 2, 31, 33, 127, 4098, CHUNK_FLOATS - 1, CHUNK_FLOATS, CHUNK_FLOATS + 1, 6 * CHUNK_FLOATS + 3
    };

    private DeviceCommChecks() {}

    static void all(DeviceComm sums, Comm comm, DeviceRuntime device) {
        for (int bytes : new int[] {Float.BYTES, Double.BYTES}) {
            for (int length : LENGTHS) {
                equalsTheSum(sums, comm, device, bytes, length);
            }
            leavesTheRest(sums, comm, device, bytes);
        }
        for (Executable wrong : new Executable[] {() -> sums.sum(0, 1, 2), () -> sums.sum(0, -1, 4)}) {
            assertThrows(IllegalArgumentException.class, wrong);
        }
        sums.await();
        comm.barrier();
    }

    /// Sums of two groups at the same time, one beside sums of all.
    static void groups(DeviceComm sums, Comm comm, DeviceRuntime device) {
        Comm group = comm.split(comm.rank() % 2, -comm.rank());
        try (DeviceComm ofGroup = sums.split(group)) {
            all(ofGroup, group, device);
            long ones = device.allocate(16);
            write(device, ones, new double[] {1, 1}, 8);
            sums.sum(ones, 1, 8);
            ofGroup.sum(ones + 8, 1, 8);
            sums.await();
            assertArrayEquals(new double[] {comm.size(), group.size()}, read(device, ones, 2, 8));
            device.free(ones);
        }
        Comm pair = group.split(0, group.rank());
        try (DeviceComm ofGroup = sums.split(group);
                DeviceComm again = ofGroup.split(pair)) {
            leavesTheRest(again, pair, device, Double.BYTES);
        }
    }

    /// Right within the rounding of the sum, and bit-equal over ranks and from one time to the next.
    private static void equalsTheSum(DeviceComm sums, Comm comm, DeviceRuntime device, int bytes, int length) {
        double[] got = sum(sums, device, values(comm.rank(), length), bytes);
        double[] want = new double[length];
        for (int rank = 0; rank < comm.size(); rank++) {
            double[] part = stored(values(rank, length), bytes);
            Arrays.setAll(want, i -> want[i] + part[i]);
        }
        double rounding = (bytes == Float.BYTES ? 0x1p-24 : 0x1p-53) * comm.size() * comm.size();
        assertArrayEquals(want, got, rounding, "sum of " + length + " numbers of " + bytes + " bytes");
        assertArrayEquals(got, sum(sums, device, values(comm.rank(), length), bytes), "the same bits again");
        byte[] root = comm.broadcast(bits(got), 0);
        assertArrayEquals(root, bits(got), "the same bits on every rank");
    }

    private static void leavesTheRest(DeviceComm sums, Comm comm, DeviceRuntime device, int bytes) {
        double[] ones = new double[100];
        Arrays.fill(ones, 1);
        long address = device.allocate(100L * bytes);
        write(device, address, ones, bytes);
        sums.sum(address + 30L * bytes, 40, bytes);
        Arrays.fill(ones, 30, 70, comm.size());
        assertArrayEquals(ones, read(device, address, 100, bytes));
        device.free(address);
        assertEquals(comm.size(), comm.sum(1L), "collectives of the host between sums");
    }

    private static double[] sum(DeviceComm sums, DeviceRuntime device, double[] values, int bytes) {
        long address = device.allocate((long) values.length * bytes);
        write(device, address, values, bytes);
        sums.sum(address, values.length, bytes);
        sums.await();
        double[] result = read(device, address, values.length, bytes);
        device.free(address);
        return result;
    }

    static void write(DeviceRuntime device, long address, double[] values, int bytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment host = arena.allocate(Math.max(1, (long) values.length * bytes), 8);
            for (int i = 0; i < values.length; i++) {
                if (bytes == Float.BYTES) {
                    host.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) values[i]);
                } else {
                    host.setAtIndex(ValueLayout.JAVA_DOUBLE, i, values[i]);
                }
            }
            device.upload(address, host, (long) values.length * bytes);
            device.synchronize();
        }
    }

    static double[] read(DeviceRuntime device, long address, int length, int bytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment host = arena.allocate(Math.max(1, (long) length * bytes), 8);
            device.download(host, address, (long) length * bytes);
            double[] values = new double[length];
            Arrays.setAll(
                    values,
                    i -> bytes == Float.BYTES
                            ? host.getAtIndex(ValueLayout.JAVA_FLOAT, i)
                            : host.getAtIndex(ValueLayout.JAVA_DOUBLE, i));
            return values;
        }
    }

    private static double[] values(int rank, int length) {
        return new SplittableRandom(rank).doubles(length, -1, 1).toArray();
    }

    private static double[] stored(double[] values, int bytes) {
        return bytes == Float.BYTES
                ? Arrays.stream(values).map(value -> (float) value).toArray()
                : values;
    }

    private static byte[] bits(double[] values) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length * Double.BYTES);
        bytes.asDoubleBuffer().put(values);
        return bytes.array();
    }
}
