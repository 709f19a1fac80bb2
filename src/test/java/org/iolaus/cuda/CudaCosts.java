package org.iolaus.cuda;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.iolaus.cuda.CudaSmoke.graph;
import static org.iolaus.cuda.CudaSmoke.launch;
import static org.iolaus.cuda.CudaSmoke.message;
import static org.iolaus.cuda.CudaSmoke.ones;
import static org.iolaus.cuda.CudaSmoke.struct;
import static org.iolaus.cuda.CudaSmoke.text;
import static org.iolaus.cuda.CudaSmoke.toDevice;
import static org.iolaus.cuda.CudaSmoke.want;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.iolaus.cuda.DeviceRuntime.Event;
import org.iolaus.cuda.DeviceRuntime.Graph;
import org.iolaus.cuda.DeviceRuntime.Kernel;
import org.iolaus.ffi.Nccl;

/// What things cost on a real GPU, as [CudaSmoke] prints it.
final class CudaCosts {
    private CudaCosts() {}

    static Map<String, CudaSmoke.Check> all() {
        Map<String, CudaSmoke.Check> checks = new LinkedHashMap<>();
        checks.put("nccl, one rank", CudaCosts::nccl);
        checks.put("launch", CudaCosts::launchCost);
        checks.put("copy", CudaCosts::copyCost);
        checks.put("gemm FP64", gpu -> gemmCost(gpu, GemmFormat.FP64, 4096));
        checks.put("gemm FP32", gpu -> gemmCost(gpu, GemmFormat.FP32, 4096));
        checks.put("gemm TF32", gpu -> gemmCost(gpu, GemmFormat.TF32, 4096));
        checks.put("an error in a kernel is named (spoils the context)", CudaCosts::asynchronousError);
        return checks;
    }

    private static String nccl(CudaRuntime gpu) {
        Nccl nccl = Nccl.load(System.getenv());
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment version = arena.allocate(JAVA_INT);
            want(nccl.getVersion(version) == 0, "version");
            MemorySegment id = arena.allocate(Nccl.UNIQUE_ID_BYTES);
            MemorySegment holder = arena.allocate(JAVA_LONG);
            long stream = gpu.stream(); // makes the context current
            result(nccl, "ncclGetUniqueId", nccl.getUniqueId(id));
            result(nccl, "ncclCommInitRank", nccl.commInitRank(holder, 1, id, 0));
            long communicator = holder.get(JAVA_LONG, 0);
            long a = toDevice(gpu, ones(1000), true);
            long b = gpu.allocate(8000);
            double[] seen = new double[1000];
            for (int captured = 0; captured < 2; captured++) {
                gpu.fill(b, 0, 8000);
                Work reduce = new Work.Sum(
                        new Collective() {
                            @Override
                            public boolean capturable() {
                                return true;
                            }

                            @Override
                            public void sum(long address, long count, int bytesPerNumber) {
                                result(
                                        nccl,
                                        "ncclAllReduce",
                                        nccl.allReduce(a, b, 1000, Nccl.DOUBLE, Nccl.SUM, communicator, stream));
                            }
                        },
                        b,
                        1000,
                        8);
                if (captured == 0) {
                    gpu.start(reduce);
                } else {
                    try (Graph graph = graph(gpu, List.of(reduce))) {
                        graph.launch();
                        gpu.synchronize();
                    }
                }
                gpu.download(MemorySegment.ofArray(seen), b, 8000);
                want(seen[0] == 1 && seen[999] == 1, captured == 0 ? "eager" : "captured");
            }
            MemorySegment error = arena.allocate(JAVA_INT);
            result(nccl, "ncclCommGetAsyncError", nccl.commGetAsyncError(communicator, error));
            result(nccl, "what runs", error.get(JAVA_INT, 0));
            result(nccl, "ncclCommDestroy", nccl.commDestroy(communicator));
            gpu.free(a);
            gpu.free(b);
            return nccl.where() + " version " + version.get(JAVA_INT, 0) + ", eager and in a graph";
        }
    }

    private static void result(Nccl nccl, String call, int result) {
        want(result == 0, call + ": " + nccl.getErrorString(result) + ", " + nccl.getLastError(0));
    }

    private static String launchCost(CudaRuntime gpu) {
        Kernel empty = gpu.compile("smoke", CudaSmoke.SOURCE).kernel("empty");
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = struct(arena, 0L);
            int kernels = 1000;
            Work launch = new Work.Launch(empty, 1, 1, 32, 0, bytes);
            List<Work> body = Collections.nCopies(kernels, launch);
            double eagerHost = 0;
            double eager = 0;
            for (int i = 0; i < 20; i++) {
                long start = System.nanoTime();
                body.forEach(gpu::start);
                eagerHost = 1e-3 * (System.nanoTime() - start) / kernels;
                gpu.synchronize();
                eager = 1e-3 * (System.nanoTime() - start) / kernels;
            }
            try (Graph graph = graph(gpu, body);
                    Graph small = graph(gpu, List.of(launch))) {
                double replayHost = 0;
                double replay = 0;
                for (int i = 0; i < 20; i++) {
                    long start = System.nanoTime();
                    graph.launch();
                    replayHost = 1e-3 * (System.nanoTime() - start);
                    gpu.synchronize();
                    replay = 1e-3 * (System.nanoTime() - start) / kernels;
                }
                double smallHost = 0;
                for (int i = 0; i < 20; i++) {
                    long start = System.nanoTime();
                    for (int j = 0; j < 100; j++) {
                        small.launch();
                    }
                    smallHost = 1e-5 * (System.nanoTime() - start);
                    gpu.synchronize();
                }
                return text(
                        "eager %.2f us of host, %.2f us to the end per empty kernel; in a graph of %d: %.2f us per kernel,"
                                + " %.0f us of host for the graph; a graph of one: %.2f us of host",
                        eagerHost, eager, kernels, replay, replayHost, smallHost);
            }
        }
    }

    private static String copyCost(CudaRuntime gpu) {
        long bytes = 1L << 28;
        long a = gpu.allocate(bytes);
        long b = gpu.allocate(bytes);
        MemorySegment pinned = gpu.allocateHost(bytes);
        MemorySegment back = gpu.allocateHost(bytes);
        pinned.fill((byte) 7);
        double up = 0;
        double down = 0;
        double within = 0;
        for (int i = 0; i < 4; i++) {
            Event start = gpu.record();
            gpu.upload(a, pinned, bytes);
            Event uploaded = gpu.record();
            gpu.copy(b, a, bytes);
            Event copied = gpu.record();
            up = 1e-6 * bytes / uploaded.millisecondsSince(start);
            within = 2e-6 * bytes / copied.millisecondsSince(uploaded);
            long before = System.nanoTime();
            gpu.download(back, b, bytes);
            down = (double) bytes / (System.nanoTime() - before);
        }
        want(pinned.mismatch(back) == -1, "content");
        gpu.free(a);
        gpu.free(b);
        return text(
                "pinned to device %.1f GB/s, back %.1f GB/s, within the device %.0f GB/s (read and written)",
                up, down, within);
    }

    private static String gemmCost(CudaRuntime gpu, GemmFormat format, int n) {
        long bytes = (format == GemmFormat.FP64 ? 8L : 4L) * n * n;
        long a = gpu.allocate(bytes);
        long b = gpu.allocate(bytes);
        long c = gpu.allocate(bytes);
        gpu.fill(a, 0x3e, bytes);
        gpu.fill(b, 0x3d, bytes);
        Work product = new Work.Gemm(format, n, n, n, a, b, c);
        gpu.start(product);
        Event start = gpu.record();
        int repeats = 10;
        for (int i = 0; i < repeats; i++) {
            gpu.start(product);
        }
        double milliseconds = gpu.record().millisecondsSince(start) / repeats;
        gpu.free(a);
        gpu.free(b);
        gpu.free(c);
        return text("%d^3 in %.3f ms, %.1f TFLOP/s", n, milliseconds, 2e-9 * n * n * n / milliseconds);
    }

    private static String asynchronousError(CudaRuntime gpu) {
        Kernel axpy = gpu.compile("smoke", CudaSmoke.SOURCE).kernel("axpy_f64");
        try (Arena arena = Arena.ofConfined()) {
            launch(gpu, axpy, 1, 1, 32, 0, struct(arena, 8L, 16L, 1.0, 32L));
        }
        String message = message(gpu::synchronize);
        want(message.contains("axpy_f64") && message.contains("CUDA_ERROR_"), message);
        return message;
    }
}
