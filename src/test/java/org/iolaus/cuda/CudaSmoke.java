package org.iolaus.cuda;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import org.iolaus.cuda.DeviceRuntime.Event;
import org.iolaus.cuda.DeviceRuntime.Graph;
import org.iolaus.cuda.DeviceRuntime.Kernel;
import org.iolaus.cuda.DeviceRuntime.Module;
import org.iolaus.lower.Precision;
import org.iolaus.op.MatMul;

/// Tries all that [CudaRuntime] does on a real GPU, one line per check: correctness first, then what things cost.
///
/// From a bundle (`jobs/bundle.sh`): `IOLAUS_CLASS_PATH=iolaus-tests.jar IOLAUS_MAIN=org.iolaus.cuda.CudaSmoke iolaus`.
/// The exit status is the number of failed checks.
public final class CudaSmoke {
    static final String SOURCE = """
            struct axpy_f64_args { const double* x; double* y; double factor; long long n; };
            extern "C" __global__ void axpy_f64(axpy_f64_args args) {
                const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
                if (i < args.n) args.y[i] += args.factor * args.x[i];
            }
            struct axpy_f32_args { const float* x; float* y; double factor; long long n; };
            extern "C" __global__ void axpy_f32(axpy_f32_args args) {
                const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
                if (i < args.n) args.y[i] += (float)args.factor * args.x[i];
            }
            struct grid_f64_args { double* y; long long columns; };
            extern "C" __global__ void grid_f64(grid_f64_args args) {
                if (threadIdx.x == 0) args.y[blockIdx.y * args.columns + blockIdx.x] = 1000.0 * blockIdx.y + blockIdx.x;
            }
            struct reverse_f64_args { double* y; long long n; };
            extern "C" __global__ void reverse_f64(reverse_f64_args args) {
                extern __shared__ double held[];
                for (long long i = threadIdx.x; i < args.n; i += blockDim.x) held[i] = args.y[i];
                __syncthreads();
                for (long long i = threadIdx.x; i < args.n; i += blockDim.x) args.y[i] = held[args.n - 1 - i];
            }
            struct empty_args { long long unused; };
            extern "C" __global__ void empty(empty_args args) { }
            """;

    interface Check {
        /// What was seen; throws when it is wrong.
        String run(CudaRuntime gpu) throws Exception;
    }

    private CudaSmoke() {}

    static Map<String, Check> correctness() {
        Map<String, Check> checks = new LinkedHashMap<>();
        checks.put("device", CudaSmoke::device);
        checks.put("copies", CudaSmoke::copies);
        checks.put("kernels by NVRTC", CudaSmoke::kernels);
        checks.put("arguments on the heap, second grid dimension", CudaSmoke::grid);
        checks.put("100 KiB of shared memory", CudaSmoke::sharedMemory);
        checks.put("errors in source and names", CudaSmoke::errors);
        checks.put("gemm", CudaSmoke::gemm);
        checks.put("products of split factors", CudaSmoke::splitProducts);
        checks.put("graph of kernels", CudaSmoke::graph);
        checks.put("graph of products", CudaSmoke::graphOfProducts);
        checks.put("a failed capture leaves the stream usable", CudaSmoke::failedCapture);
        checks.put("events", CudaSmoke::events);
        checks.put("memory", CudaSmoke::memory);
        checks.put("another thread", CudaSmoke::anotherThread);
        checks.put("one rank per GPU", CudaSmoke::claimed);
        checks.put("kernels of the program", CudaSmoke::builtin);
        return checks;
    }

    public static void main(String[] arguments) {
        int failures = 0;
        try (CudaRuntime gpu = CudaRuntime.open(0, 1, false)) {
            Map<String, Check> checks = correctness();
            checks.putAll(CudaCosts.all());
            for (Map.Entry<String, Check> check : checks.entrySet()) {
                long start = System.nanoTime();
                String seen;
                boolean good = true;
                try {
                    seen = check.getValue().run(gpu);
                } catch (Exception | AssertionError | LinkageError e) {
                    good = false;
                    failures++;
                    StackTraceElement[] stack = e.getStackTrace();
                    seen = e + (stack.length > 0 ? " at " + stack[0] : "");
                }
                System.out.printf(
                        Locale.ROOT,
                        "%s %s: %s [%.0f ms]%n",
                        good ? "ok  " : "FAIL",
                        check.getKey(),
                        seen,
                        1e-6 * (System.nanoTime() - start));
            }
        }
        System.out.println(failures == 0 ? "all good" : failures + " failed");
        System.exit(failures);
    }

    private static String device(CudaRuntime gpu) {
        want(gpu.name().length() > 3 && gpu.uuid().length() == 32, gpu.name() + " " + gpu.uuid());
        want(gpu.freeBytes() > 0 && gpu.freeBytes() <= gpu.totalBytes(), "free memory " + gpu.freeBytes());
        return gpu.name() + ", " + gpu.versions() + ", " + (gpu.totalBytes() >> 20) + " MiB, free "
                + (gpu.freeBytes() >> 20) + ", uuid " + gpu.uuid();
    }

    private static String copies(CudaRuntime gpu) {
        int n = 100_003;
        byte[] bytes = new byte[n];
        new SplittableRandom(1).nextBytes(bytes);
        long a = gpu.allocate(n);
        long b = gpu.allocate(n);
        want(a % 256 == 0 && b % 256 == 0, "alignment");
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment pinned = gpu.allocateHost(n);
            MemorySegment[] hosts = {MemorySegment.ofArray(new byte[n]), arena.allocate(n), pinned};
            for (MemorySegment from : hosts) {
                for (MemorySegment to : hosts) {
                    gpu.fill(a, 0x5a, n);
                    gpu.fill(b, 0, n);
                    from.copyFrom(MemorySegment.ofArray(bytes));
                    gpu.upload(a, from, n - 1);
                    gpu.copy(b, a, n);
                    gpu.synchronize();
                    to.fill((byte) 1);
                    gpu.download(to, b, n);
                    want(
                            to.asSlice(0, n - 1)
                                            .mismatch(
                                                    MemorySegment.ofArray(bytes).asSlice(0, n - 1))
                                    == -1,
                            "content");
                    want(to.get(JAVA_BYTE, n - 1) == 0x5a, "one byte too many");
                }
            }
        }
        gpu.free(a);
        gpu.free(b);
        return "pinned, native and heap memory, each to each";
    }

    private static String kernels(CudaRuntime gpu) {
        long start = System.nanoTime();
        Module module = gpu.compile("smoke", SOURCE);
        double first = 1e-6 * (System.nanoTime() - start);
        start = System.nanoTime();
        gpu.compile("smoke", SOURCE);
        double second = 1e-6 * (System.nanoTime() - start);
        try (Arena arena = Arena.ofConfined()) {
            int n = 1001;
            MemorySegment x = arena.allocate(JAVA_DOUBLE, n);
            MemorySegment xs = arena.allocate(JAVA_FLOAT, n);
            for (int i = 0; i < n; i++) {
                x.setAtIndex(JAVA_DOUBLE, i, i);
                xs.setAtIndex(JAVA_FLOAT, i, i);
            }
            long a = gpu.allocate(8L * n);
            long b = gpu.allocate(8L * n);
            gpu.fill(b, 0, 8L * n);
            gpu.upload(a, x, 8L * n);
            MemorySegment bytes = struct(arena, a, b, 2.5, (long) n);
            launch(gpu, module.kernel("axpy_f64"), 8, 1, 128, 0, bytes);
            bytes.fill((byte) -1); // the launch has copied it
            gpu.download(x, b, 8L * n);
            for (int i = 0; i < n; i++) {
                want(x.getAtIndex(JAVA_DOUBLE, i) == 2.5 * i, "axpy_f64 at " + i);
            }
            gpu.fill(b, 0, 4L * n);
            gpu.upload(a, xs, 4L * n);
            launch(gpu, module.kernel("axpy_f32"), 8, 1, 128, 0, struct(arena, a, b, 2.5, (long) n));
            gpu.download(xs, b, 4L * n);
            for (int i = 0; i < n; i++) {
                want(xs.getAtIndex(JAVA_FLOAT, i) == 2.5f * i, "axpy_f32 at " + i);
            }
            gpu.free(a);
            gpu.free(b);
        }
        return text("compiled or found in %.0f ms, then found in %.1f ms", first, second);
    }

    private static String grid(CudaRuntime gpu) {
        int rows = 7;
        int columns = 5;
        long y = gpu.allocate(8L * rows * columns);
        MemorySegment heap = MemorySegment.ofArray(new long[] {y, columns});
        launch(gpu, gpu.compile("smoke", SOURCE).kernel("grid_f64"), columns, rows, 64, 0, heap);
        MemorySegment seen = MemorySegment.ofArray(new double[rows * columns]);
        gpu.download(seen, y, 8L * rows * columns);
        for (int i = 0; i < rows * columns; i++) {
            want(seen.getAtIndex(JAVA_DOUBLE, i) == 1000.0 * (i / columns) + i % columns, "at " + i);
        }
        gpu.free(y);
        return columns + " x " + rows + " blocks";
    }

    private static String sharedMemory(CudaRuntime gpu) {
        int n = 12800;
        double[] values = new double[n];
        for (int i = 0; i < n; i++) {
            values[i] = i;
        }
        long y = gpu.allocate(8L * n);
        gpu.upload(y, MemorySegment.ofArray(values), 8L * n);
        try (Arena arena = Arena.ofConfined()) {
            launch(gpu, gpu.compile("smoke", SOURCE).kernel("reverse_f64"), 1, 1, 256, 8 * n, struct(arena, y, (long)
                    n));
        }
        gpu.download(MemorySegment.ofArray(values), y, 8L * n);
        for (int i = 0; i < n; i++) {
            want(values[i] == n - 1 - i, "at " + i);
        }
        gpu.free(y);
        return "reversed " + n + " doubles";
    }

    private static String errors(CudaRuntime gpu) {
        String compile = message(() -> gpu.compile("broken", "extern \"C\" __global__ void f() { nonsense; }"));
        want(compile.contains("broken") && compile.contains("nonsense"), compile);
        String missing = message(() -> gpu.compile("smoke", SOURCE).kernel("absent"));
        want(missing.contains("absent"), missing);
        String large = message(() -> gpu.allocate(1L << 60));
        want(large.contains("cuMemAlloc"), large);
        String block = message(() -> launch(
                gpu, gpu.compile("smoke", SOURCE).kernel("empty"), 1, 1, 4096, 0, MemorySegment.ofArray(new long[1])));
        want(block.contains("empty") && block.contains("CUDA_ERROR_INVALID_VALUE"), block);
        gpu.synchronize();
        return large + "; " + block;
    }

    private static String gemm(CudaRuntime gpu) {
        StringBuilder seen = new StringBuilder();
        int[][] sizes = {{1, 1, 1, 1}, {5, 7, 33, 1}, {64, 48, 65, 1}, {3, 129, 31, 4}, {40, 24, 16, 9}, {6, 5, 0, 2}};
        for (GemmFormat format : GemmFormat.values()) {
            double worst = 0;
            for (int[] s : sizes) {
                for (int t = 0; t < 4; t++) {
                    worst = Math.max(worst, gemmError(gpu, format, (t & 1) != 0, (t & 2) != 0, s[0], s[1], s[2], s[3]));
                }
            }
            double allowed = switch (format) {
                case FP64 -> 65 * 0x1p-52;
                case FP32 -> 65 * 0x1p-23;
                case TF32, TF32_ADDED -> 0x1p-9;
                case BF16 -> 0x1p-8;
                case BF16_FP32 -> 65 * 0x1p-23;
            };
            want(worst <= allowed, format + ": error " + worst + " of sum |a||b|, allowed " + allowed);
            seen.append(text("%s %.1e ", format, worst));
        }
        return seen + "(largest error over sum |a||b|)";
    }

    /// Tensor cores round sums towards zero: what that comes to where they are long, and nothing cancels.
    private static String splitProducts(CudaRuntime gpu) {
        StringBuilder seen = new StringBuilder();
        for (boolean positive : new boolean[] {false, true}) {
            for (int t = 0; t < 4; t++) {
                MatMul op = new MatMul((t & 1) != 0, (t & 2) != 0);
                boolean byRows = op.transposeA() && !op.transposeB();
                Tf32x3Products.Size size = new Tf32x3Products.Size(768, 512, byRows ? 24_576 : 3072, 1);
                double split = Tf32x3Products.error(gpu, Precision.TF32X3, op, size, positive);
                double floats = Tf32x3Products.error(gpu, Precision.FP32, op, size, positive);
                want(split <= 1, op + (positive ? ", positive" : "") + ": error " + split + " of what floats may have");
                seen.append(text("%.3f (%.3f) ", split, floats));
            }
        }
        return seen + "(largest error over 8 u sqrt(k) of the largest result; in brackets that of FP32)";
    }

    /// Largest error, each in units of the sum of absolute products.
    private static double gemmError(
            CudaRuntime gpu,
            GemmFormat format,
            boolean transposeA,
            boolean transposeB,
            int m,
            int n,
            int k,
            int batch) {
        boolean wide = format == GemmFormat.FP64;
        SplittableRandom random = new SplittableRandom(31L * m + n);
        double[] a = random.doubles((long) batch * m * k, -1, 1).toArray();
        double[] b = random.doubles((long) batch * k * n, -1, 1).toArray();
        if (!wide) {
            for (double[] values : new double[][] {a, b}) {
                for (int i = 0; i < values.length; i++) {
                    values[i] = format.operandBytes() == 2 ? fromBf16(toBf16(values[i])) : (float) values[i];
                }
            }
        }
        long onA = toDevice(gpu, a, format.operandBytes());
        long onB = toDevice(gpu, b, format.operandBytes());
        double[] c = new double[batch * m * n];
        long onC = gpu.allocate(8L * c.length);
        // NaN: an element that is read or left out shows
        gpu.fill(onC, format == GemmFormat.TF32_ADDED ? 0 : 0xff, 8L * c.length);
        gpu.start(new Work.Gemm(format, m, n, k, onA, onB, onC)
                .transposed(transposeA, transposeB)
                .batched(batch));
        MemorySegment host = MemorySegment.ofArray(new byte[8 * c.length]);
        gpu.download(host, onC, (long) format.resultBytes() * c.length);
        double worst = 0;
        for (int g = 0; g < batch; g++) {
            for (int i = 0; i < m; i++) {
                for (int j = 0; j < n; j++) {
                    double sum = 0;
                    double size = 0;
                    for (int p = 0; p < k; p++) {
                        double x = a[g * m * k + (transposeA ? p * m + i : i * k + p)];
                        double y = b[g * k * n + (transposeB ? j * k + p : p * n + j)];
                        sum += x * y;
                        size += Math.abs(x * y);
                    }
                    int at = (g * m + i) * n + j;
                    double got = switch (format.resultBytes()) {
                        case 8 -> host.get(JAVA_DOUBLE.withByteAlignment(1), 8L * at);
                        case 4 -> host.get(JAVA_FLOAT.withByteAlignment(1), 4L * at);
                        default -> fromBf16(host.get(JAVA_SHORT.withByteAlignment(1), 2L * at));
                    };
                    double error = Math.abs(got - sum) / Math.max(size, 1e-300);
                    want(!Double.isNaN(error), format + " " + m + " " + n + " " + k + " at " + at + ": " + got);
                    worst = Math.max(worst, error);
                }
            }
        }
        gpu.free(onA);
        gpu.free(onB);
        gpu.free(onC);
        return worst;
    }

    private static String graph(CudaRuntime gpu) {
        Module module = gpu.compile("smoke", SOURCE);
        try (Arena arena = Arena.ofConfined()) {
            int n = 1000;
            long x = toDevice(gpu, ones(n), true);
            long y = gpu.allocate(8L * n);
            gpu.fill(y, 0, 8L * n);
            Kernel axpy = module.kernel("axpy_f64");
            List<Work> body = new ArrayList<>();
            for (int i = 1; i <= 3; i++) {
                body.add(new Work.Launch(axpy, 8, 1, 128, 0, struct(arena, x, y, (double) i, (long) n)));
            }
            double[] seen = new double[n];
            try (Graph graph = graph(gpu, body)) {
                gpu.download(MemorySegment.ofArray(seen), y, 8L * n);
                want(seen[n - 1] == 0, "capture has run its body");
                for (int i = 0; i < 1000; i++) {
                    graph.launch();
                }
                gpu.download(MemorySegment.ofArray(seen), y, 8L * n);
            }
            for (int i = 0; i < n; i++) {
                want(seen[i] == 6000, "at " + i + ": " + seen[i]);
            }
            gpu.free(x);
            gpu.free(y);
        }
        return "3 kernels, 1000 times";
    }

    private static String graphOfProducts(CudaRuntime gpu) {
        int n = 96;
        double[] values = new SplittableRandom(5).doubles(16L * n * n, -1, 1).toArray();
        long a = toDevice(gpu, values, false);
        long c = gpu.allocate(4L * values.length);
        double[][] results = new double[2][values.length / 2];
        List<Work> body = List.of(
                new Work.Fill(c, 0xff, 4L * values.length),
                new Work.Gemm(GemmFormat.FP32, n, n, n, a, a, c)
                        .transposed(false, true)
                        .batched(16),
                new Work.Gemm(GemmFormat.FP32, n, n, n, c, a, a + 4L * n * n).transposed(true, false),
                new Work.Copy(c + 4L * n * n, a + 4L * n * n, 4L * n * n));
        body.forEach(gpu::start);
        gpu.download(MemorySegment.ofArray(results[0]), c, 4L * values.length);
        gpu.upload(a, MemorySegment.ofArray(narrow(values)), 4L * values.length);
        try (Graph graph = graph(gpu, body)) {
            graph.launch();
            gpu.download(MemorySegment.ofArray(results[1]), c, 4L * values.length);
        }
        want(
                MemorySegment.ofArray(results[0]).mismatch(MemorySegment.ofArray(results[1])) == -1,
                "bits of eager and replayed products");
        gpu.free(a);
        gpu.free(c);
        return "bit-equal to eager";
    }

    private static String failedCapture(CudaRuntime gpu) {
        Collective synchronizing = new Collective() {
            @Override
            public boolean capturable() {
                return false;
            }

            @Override
            public void sum(long address, long count, int bytesPerNumber) {
                gpu.synchronize();
            }
        };
        Kernel empty = gpu.compile("smoke", SOURCE).kernel("empty");
        Work launch = new Work.Launch(empty, 1, 1, 32, 0, MemorySegment.ofArray(new long[1]));
        String inside = "";
        try {
            graph(gpu, List.of(launch, new Work.Sum(synchronizing, 0, 1, 8))).close();
        } catch (IllegalStateException e) {
            inside = String.valueOf(e.getMessage());
        }
        want(inside.contains("synchronize"), inside);
        gpu.synchronize();
        return inside;
    }

    private static String events(CudaRuntime gpu) {
        long bytes = 1L << 28;
        long a = gpu.allocate(bytes);
        gpu.fill(a, 1, bytes);
        Event start = gpu.record();
        gpu.fill(a, 0, bytes);
        double milliseconds = gpu.record().millisecondsSince(start);
        want(milliseconds > 0.01 && milliseconds < 1000, milliseconds + " ms");
        for (int i = 0; i < 1000; i++) {
            gpu.record();
        }
        gpu.synchronize();
        gpu.free(a);
        return text("filling 256 MiB took %.3f ms, %.0f GB/s", milliseconds, 1e-6 * bytes / milliseconds);
    }

    private static String memory(CudaRuntime gpu) {
        long before = gpu.freeBytes();
        long a = gpu.allocate(1L << 30);
        long taken = before - gpu.freeBytes();
        gpu.free(a);
        want(taken >= 1L << 30, taken + " bytes");
        boolean refused = false;
        try {
            gpu.free(a);
        } catch (IllegalArgumentException e) {
            refused = true;
        }
        want(refused, "freed twice");
        return "1 GiB costs " + taken + " bytes";
    }

    private static String anotherThread(CudaRuntime gpu) throws InterruptedException {
        long a = gpu.allocate(8);
        double[] seen = {0};
        Thread thread = new Thread(() -> {
            gpu.upload(a, MemorySegment.ofArray(new double[] {4}), 8);
            gpu.download(MemorySegment.ofArray(seen), a, 8);
        });
        thread.start();
        thread.join();
        want(seen[0] == 4, "seen " + seen[0]);
        gpu.free(a);
        return "may use it too";
    }

    private static String claimed(CudaRuntime gpu) {
        String message = message(() -> CudaRuntime.open(0, 2, false).close());
        want(message.contains(gpu.uuid()) || message.contains("GPU"), message);
        return message;
    }

    private static String builtin(CudaRuntime gpu) {
        long start = System.nanoTime();
        gpu.builtin();
        byte[] fatbin = KernelSource.fatbin();
        double packed = 1e-6 * (System.nanoTime() - start);
        start = System.nanoTime();
        gpu.compile("kernels", "#include \"all.cu\"\n");
        return text(
                "loaded from %s in %.0f ms; compiled or found in the cache in %.0f ms",
                fatbin == null ? "source" : "a fatbin of " + fatbin.length + " bytes",
                packed,
                1e-6 * (System.nanoTime() - start));
    }

    static void launch(
            CudaRuntime gpu,
            Kernel kernel,
            int gridX,
            int gridY,
            int blockX,
            int sharedBytes,
            MemorySegment arguments) {
        gpu.start(new Work.Launch(kernel, gridX, gridY, blockX, sharedBytes, arguments));
    }

    /// Each piece waits for the one before it.
    static Graph graph(CudaRuntime gpu, List<Work> work) {
        List<List<Integer>> after = new ArrayList<>();
        for (int piece = 0; piece < work.size(); piece++) {
            after.add(piece == 0 ? List.of() : List.of(piece - 1));
        }
        return gpu.graph(work, after);
    }

    static String message(Runnable wrong) {
        try {
            wrong.run();
        } catch (DeviceException e) {
            return String.valueOf(e.getMessage());
        }
        throw new AssertionError("want a DeviceException, got none");
    }

    static void want(boolean condition, String message) {
        if (!condition) {
            throw new AssertionError(message);
        }
    }

    static String text(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }

    static double[] ones(int n) {
        double[] values = new double[n];
        Arrays.fill(values, 1);
        return values;
    }

    /// The bits of the nearest bfloat16.
    private static short toBf16(double value) {
        int bits = Float.floatToRawIntBits((float) value);
        return (short) (bits + 0x7FFF + (bits >> 16 & 1) >> 16);
    }

    private static double fromBf16(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    static long toDevice(CudaRuntime gpu, double[] values, int bytesPerNumber) {
        if (bytesPerNumber != Short.BYTES) {
            return toDevice(gpu, values, bytesPerNumber == Double.BYTES);
        }
        short[] narrow = new short[values.length];
        for (int i = 0; i < narrow.length; i++) {
            narrow[i] = toBf16(values[i]);
        }
        long address = gpu.allocate(2L * narrow.length);
        gpu.upload(address, MemorySegment.ofArray(narrow), 2L * narrow.length);
        return address;
    }

    static long toDevice(CudaRuntime gpu, double[] values, boolean wide) {
        long bytes = (wide ? 8L : 4L) * values.length;
        long address = gpu.allocate(bytes);
        if (wide) {
            gpu.upload(address, MemorySegment.ofArray(values), bytes);
        } else {
            gpu.upload(address, MemorySegment.ofArray(narrow(values)), bytes);
        }
        return address;
    }

    private static float[] narrow(double[] values) {
        float[] narrow = new float[values.length];
        for (int i = 0; i < narrow.length; i++) {
            narrow[i] = (float) values[i];
        }
        return narrow;
    }

    /// A kernel's argument: 8 bytes for each value.
    static MemorySegment struct(Arena arena, Object... values) {
        MemorySegment bytes = arena.allocate(8L * values.length, 8);
        for (int i = 0; i < values.length; i++) {
            if (values[i] instanceof Double number) {
                bytes.setAtIndex(JAVA_DOUBLE, i, number);
            } else {
                bytes.setAtIndex(JAVA_LONG, i, (Long) values[i]);
            }
        }
        return bytes;
    }
}
