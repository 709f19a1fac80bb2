package org.iolaus.app;

import java.io.PrintWriter;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.iolaus.bench.BenchLine;
import org.iolaus.comm.Comm;
import org.iolaus.comm.CommException;
import org.iolaus.comm.DeviceComm;
import org.iolaus.cuda.DeviceRuntime;
import org.iolaus.cuda.Work;
import org.iolaus.run.EngineFactory;
import org.iolaus.train.report.JsonLine;
import org.iolaus.verify.Devices;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/// `iolaus bench comm`: what sums over ranks cost.
@Command(
        name = "comm",
        description = {
            "Time sums over all ranks: of the host's arrays (double), and of a device's (float) through MPI and NCCL.",
            "us: microseconds of one sum on the slowest rank; small ones are started 'together' one after another.",
            "bus_gb_per_s: bytes / time * 2 (ranks - 1) / ranks, to be compared with the speed of the slowest link."
        })
final class BenchComm implements OnRanks {
    private static final int LEAST_REPEATS = 5;
    private static final int MOST_REPEATS = 1000;
    private static final long TOGETHER_BELOW = 1 << 20;

    @Option(names = "--device", description = "Of the arrays: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    private Devices.Device device = Devices.Device.CPU;

    @Option(
            names = "--comm",
            split = ",",
            paramLabel = "KIND",
            description = "Ways of device arrays: ${COMPLETION-CANDIDATES} (default: mpi and, with CUDA, nccl).")
    private List<DeviceComm.Kind> kinds = List.of();

    @Option(
            names = "--sizes",
            split = ",",
            paramLabel = "SIZE",
            converter = Size.class,
            description = "Of the arrays, as in 8,64KiB,4MiB (default: 8 bytes to 256 MiB).")
    private List<Long> sizes =
            List.of(8L, 256L, 4096L, 65536L, 262144L, 1L << 20, 4L << 20, 16L << 20, 64L << 20, 256L << 20);

    @Option(names = "--seconds", description = "For each size, about (default: ${DEFAULT-VALUE}).")
    private double seconds = 0.5;

    @Option(names = "--share-gpu", description = "Ranks may use one GPU together.")
    private boolean share;

    @Spec
    private @Nullable CommandSpec spec;

    /// A number of bytes; a multiple of 8.
    static final class Size implements ITypeConverter<Long> {
        @Override
        public Long convert(String text) {
            int unit = text.endsWith("KiB") ? 10 : text.endsWith("MiB") ? 20 : text.endsWith("GiB") ? 30 : 0;
            String number =
                    unit == 0 ? text : text.substring(0, text.length() - 3).strip();
            if (!number.matches("[0-9]{1,10}") || Long.parseLong(number) << unit == 0) {
                throw new TypeConversionException("want bytes, KiB, MiB or GiB, as in 64KiB, got '" + text + "'");
            }
            return ((Long.parseLong(number) << unit) + 7) & -8L;
        }
    }

    /// One way to sum, for one array.
    private interface Sum {
        /// Starts `count` sums one after another and waits for them.
        void run(int count);
    }

    @Override
    public int run(Comm comm) {
        comm.startupDone();
        hostArrays(comm);
        if (device != Devices.Device.CPU) {
            List<DeviceComm.Kind> wanted = !kinds.isEmpty()
                    ? kinds
                    : device == Devices.Device.CUDA
                            ? List.of(DeviceComm.Kind.MPI, DeviceComm.Kind.NCCL)
                            : List.of(DeviceComm.Kind.MPI);
            try (DeviceRuntime runtime = EngineFactory.device(comm, device == Devices.Device.CUDA, share)) {
                wanted.forEach(kind -> deviceArrays(comm, runtime, kind));
            }
        }
        return 0;
    }

    private void hostArrays(Comm comm) {
        for (long bytes : sizes) {
            double[] values = new double[Math.toIntExact(bytes / Double.BYTES)];
            Arrays.fill(values, 1);
            comm.sum(values);
            check(values[0], values[values.length - 1], comm);
            Arrays.fill(values, 0);
            time(comm, "host arrays", BenchLine.host(1), "double", bytes, count -> {
                for (int i = 0; i < count; i++) {
                    comm.sum(values);
                }
            });
        }
    }

    private void deviceArrays(Comm comm, DeviceRuntime runtime, DeviceComm.Kind kind) {
        DeviceComm opened;
        try {
            opened = DeviceComm.open(kind, comm, runtime);
        } catch (CommException e) {
            if (kinds.contains(kind)) {
                throw e;
            }
            print(comm, line(comm, kind.toString(), runtime.name()).put("skipped", String.valueOf(e.getMessage())));
            return;
        }
        try (DeviceComm sums = opened) {
            for (long bytes : sizes) {
                long address = runtime.allocate(bytes);
                checkSum(comm, runtime, sums, address, bytes);
                runtime.fill(address, 0, bytes);
                time(comm, sums.name(), runtime.name(), "float", bytes, count -> {
                    for (int i = 0; i < count; i++) {
                        sums.sum(address, bytes / Float.BYTES, Float.BYTES);
                    }
                    sums.await();
                });
                if (kind == DeviceComm.Kind.NCCL) {
                    recorded(comm, runtime, sums, address, bytes);
                }
                runtime.free(address);
            }
        }
    }

    /// The same as part of a graph, as training has it.
    private void recorded(Comm comm, DeviceRuntime runtime, DeviceComm sums, long address, long bytes) {
        Work sum = new Work.Sum(sums, address, bytes / Float.BYTES, Float.BYTES);
        List<Work> all = Collections.nCopies(together(bytes), sum);
        List<List<Integer>> after = IntStream.range(0, all.size())
                .mapToObj(i -> i == 0 ? List.<Integer>of() : List.of(i - 1))
                .toList();
        DeviceRuntime.Graph graph = runtime.graph(all, after);
        try (graph) {
            time(comm, sums.name() + ", recorded", runtime.name(), "float", bytes, count -> {
                graph.launch();
                sums.await();
            });
        }
    }

    private static int together(long bytes) {
        return bytes < TOGETHER_BELOW ? 10 : 1;
    }

    private static void checkSum(Comm comm, DeviceRuntime runtime, DeviceComm sums, long address, long bytes) {
        MemorySegment number = runtime.allocateHost(Float.BYTES);
        number.set(ValueLayout.JAVA_FLOAT, 0, 1);
        runtime.fill(address, 0, bytes);
        runtime.upload(address + bytes - Float.BYTES, number, Float.BYTES);
        sums.sum(address, bytes / Float.BYTES, Float.BYTES);
        sums.await();
        runtime.download(number, address + bytes - Float.BYTES, Float.BYTES);
        double last = number.get(ValueLayout.JAVA_FLOAT, 0);
        check(last, last, comm);
    }

    private static void check(double first, double last, Comm comm) {
        if (first != comm.size() || last != comm.size()) {
            throw new CommException("sum of ones over %d ranks: want %d, got %s and %s"
                    .formatted(comm.size(), comm.size(), first, last));
        }
    }

    private void time(Comm comm, String way, String deviceName, String number, long bytes, Sum sum) {
        int together = together(bytes);
        once(comm, sum, together);
        double guess = once(comm, sum, together) * together * 1e-6;
        int repeats = Math.clamp((long) (seconds / guess), LEAST_REPEATS, MOST_REPEATS);
        double[] microseconds = new double[repeats];
        Arrays.setAll(microseconds, repeat -> once(comm, sum, together));
        BenchLine.Spread spread = BenchLine.Spread.of(microseconds);
        double rate = bytes / spread.median() * 1e-3;
        JsonLine line = line(comm, way, deviceName)
                .put("number", number)
                .put("bytes", bytes)
                .put("repeats", repeats)
                .put("together", together);
        spread.addTo(line, "us")
                .put("gb_per_s", BenchLine.rounded(rate))
                .put("bus_gb_per_s", BenchLine.rounded(rate * 2 * (comm.size() - 1) / comm.size()));
        print(comm, line);
    }

    /// Microseconds of one sum on the slowest rank, the same number on every rank.
    private static double once(Comm comm, Sum sum, int together) {
        comm.barrier();
        long begin = System.nanoTime();
        sum.run(together);
        return Math.max(1, comm.max(System.nanoTime() - begin)) * 1e-3 / together;
    }

    private JsonLine line(Comm comm, String way, String deviceName) {
        return BenchLine.begin("comm", Bench.commandLine(spec), deviceName)
                .put("way", way)
                .put("ranks", comm.size());
    }

    private void print(Comm comm, JsonLine line) {
        if (comm.isRoot()) {
            PrintWriter out = Objects.requireNonNull(spec).commandLine().getOut();
            out.println(line);
        }
    }
}
