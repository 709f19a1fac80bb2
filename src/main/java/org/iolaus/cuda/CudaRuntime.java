package org.iolaus.cuda;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Stream;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUresult;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.CUuuid;
import jcuda.driver.JCudaDriver;
import org.iolaus.cuda.Driver.DeviceAddress;
import org.iolaus.cuda.Driver.HostAddress;
import org.iolaus.ffi.CuBlas;
import org.iolaus.ffi.LibraryException;
import org.iolaus.ffi.Nvrtc;
import org.iolaus.ffi.StreamCapture;
import org.jspecify.annotations.Nullable;

/// An NVIDIA GPU: the driver through JCuda, cuBLAS and NVRTC through `ffi`. One thread at a time may use it.
///
/// What fails in a kernel shows later, in [#synchronize] or any other call; with `CUDA_LAUNCH_BLOCKING=1`
/// in the environment it shows in the launch.
public final class CudaRuntime implements DeviceRuntime {
    private static final int ARGUMENT_BYTES = 4096;
    private static final Cleaner CLEANER = Cleaner.create();

    private final CudaContext context;
    private final Driver.Stream feedStream = new Driver.Stream();
    private final String uuid;
    private final String architecture;
    /// Whether kernels wait by themselves for those that they depend on (`kernels/iolaus.cuh`).
    private final boolean kernelsWait;
    private final @Nullable FileChannel claim;
    private final CudaMemory memory;
    private final CudaModules modules;
    private final CudaBlas blas;
    private final StreamCapture streamCapture;
    private final KernelCompiler compiler;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment argumentBytes = arena.allocate(ARGUMENT_BYTES, 16);
    private final MemorySegment argumentAddress = arena.allocateFrom(JAVA_LONG, argumentBytes.address());
    private final HostAddress arguments = new HostAddress(argumentAddress.address());
    private final Queue<CUevent> idleEvents = new ConcurrentLinkedQueue<>();
    private final List<CUevent> events = new ArrayList<>();

    /// Opens the GPU of a rank.
    ///
    /// @param localRank number of this rank among those on its host
    /// @param share whether ranks may use one GPU together
    /// @throws DeviceException without a usable GPU or library (with the places searched), or when another rank has
    ///     the GPU
    public static CudaRuntime open(int localRank, int ranksOnHost, boolean share) {
        Driver.load();
        int[] visible = {0};
        Driver.check("cuDeviceGetCount", JCudaDriver.cuDeviceGetCount(visible));
        CUdevice device = new CUdevice();
        int ordinal = GpuChoice.ordinal(localRank, ranksOnHost, visible[0], share);
        Driver.check("cuDeviceGet(" + ordinal + ")", JCudaDriver.cuDeviceGet(device, ordinal));
        CUuuid uuid = new CUuuid();
        Driver.check("cuDeviceGetUuid", JCudaDriver.cuDeviceGetUuid(uuid, device));
        String text = HexFormat.of().formatHex(uuid.bytes);
        FileChannel claim = GpuChoice.claim(Path.of(System.getProperty("java.io.tmpdir", "/tmp")), text, share);
        try {
            return new CudaRuntime(device, text, claim);
        } catch (LibraryException e) {
            GpuChoice.close(claim);
            throw new DeviceException("device cuda: " + e.getMessage(), e);
        } catch (RuntimeException e) {
            GpuChoice.close(claim);
            throw e;
        }
    }

    private CudaRuntime(CUdevice device, String uuid, @Nullable FileChannel claim) {
        this.uuid = uuid;
        this.claim = claim;
        context = new CudaContext(device);
        int major = context.attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
        kernelsWait = major >= 9;
        architecture =
                "sm_" + major + context.attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
        // both before anything is taken from the device
        CuBlas cublas = CuBlas.load();
        streamCapture = StreamCapture.load();
        compiler = new KernelCompiler(Nvrtc.load(), new CompileCache(CompileCache.folder()), architecture);
        memory = new CudaMemory(context);
        modules = new CudaModules(context, compiler);
        context.retain();
        try {
            context.open();
            CudaContext.create(feedStream);
            long workspace = memory.allocate(CudaBlas.WORKSPACE_BYTES * Work.Gemm.LANES, "cuBLAS");
            blas = new CudaBlas(cublas, context.stream().address(), workspace);
        } catch (RuntimeException e) {
            JCudaDriver.cuDevicePrimaryCtxRelease(device);
            throw e;
        }
    }

    @Override
    public String name() {
        return context.name();
    }

    /// Identifies the GPU over all processes and hosts.
    public String uuid() {
        return uuid;
    }

    /// Such as `sm_90, driver CUDA 13.0, cuBLAS 13.1, NVRTC 13.0`.
    public String versions() {
        int[] driver = {0};
        Driver.check("cuDriverGetVersion", JCudaDriver.cuDriverGetVersion(driver));
        return architecture + ", driver CUDA " + driver[0] / 1000 + "." + driver[0] / 10 % 100 + ", cuBLAS "
                + blas.version() + ", NVRTC " + compiler.version();
    }

    /// The stream, for libraries that put their work between that of this runtime: a `cudaStream_t`.
    public long stream() {
        context.enter();
        return context.stream().address();
    }

    @Override
    public long totalBytes() {
        return memory.size(false);
    }

    @Override
    public long freeBytes() {
        return memory.size(true);
    }

    @Override
    public long allocate(long bytes, String what) {
        return memory.allocate(bytes, what);
    }

    @Override
    public void free(long address) {
        memory.free(address);
    }

    /// At most 2 GiB at once.
    @Override
    public MemorySegment allocateHost(long bytes) {
        return memory.allocateHost(bytes);
    }

    @Override
    public void freeHost(MemorySegment pinned) {
        memory.freeHost(pinned);
    }

    @Override
    public void upload(long destination, MemorySegment source, long bytes) {
        memory.upload(destination, source, bytes);
    }

    @Override
    public void download(MemorySegment destination, long source, long bytes) {
        memory.download(destination, source, bytes);
    }

    @Override
    public Module builtin() {
        return modules.builtin();
    }

    @Override
    public List<Module> compile(List<Source> sources) {
        return modules.compile(sources);
    }

    @Override
    public void start(Work work) {
        context.enter();
        switch (work) {
            case Work.Launch launch -> launch(launch);
            case Work.Gemm gemm -> gemm(gemm);
            case Work.Copy copy -> memory.copy(copy);
            case Work.Fill fill -> memory.fill(fill);
            case Work.Sum sum -> sum.ranks().sum(sum.address(), sum.count(), sum.bytesPerNumber());
            case Work.Send send -> send.feed().send(send.destination(), send.bytes());
        }
    }

    private CUevent plainEvent() {
        CUevent event = new CUevent();
        context.check("cuEventCreate", JCudaDriver.cuEventCreate(event, CUevent_flags.CU_EVENT_DISABLE_TIMING));
        events.add(event);
        return event;
    }

    private void destroy(CUevent event) {
        context.check("cuEventDestroy", JCudaDriver.cuEventDestroy(event));
        events.remove(event);
    }

    @Override
    public Feed feed(long bytes) {
        return new PinnedFeed(bytes);
    }

    /// Transfers from pinned memory to a block of the device on a stream of their own; from there a copy within the
    /// device, in the order of the main stream, that takes next to no time.
    private final class PinnedFeed implements Feed {
        private final List<Slot> slots = new ArrayList<>();
        private int at;

        /// @param arrived its bytes are on the device
        /// @param taken its bytes are where they were sent
        private record Slot(MemorySegment host, long device, CUevent arrived, CUevent taken) {}

        PinnedFeed(long bytes) {
            for (int i = 0; i < SLOTS; i++) {
                slots.add(new Slot(allocateHost(bytes), allocate(bytes, "inputs"), plainEvent(), plainEvent()));
            }
        }

        @Override
        public MemorySegment next() {
            context.enterOutsideCapture("feed");
            at = (at + 1) % SLOTS;
            Slot slot = slots.get(at);
            context.check("cuEventSynchronize", JCudaDriver.cuEventSynchronize(slot.arrived));
            return slot.host;
        }

        @Override
        public void send(long destination, long bytes) {
            context.enterOutsideCapture("feed");
            Slot slot = slots.get(at);
            CudaMemory.checkSize("feed", slot.host, bytes);
            context.check("cuStreamWaitEvent", JCudaDriver.cuStreamWaitEvent(feedStream, slot.taken, 0));
            context.check(
                    "cuMemcpyHtoDAsync(" + bytes + " bytes)",
                    JCudaDriver.cuMemcpyHtoDAsync(
                            new DeviceAddress(slot.device), new HostAddress(slot.host.address()), bytes, feedStream));
            context.check("cuEventRecord", JCudaDriver.cuEventRecord(slot.arrived, feedStream));
            context.check("cuStreamWaitEvent", JCudaDriver.cuStreamWaitEvent(context.stream(), slot.arrived, 0));
            memory.copy(new Work.Copy(destination, slot.device, bytes));
            context.check("cuEventRecord", JCudaDriver.cuEventRecord(slot.taken, context.stream()));
        }

        @Override
        public void close() {
            synchronize();
            for (Slot slot : slots) {
                free(slot.device);
                freeHost(slot.host);
                destroy(slot.arrived);
                destroy(slot.taken);
            }
            slots.clear();
        }
    }

    /// The same on every machine, so that a cache can be shared.
    @Override
    public int compilesAtOnce() {
        return 16;
    }

    private void launch(Work.Launch launch) {
        CudaModules.LoadedKernel loaded = (CudaModules.LoadedKernel) launch.kernel();
        MemorySegment bytes = launch.arguments();
        if (bytes.byteSize() > ARGUMENT_BYTES) {
            throw new IllegalArgumentException(loaded.name() + ": want at most " + ARGUMENT_BYTES
                    + " bytes of arguments, got " + bytes.byteSize());
        }
        loaded.allowShared(launch.sharedBytes());
        MemorySegment.copy(bytes, 0, argumentBytes, 0, bytes.byteSize());
        if (context.isCapturing() && kernelsWait) {
            context.check(
                    "cuStreamUpdateCaptureDependencies",
                    streamCapture.comeEarly(context.stream().address()));
        }
        int result = JCudaDriver.cuLaunchKernel(
                loaded.function,
                launch.gridX(),
                launch.gridY(),
                1,
                launch.blockX(),
                1,
                1,
                launch.sharedBytes(),
                context.stream(),
                this.arguments,
                null);
        if (result != CUresult.CUDA_SUCCESS) {
            throw Driver.failure(
                    "cuLaunchKernel(" + loaded.name() + ", grid " + launch.gridX() + " x " + launch.gridY() + ", block "
                            + launch.blockX() + ", shared " + launch.sharedBytes() + ", after " + context.last() + ")",
                    result);
        }
        context.started(loaded.name());
    }

    private void gemm(Work.Gemm gemm) {
        if (gemm.m() < 0 || gemm.n() < 0 || gemm.k() < 0 || gemm.batch() < 0) {
            throw new IllegalArgumentException("gemm: want sizes from 0 on, got " + gemm);
        }
        if (gemm.m() == 0 || gemm.n() == 0 || gemm.batch() == 0) {
            return;
        }
        if (gemm.k() == 0) {
            if (gemm.format() != GemmFormat.TF32_ADDED) {
                memory.fill(new Work.Fill(
                        gemm.c(),
                        0,
                        (long) gemm.batch()
                                * gemm.m()
                                * gemm.n()
                                * gemm.format().resultBytes()));
            }
            return;
        }
        blas.start(gemm);
        context.started("gemm");
    }

    /// Other threads may go on using the driver.
    @Override
    public Graph graph(List<Work> work, List<List<Integer>> after) {
        context.enterOutsideCapture("graph");
        context.check(
                "cuStreamBeginCapture",
                JCudaDriver.cuStreamBeginCapture(context.stream(), CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED));
        context.capturing(true);
        CUgraph graph = new CUgraph();
        int ended;
        try {
            capture(work, after);
        } catch (RuntimeException | Error e) {
            if (JCudaDriver.cuStreamEndCapture(context.stream(), graph) == CUresult.CUDA_SUCCESS) {
                JCudaDriver.cuGraphDestroy(graph);
            }
            throw e;
        } finally {
            context.capturing(false);
        }
        ended = JCudaDriver.cuStreamEndCapture(context.stream(), graph);
        context.check("cuStreamEndCapture", ended);
        try {
            CUgraphExec executable = new CUgraphExec();
            context.check("cuGraphInstantiate", JCudaDriver.cuGraphInstantiate(executable, graph, 0));
            return new CapturedGraph(executable, "a graph that ends with " + context.last());
        } finally {
            JCudaDriver.cuGraphDestroy(graph);
        }
    }

    /// Starts work on the stream that is being captured; before each piece the stream is made to stand behind the
    /// nodes that it waits for, and at the end behind those that nothing waits for.
    private void capture(List<Work> work, List<List<Integer>> after) {
        long[][] nodes = new long[work.size()][];
        BitSet last = new BitSet();
        for (int piece = 0; piece < nodes.length; piece++) {
            standBehind(after.get(piece).stream().map(earlier -> nodes[earlier]));
            start(work.get(piece));
            StreamCapture.Dependencies made = streamCapture.get(context.stream().address());
            context.check("cuStreamGetCaptureInfo", made.result());
            nodes[piece] = made.nodes();
            last.set(piece);
            after.get(piece).forEach(last::clear);
        }
        standBehind(last.stream().mapToObj(piece -> nodes[piece]));
    }

    private void standBehind(Stream<long[]> nodes) {
        long[] all = nodes.flatMapToLong(Arrays::stream).distinct().toArray();
        context.check(
                "cuStreamUpdateCaptureDependencies",
                streamCapture.set(context.stream().address(), all));
    }

    private final class CapturedGraph implements Graph {
        private final String name;
        private @Nullable CUgraphExec executable;

        CapturedGraph(CUgraphExec executable, String name) {
            this.executable = executable;
            this.name = name;
        }

        @Override
        public void launch() {
            context.enter();
            CUgraphExec open = executable;
            if (open == null) {
                throw new IllegalStateException("graph: launched after it was closed");
            }
            context.check("cuGraphLaunch", JCudaDriver.cuGraphLaunch(open, context.stream()));
            context.started(name);
        }

        @Override
        public void close() {
            CUgraphExec open = executable;
            executable = null;
            if (open != null && !context.isClosed()) {
                context.enter();
                context.check("cuGraphExecDestroy", JCudaDriver.cuGraphExecDestroy(open));
            }
        }
    }

    @Override
    public void synchronize() {
        context.synchronize();
    }

    @Override
    public Event record() {
        context.enterOutsideCapture("record");
        CUevent event = idleEvents.poll();
        if (event == null) {
            event = new CUevent();
            context.check("cuEventCreate", JCudaDriver.cuEventCreate(event, 0));
            events.add(event);
        }
        context.check("cuEventRecord", JCudaDriver.cuEventRecord(event, context.stream()));
        RecordedEvent recorded = new RecordedEvent(event);
        CLEANER.register(recorded, new Recycle(idleEvents, event));
        return recorded;
    }

    /// Events that nobody holds any more are used again.
    private record Recycle(Queue<CUevent> idle, CUevent event) implements Runnable {
        @Override
        public void run() {
            idle.add(event);
        }
    }

    private final class RecordedEvent implements Event {
        private final CUevent event;

        RecordedEvent(CUevent event) {
            this.event = event;
        }

        @Override
        public double millisecondsSince(Event earlier) {
            context.enterOutsideCapture("millisecondsSince");
            float[] milliseconds = {0};
            context.check("cuEventSynchronize", JCudaDriver.cuEventSynchronize(event));
            context.check(
                    "cuEventElapsedTime",
                    JCudaDriver.cuEventElapsedTime(milliseconds, ((RecordedEvent) earlier).event, event));
            return milliseconds[0];
        }

        @Override
        public boolean reached() {
            context.enter();
            int result = JCudaDriver.cuEventQuery(event);
            if (result == CUresult.CUDA_ERROR_NOT_READY) {
                return false;
            }
            context.check("cuEventQuery", result);
            return true;
        }
    }

    /// Frees all that was taken from the device; after an error nothing of that is checked, the context is lost anyway.
    @Override
    public void close() {
        if (context.isClosed()) {
            return;
        }
        context.enter();
        JCudaDriver.cuStreamSynchronize(feedStream);
        context.closing();
        blas.close();
        events.forEach(JCudaDriver::cuEventDestroy);
        modules.close();
        memory.close();
        JCudaDriver.cuStreamDestroy(feedStream);
        arena.close();
        context.close();
        GpuChoice.close(claim);
    }
}
