package org.iolaus.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.iolaus.comm.Comm;
import org.iolaus.comm.CommException;
import org.iolaus.comm.DeviceComm;
import org.iolaus.cuda.DeviceRuntime;
import org.iolaus.cuda.Work;
import org.iolaus.run.EngineFactory;
import org.iolaus.train.Training;
import org.iolaus.train.report.JsonLine;

/// Times sums over all ranks: of the host's arrays (double), and of a device's (float) through MPI and NCCL.
public final class CommMeasurement {
    private static final int LEAST_REPEATS = 5;
    private static final int MOST_REPEATS = 1000;
    private static final long TOGETHER_BELOW = 1 << 20;

    private final Comm comm;
    private final Plan plan;
    private final String command;
    private final Consumer<JsonLine> out;

    /// What to measure.
    ///
    /// @param kinds ways of device arrays; empty: MPI and, with CUDA, NCCL if it is there
    /// @param sizes of the arrays, bytes, multiples of 8
    /// @param seconds for each size, about
    /// @param shareGpu whether ranks may use one GPU together
    public record Plan(
            Training.Device device, List<DeviceComm.Kind> kinds, List<Long> sizes, double seconds, boolean shareGpu) {}

    /// @param command what the user typed
    /// @param out receives the results on rank zero
    public CommMeasurement(Comm comm, Plan plan, String command, Consumer<JsonLine> out) {
        this.comm = comm;
        this.plan = plan;
        this.command = command;
        this.out = out;
    }

    /// One way to sum, for one array.
    private interface Sum {
        /// Starts `count` sums one after another and waits for them.
        void run(int count);
    }

    /// A collective.
    public void run() {
        hostArrays();
        boolean cuda = plan.device == Training.Device.CUDA;
        if (plan.device == Training.Device.CPU) {
            return;
        }
        List<DeviceComm.Kind> kinds = !plan.kinds.isEmpty()
                ? plan.kinds
                : cuda ? List.of(DeviceComm.Kind.MPI, DeviceComm.Kind.NCCL) : List.of(DeviceComm.Kind.MPI);
        try (DeviceRuntime runtime = EngineFactory.device(comm, cuda, plan.shareGpu)) {
            kinds.forEach(kind -> deviceArrays(runtime, kind));
        }
    }

    private void hostArrays() {
        for (long bytes : plan.sizes) {
            double[] values = new double[Math.toIntExact(bytes / Double.BYTES)];
            Arrays.fill(values, 1);
            comm.sum(values);
            check(values[0], values[values.length - 1]);
            Arrays.fill(values, 0);
            time("host arrays", BenchLine.host(1), "double", bytes, count -> {
                for (int i = 0; i < count; i++) {
                    comm.sum(values);
                }
            });
        }
    }

    private void deviceArrays(DeviceRuntime runtime, DeviceComm.Kind kind) {
        DeviceComm opened;
        try {
            opened = DeviceComm.open(kind, comm, runtime);
        } catch (CommException e) {
            if (plan.kinds.contains(kind)) {
                throw e;
            }
            print(line(kind.toString(), runtime.name()).put("skipped", String.valueOf(e.getMessage())));
            return;
        }
        try (DeviceComm sums = opened) {
            for (long bytes : plan.sizes) {
                long address = runtime.allocate(bytes);
                checkSum(runtime, sums, address, bytes);
                runtime.fill(address, 0, bytes);
                time(sums.name(), runtime.name(), "float", bytes, count -> {
                    for (int i = 0; i < count; i++) {
                        sums.sum(address, bytes / Float.BYTES, Float.BYTES);
                    }
                    sums.await();
                });
                if (kind == DeviceComm.Kind.NCCL) {
                    recorded(runtime, sums, address, bytes);
                }
                runtime.free(address);
            }
        }
    }

    /// The same as part of a graph, as training has it.
    private void recorded(DeviceRuntime runtime, DeviceComm sums, long address, long bytes) {
        Work sum = new Work.Sum(sums, address, bytes / Float.BYTES, Float.BYTES);
        List<Work> all = Collections.nCopies(together(bytes), sum);
        List<List<Integer>> after = IntStream.range(0, all.size())
                .mapToObj(i -> i == 0 ? List.<Integer>of() : List.of(i - 1))
                .toList();
        DeviceRuntime.Graph graph = runtime.graph(all, after);
        try (graph) {
            time(sums.name() + ", recorded", runtime.name(), "float", bytes, count -> {
                graph.launch();
                sums.await();
            });
        }
    }

    private static int together(long bytes) {
        return bytes < TOGETHER_BELOW ? 10 : 1;
    }

    private void checkSum(DeviceRuntime runtime, DeviceComm sums, long address, long bytes) {
        MemorySegment number = runtime.allocateHost(Float.BYTES);
        number.set(ValueLayout.JAVA_FLOAT, 0, 1);
        runtime.fill(address, 0, bytes);
        runtime.upload(address + bytes - Float.BYTES, number, Float.BYTES);
        sums.sum(address, bytes / Float.BYTES, Float.BYTES);
        sums.await();
        runtime.download(number, address + bytes - Float.BYTES, Float.BYTES);
        double last = number.get(ValueLayout.JAVA_FLOAT, 0);
        check(last, last);
    }

    private void check(double first, double last) {
        if (first != comm.size() || last != comm.size()) {
            throw new CommException("sum of ones over %d ranks: want %d, got %s and %s"
                    .formatted(comm.size(), comm.size(), first, last));
        }
    }

    private void time(String way, String deviceName, String number, long bytes, Sum sum) {
        int together = together(bytes);
        once(sum, together);
        double guess = once(sum, together) * together * 1e-6;
        int repeats = Math.clamp((long) (plan.seconds / guess), LEAST_REPEATS, MOST_REPEATS);
        double[] microseconds = new double[repeats];
        Arrays.setAll(microseconds, repeat -> once(sum, together));
        BenchLine.Spread spread = BenchLine.Spread.of(microseconds);
        double rate = bytes / spread.median() * 1e-3;
        JsonLine line = line(way, deviceName)
                .put("number", number)
                .put("bytes", bytes)
                .put("repeats", repeats)
                .put("together", together);
        spread.addTo(line, "us")
                .put("gb_per_s", BenchLine.rounded(rate))
                .put("bus_gb_per_s", BenchLine.rounded(rate * 2 * (comm.size() - 1) / comm.size()));
        print(line);
    }

    /// Microseconds of one sum on the slowest rank, the same number on every rank.
    private double once(Sum sum, int together) {
        comm.barrier();
        long begin = System.nanoTime();
        sum.run(together);
        return Math.max(1, comm.max(System.nanoTime() - begin)) * 1e-3 / together;
    }

    private JsonLine line(String way, String deviceName) {
        return BenchLine.begin("comm", command, deviceName).put("way", way).put("ranks", comm.size());
    }

    private void print(JsonLine line) {
        if (comm.isRoot()) {
            out.accept(line);
        }
    }
}
