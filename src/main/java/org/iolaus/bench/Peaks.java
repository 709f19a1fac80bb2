package org.iolaus.bench;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.IntStream;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.cuda.DeviceRuntime;
import org.iolaus.cuda.GemmFormat;
import org.iolaus.cuda.Work;
import org.iolaus.ir.Cost;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.lower.Precision;
import org.iolaus.lower.Schedule;
import org.iolaus.op.Expr;
import org.iolaus.op.MatMul;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.Sizes;

/// The roof of the roofline model (Williams, Waterman and Patterson 2009), as measured: a large matrix product and a
/// large copy.
///
/// @param flops per second
/// @param bytes read and written per second
record Peaks(double flops, double bytes) {
    private static final int REPEATS = 5;

    /// Below this a time says little.
    private static final double ENOUGH_SECONDS = 5e-3;

    private static final int LARGEST_MATRIX = 8192;
    private static final long LARGEST_COPY = 1L << 30;

    /// Seconds of the least time in which one cost can be had.
    double seconds(Cost cost, int bytesPerElement) {
        return Math.max(cost.flops() / flops, (double) bytesPerElement * cost.elements() / bytes);
    }

    /// Seconds of the least time for all steps of a schedule, one after another.
    double seconds(Schedule schedule, Sizes sizes, int bytesPerElement) {
        return schedule.steps().stream()
                .mapToDouble(step -> seconds(schedule.cost(step, sizes), bytesPerElement))
                .sum();
    }

    /// What can be timed in growing sizes.
    private interface Trial {
        /// Seconds of one run.
        double run();
    }

    private static double best(Trial trial) {
        return IntStream.range(0, REPEATS).mapToDouble(_ -> trial.run()).min().orElseThrow();
    }

    /// Of a device.
    static Peaks of(DeviceRuntime device, Precision precision) {
        double flops = 0;
        long room = device.freeBytes() / 4;
        for (int n = 64; n <= LARGEST_MATRIX && 3L * n * n * precision.bytes() <= room; n *= 2) {
            double seconds = product(device, precision, n);
            flops = 2.0 * n * n * n / seconds;
            if (seconds > ENOUGH_SECONDS) {
                break;
            }
        }
        double bytes = 0;
        for (long size = 1 << 20; size <= LARGEST_COPY && 2 * size <= room; size *= 2) {
            double seconds = copy(device, size);
            bytes = 2.0 * size / seconds;
            if (seconds > ENOUGH_SECONDS) {
                break;
            }
        }
        return new Peaks(flops, bytes);
    }

    private static double product(DeviceRuntime device, Precision precision, int n) {
        long size = (long) n * n * precision.bytes();
        long memory = device.allocate(3 * size);
        device.fill(memory, 0, 3 * size);
        Work product = new Work.Gemm(GemmFormat.ofLarge(precision), n, n, n, memory, memory + size, memory + 2 * size);
        double seconds = best(() -> timed(device, product));
        device.free(memory);
        return seconds;
    }

    private static double copy(DeviceRuntime device, long size) {
        long memory = device.allocate(2 * size);
        device.fill(memory, 0, 2 * size);
        double seconds = best(() -> timed(device, new Work.Copy(memory + size, memory, size)));
        device.free(memory);
        return seconds;
    }

    private static double timed(DeviceRuntime device, Work work) {
        DeviceRuntime.Event begin = device.record();
        device.start(work);
        return 1e-3 * device.record().millisecondsSince(begin);
    }

    /// Of this program on the host: its own matrix product in float64, and copies of arrays, on some threads.
    static Peaks host(int threads) {
        int n = 768;
        Node a = Expr.input("a", Shape.of(Dim.of(n), n));
        Node b = Expr.input("b", Shape.of(Dim.of(n), n));
        Program program = Program.of(Map.of("c", Node.of(new MatMul(false, false), java.util.List.of(a, b))));
        double[] ones = new double[n * n];
        Arrays.fill(ones, 1);
        HostTensor matrix = new HostTensor(new int[] {n, n}, ones);
        double product;
        try (CpuExecutor executor = new CpuExecutor(program, new CpuExecutor.Options(threads, null))) {
            product = best(() -> seconds(() ->
                    executor.run(Map.of("a", matrix, "b", matrix), Map.of(), _ -> new HostView(matrix), (_, _) -> {})));
        }
        long each = (256L << 20) / threads;
        MemorySegment[] from = new MemorySegment[threads];
        Arrays.setAll(from, _ -> MemorySegment.ofArray(new byte[(int) each]));
        MemorySegment[] to = new MemorySegment[threads];
        Arrays.setAll(to, _ -> MemorySegment.ofArray(new byte[(int) each]));
        double copy = best(() -> seconds(() ->
                IntStream.range(0, threads).parallel().forEach(t -> MemorySegment.copy(from[t], 0, to[t], 0, each))));
        return new Peaks(2.0 * n * n * n / product, 2.0 * each * threads / copy);
    }

    private static double seconds(Runnable work) {
        long begin = System.nanoTime();
        work.run();
        return (System.nanoTime() - begin) * 1e-9;
    }
}
