package org.iolaus.cuda;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.LongFunction;
import org.iolaus.Tool;

/// An emulated device with arrays of one number format, for tests.
public final class Emulated implements AutoCloseable {
    static final double EPSILON_FLOAT = 0x1p-23;

    final EmulatedRuntime device;
    final int bytes;
    final Arena arena = Arena.ofShared();
    final Kernels kernels;

    Emulated(int bytes) {
        this.device = runtime();
        this.bytes = bytes;
        this.kernels = new Kernels(device, bytes);
    }

    /// A runtime, if there is a compiler for it ([Tool#CXX]).
    public static EmulatedRuntime runtime() {
        try {
            return new EmulatedRuntime();
        } catch (DeviceException e) {
            return Tool.CXX.missing(e.getMessage());
        }
    }

    long numbers(double... values) {
        long address = empty(values.length);
        MemorySegment staged = arena.allocate(Math.max(8L, (long) values.length * bytes), 8);
        for (int i = 0; i < values.length; i++) {
            if (bytes == 8) {
                staged.setAtIndex(ValueLayout.JAVA_DOUBLE, i, values[i]);
            } else {
                staged.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) values[i]);
            }
        }
        device.upload(address, staged, (long) values.length * bytes);
        return address;
    }

    /// bfloat16; the values become what is stored.
    long bf16(double... values) {
        short[] bits = new short[values.length];
        for (int i = 0; i < values.length; i++) {
            int all = Float.floatToRawIntBits((float) values[i]);
            bits[i] = (short) (all + 0x7FFF + (all >> 16 & 1) >> 16);
            values[i] = Float.intBitsToFloat(bits[i] << 16);
        }
        long address = device.allocate(2L * values.length);
        device.upload(address, arena.allocateFrom(ValueLayout.JAVA_SHORT, bits), 2L * values.length);
        return address;
    }

    long indices(int... values) {
        long address = device.allocate(4L * values.length);
        device.upload(address, arena.allocateFrom(ValueLayout.JAVA_INT, values), 4L * values.length);
        return address;
    }

    long doubles(double... values) {
        long address = device.allocate(8L * values.length);
        device.upload(address, arena.allocateFrom(ValueLayout.JAVA_DOUBLE, values), 8L * values.length);
        return address;
    }

    long longs(long... values) {
        long address = device.allocate(8L * values.length);
        device.upload(address, arena.allocateFrom(ValueLayout.JAVA_LONG, values), 8L * values.length);
        return address;
    }

    long bytes(byte... values) {
        long address = device.allocate(values.length);
        device.upload(address, arena.allocateFrom(ValueLayout.JAVA_BYTE, values), values.length);
        return address;
    }

    /// Memory that nothing has been written to.
    long empty(long n) {
        return device.allocate(n * bytes);
    }

    double[] read(long address, int n) {
        return read(address, n, bytes);
    }

    double[] read(long address, int n, int width) {
        MemorySegment staged = arena.allocate(Math.max(8L, (long) n * width), 8);
        device.download(staged, address, (long) n * width);
        double[] values = new double[n];
        for (int i = 0; i < n; i++) {
            values[i] = switch (width) {
                case 8 -> staged.getAtIndex(ValueLayout.JAVA_DOUBLE, i);
                case 4 -> staged.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                default -> Float.intBitsToFloat(staged.getAtIndex(ValueLayout.JAVA_SHORT, i) << 16);
            };
        }
        return values;
    }

    /// Starts launches that write `n` numbers, twice into fresh memory, and gives the result, which is bit-equal.
    double[] twice(int n, LongFunction<List<Work>> launches) {
        return twice(n, bytes, launches);
    }

    /// The same for numbers of some width.
    double[] twice(int n, int width, LongFunction<List<Work>> launches) {
        double[][] results = new double[2][];
        for (int run = 0; run < 2; run++) {
            long out = device.allocate((long) n * width);
            launches.apply(out).forEach(device::start);
            device.synchronize();
            results[run] = read(out, n, width);
            device.free(out);
        }
        assertTrue(Arrays.equals(results[0], results[1]), "two runs differ");
        return results[0];
    }

    /// What a value is when it is stored on the device.
    double stored(double value) {
        return bytes == 8 ? value : (float) value;
    }

    double[] random(Random random, int n) {
        double[] values = new double[n];
        for (int i = 0; i < n; i++) {
            values[i] = stored(random.nextDouble() * 3 - 1.5);
        }
        return values;
    }

    /// Every sum is as near to its definition as plain arithmetic is: 1e-12 in double; in float twice the
    /// largest error of adding the terms one by one, in their order and, where results are few, in others.
    ///
    /// @param terms of each sum
    void assertSums(double[] definition, double[][] terms, double[] got, String what) {
        double limit = 0;
        if (bytes == 8) {
            limit = 1e-12
                    * Math.max(1, Arrays.stream(definition).map(Math::abs).max().orElse(0));
        } else {
            Random random = new Random(terms.length);
            int orders = terms.length < 300 ? 12 : 1;
            for (int i = 0; i < terms.length; i++) {
                for (int order = 0; order < orders; order++) {
                    limit = Math.max(
                            limit, 2 * Math.abs(plainSum(terms[i], order == 0 ? null : random) - definition[i]));
                }
            }
        }
        for (int i = 0; i < definition.length; i++) {
            double difference = Math.abs(got[i] - definition[i]);
            assertTrue(
                    difference <= limit,
                    what + ", element " + i + ": want " + definition[i] + " within " + limit + ", got " + got[i]);
        }
    }

    /// Every sum of products of three is within the bound of plain arithmetic in any order: with n terms, `n +
    /// 2` roundings of half a unit in the last place of the sum of sizes.
    void assertProducts(double[] definition, double[][] terms, double[] got, String what) {
        double unit = (bytes == 8 ? 0x1p-52 : EPSILON_FLOAT) / 2;
        for (int i = 0; i < definition.length; i++) {
            double limit = (terms[i].length + 2)
                    * unit
                    * Arrays.stream(terms[i]).map(Math::abs).sum();
            double difference = Math.abs(got[i] - definition[i]);
            assertTrue(
                    difference <= limit,
                    what + ", element " + i + ": want " + definition[i] + " within " + limit + ", got " + got[i]);
        }
    }

    private static float plainSum(double[] terms, Random random) {
        double[] ordered = terms;
        if (random != null) {
            ordered = terms.clone();
            for (int k = ordered.length - 1; k > 0; k--) {
                int other = random.nextInt(k + 1);
                double swapped = ordered[k];
                ordered[k] = ordered[other];
                ordered[other] = swapped;
            }
        }
        float sum = 0;
        for (double term : ordered) {
            sum += (float) term;
        }
        return sum;
    }

    @Override
    public void close() {
        device.close();
        arena.close();
    }
}
