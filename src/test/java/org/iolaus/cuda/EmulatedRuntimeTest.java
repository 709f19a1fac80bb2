package org.iolaus.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// The emulated device catches what a GPU would let pass.
class EmulatedRuntimeTest {
    private static final String KERNELS = """
            struct line_args { const double* x; double* y; long long n; };

            IOLAUS_KERNEL(copy_below, line_args) {
                const long long i = IOLAUS_GLOBAL_INDEX;
                if (i < args.n) args.y[i] = args.x[i];
            }

            IOLAUS_KERNEL(add_below, line_args) {
                const long long i = IOLAUS_GLOBAL_INDEX;
                if (i < args.n) args.y[i] += args.x[i];
            }

            IOLAUS_KERNEL(before_start, line_args) { args.y[-1] = 1; }

            IOLAUS_KERNEL(lonely_barrier, line_args) { __syncthreads(); }

            IOLAUS_BLOCK_KERNEL(half_barrier, line_args) { if (threadIdx.x < 16) __syncthreads(); }

            IOLAUS_BLOCK_KERNEL(half_shuffle, line_args) {
                if (threadIdx.x < 16) args.y[0] = __shfl_sync(IOLAUS_FULL_WARP, 1.0, 0);
            }

            IOLAUS_BLOCK_KERNEL(race, line_args) {
                IOLAUS_DYNAMIC_SHARED(double, turn);
                turn[threadIdx.x] = threadIdx.x;
                args.y[threadIdx.x] = turn[threadIdx.x / 2];
            }

            IOLAUS_BLOCK_KERNEL(fill_shared, line_args) {
                IOLAUS_DYNAMIC_SHARED(double, part);
                part[threadIdx.x] = 1;
            }

            IOLAUS_BLOCK_KERNEL(words, line_args) {
                const unsigned t = threadIdx.x;
                double* y = args.y + (blockIdx.y * gridDim.x + blockIdx.x) * 7 * blockDim.x;
                __shared__ double turned[64];
                turned[blockDim.x - 1 - t] = t;
                __syncthreads();
                y[t] = turned[t];
                y += blockDim.x;
                y[t] = __shfl_sync(IOLAUS_FULL_WARP, t, 3);
                y += blockDim.x;
                y[t] = __shfl_down_sync(IOLAUS_FULL_WARP, t, 5);
                y += blockDim.x;
                y[t] = __shfl_up_sync(IOLAUS_FULL_WARP, static_cast<float>(t), 5);
                y += blockDim.x;
                y[t] = __shfl_xor_sync(IOLAUS_FULL_WARP, static_cast<double>(t), 6, 8);
                y += blockDim.x;
                y[t] = __ballot_sync(IOLAUS_FULL_WARP, t % 3 == 0);
                y += blockDim.x;
                if (t >= 32) return;
                y[t] = __popc(__ballot_sync(IOLAUS_FULL_WARP, t < 7));
            }
            """;

    private Emulated emulated;
    private DeviceRuntime.Module module;

    @BeforeEach
    void open() {
        emulated = new Emulated(8);
        module = emulated.device.compile("test kernels", KERNELS);
    }

    @AfterEach
    void close() {
        if (emulated != null) {
            emulated.close();
        }
    }

    private void launch(String kernel, int gridX, int blockX, int sharedBytes, long... arguments) {
        emulated.device.start(work(kernel, gridX, 1, blockX, sharedBytes, arguments));
    }

    private Work work(String kernel, int gridX, int gridY, int blockX, int sharedBytes, long... arguments) {
        return new Work.Launch(
                module.kernel(kernel),
                gridX,
                gridY,
                blockX,
                sharedBytes,
                emulated.arena.allocateFrom(ValueLayout.JAVA_LONG, arguments));
    }

    private void assertRefused(String expected, Runnable action) {
        String message = assertThrows(DeviceException.class, action::run).getMessage();
        assertTrue(message.contains(expected), message);
    }

    @Test
    void writesOutOfBoundsNameTheKernel() {
        long x = emulated.numbers(new double[40]);
        long y = emulated.empty(33);
        assertRefused("by copy_below: 0 bytes past the end", () -> launch("copy_below", 2, 32, 0, x, y, 34));
        launch("copy_below", 2, 32, 0, x, y, 33);
        assertRefused("by before_start: 8 bytes before the start", () -> launch("before_start", 1, 32, 0, x, y, 33));
        emulated.device.synchronize();
    }

    @Test
    void whatIsNotWrittenIsNotANumber() {
        long x = emulated.numbers(new double[40]);
        long y = emulated.empty(33);
        launch("copy_below", 1, 32, 0, x, y, 33);
        double[] got = emulated.read(y, 33);
        assertEquals(0, got[31]);
        assertTrue(Double.isNaN(got[32]));
        assertTrue(Float.isNaN((float) emulated.read(y, 66, 4)[64]));
    }

    @Test
    void barriersAndWarpOperationsNeedTheirThreads() {
        long y = emulated.empty(7 * 40);
        assertRefused("not marked IOLAUS_BLOCK_KERNEL", () -> launch("lonely_barrier", 1, 32, 0, y, y, 32));
        assertRefused("part of a warp waits", () -> launch("half_barrier", 1, 32, 0, y, y, 32));
        assertRefused("want all 32 lanes", () -> launch("half_shuffle", 1, 32, 0, y, y, 32));
        assertRefused("want all 32 lanes", () -> launch("words", 1, 40, 0, y, y, 32));
        assertRefused("past the end of dynamic shared", () -> launch("fill_shared", 1, 32, 31 * 8, y, y, 32));
        launch("fill_shared", 1, 32, 32 * 8, y, y, 32);
    }

    @Test
    void aMissingBarrierShows() {
        long y = emulated.empty(32);
        double[][] got = new double[3][];
        for (int run = 0; run < 3; run++) {
            launch("race", 1, 32, 32 * 8, y, y, 32);
            got[run] = emulated.read(y, 32);
        }
        assertFalse(Arrays.equals(got[0], got[1]) && Arrays.equals(got[1], got[2]));
    }

    @Test
    void warpOperationsMoveWhatCudaMoves() {
        int n = 64;
        long y = emulated.empty(6 * 7 * n);
        emulated.device.start(work("words", 3, 2, n, 0, 0, y, n));
        double[] got = emulated.read(y, 6 * 7 * n);
        for (int block = 0; block < 6; block++) {
            for (int t = 0; t < n; t++) {
                int lane = t % 32;
                int warp = t - lane;
                int at = block * 7 * n + t;
                assertEquals(n - 1 - t, got[at]);
                assertEquals(warp + 3, got[at + n]);
                assertEquals(lane + 5 < 32 ? t + 5 : t, got[at + 2 * n]);
                assertEquals(lane >= 5 ? t - 5 : t, got[at + 3 * n]);
                assertEquals(t ^ 6, got[at + 4 * n]);
                long votes = 0;
                for (int other = 0; other < 32; other++) {
                    votes |= ((warp + other) % 3 == 0 ? 1L : 0) << other;
                }
                assertEquals(votes, got[at + 5 * n]);
                assertTrue(t < 32 ? got[at + 6 * n] == 7 : Double.isNaN(got[at + 6 * n]));
            }
        }
    }

    @Test
    void transfersStayInsideAnAllocation() {
        EmulatedRuntime device = emulated.device;
        long x = emulated.numbers(1, 2, 3);
        assertRefused("fill: want 25 bytes", () -> device.fill(x, 0, 25));
        assertRefused("copy to: want 16 bytes", () -> device.copy(x + 16, x, 16));
        device.copy(x + 16, x, 8);
        assertArrayEquals(new double[] {1, 2, 1}, emulated.read(x, 3));
        assertRefused("gemm c", () -> device.start(new Work.Gemm(GemmFormat.FP64, 2, 2, 1, x, x, x)));
        device.free(x);
        assertRefused("free: want an address", () -> device.free(x));
        assertRefused("download: want 8 bytes", () -> emulated.read(x, 1));
        try (EmulatedRuntime small = new EmulatedRuntime(1000)) {
            long one = small.allocate(600);
            assertEquals(400, small.freeBytes());
            assertRefused("want at most 400 free bytes", () -> small.allocate(401));
            small.free(one);
            small.allocate(1000);
        }
    }

    @Test
    void graphsReplayWhatWasRecorded() {
        EmulatedRuntime device = emulated.device;
        long sum = emulated.numbers(4, 5);
        long x = emulated.numbers(1, 2);
        long y = emulated.empty(2);
        List<Work> work = List.of(work("add_below", 1, 1, 32, 0, x, sum, 2), work("copy_below", 1, 1, 32, 0, x, y, 2));
        DeviceRuntime.Graph graph = device.graph(work, List.of(List.of(), List.of()));
        assertTrue(Double.isNaN(emulated.read(y, 1)[0]));
        graph.launch();
        device.fill(y, 0, 16);
        graph.launch();
        assertArrayEquals(new double[] {1, 2}, emulated.read(y, 2));
        assertArrayEquals(new double[] {6, 9}, emulated.read(sum, 2));
        graph.close();
        assertRefused("after it was closed", graph::launch);
        DeviceRuntime.Event first = device.record();
        assertTrue(device.record().millisecondsSince(first) >= 0);
    }

    @Test
    void errorsSayWhatIsWrong() {
        assertRefused(
                "kernels: want a kernel nothing_f64",
                () -> emulated.device.builtin().kernel("nothing_f64"));
        assertRefused("bad source: g++", () -> emulated.device.compile("bad source", "void broken("));
        assertRefused("blockX <= 1024", () -> launch("copy_below", 1, 2048, 0, 0, 0, 0));
    }

    @Test
    void matrixProducts() {
        Random random = new Random(5);
        int[][] sizes = {{1, 1, 1, 1}, {3, 2, 5, 1}, {31, 33, 7, 2}, {127, 5, 32, 1}, {4, 3, 0, 2}};
        for (int[] size : sizes) {
            for (int code = 0; code < 4 * GemmFormat.values().length; code++) {
                boolean transposeA = (code & 1) != 0;
                boolean transposeB = (code & 2) != 0;
                GemmFormat format = GemmFormat.values()[code / 4];
                checkProduct(random, format, transposeA, transposeB, size[0], size[1], size[2], size[3]);
            }
        }
    }

    @Test
    void tf32RoundsFactorsToTenBits() {
        try (Emulated memory = new Emulated(4)) {
            long a = memory.numbers(1 + 0x1p-11, 1 + 0x1p-12, -1 - 0x1p-11, 1e30);
            long b = memory.numbers(1);
            long c = memory.empty(4);
            memory.device.start(new Work.Gemm(GemmFormat.TF32, 4, 1, 1, a, b, c));
            double[] got = memory.read(c, 4);
            assertArrayEquals(new double[] {1 + 0x1p-10, 1, -1 - 0x1p-10}, Arrays.copyOf(got, 3));
            assertEquals(1e30, got[3], 1e30 * 0x1p-11);
        }
    }

    private void checkProduct(
            Random random, GemmFormat format, boolean transposeA, boolean transposeB, int m, int n, int k, int batch) {
        try (Emulated memory = new Emulated(format == GemmFormat.FP64 ? 8 : 4)) {
            boolean bf16 = format.operandBytes() == 2;
            double[] a = memory.random(random, batch * m * k);
            double[] b = memory.random(random, batch * k * n);
            long aAt = bf16 ? memory.bf16(a) : memory.numbers(a);
            long bAt = bf16 ? memory.bf16(b) : memory.numbers(b);
            long c = memory.device.allocate((long) batch * m * n * format.resultBytes());
            memory.device.fill(c, 0, format == GemmFormat.TF32_ADDED ? 4L * batch * m * n : 0);
            memory.device.start(new Work.Gemm(format, m, n, k, aAt, bAt, c)
                    .transposed(transposeA, transposeB)
                    .batched(batch));
            double[] got = memory.read(c, batch * m * n, format.resultBytes());
            double limit = switch (format) {
                case FP64 -> 1e-14;
                case FP32, BF16_FP32 -> 1e-6;
                case TF32, TF32_ADDED -> 2e-3;
                case BF16 -> 0x1p-8;
            };
            for (int z = 0; z < batch; z++) {
                for (int i = 0; i < m; i++) {
                    for (int j = 0; j < n; j++) {
                        double sum = 0;
                        double size = 0;
                        for (int p = 0; p < k; p++) {
                            double product = a[z * m * k + (transposeA ? p * m + i : i * k + p)]
                                    * b[z * k * n + (transposeB ? j * k + p : p * n + j)];
                            sum += product;
                            size += Math.abs(product);
                        }
                        double error = Math.abs(got[(z * m + i) * n + j] - sum);
                        assertTrue(error <= limit * size, format + " " + m + " " + n + " " + k + ": " + error);
                    }
                }
            }
        }
    }
}
