package org.iolaus.cuda;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.CUstream_flags;
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
    private static final int PORTABLE = 1;
    private static final Cleaner CLEANER = Cleaner.create();

    private final CUdevice device;
    private final CUcontext context = new CUcontext();
    private final Driver.Stream mainStream = new Driver.Stream();
    private final Driver.Stream feedStream = new Driver.Stream();
    private final String name;
    private final String uuid;
    private final String architecture;
    /// Whether kernels wait by themselves for those that they depend on (`kernels/iolaus.cuh`).
    private final boolean kernelsWait;
    private final @Nullable FileChannel claim;
    private final CudaBlas blas;
    private final StreamCapture streamCapture;
    private final KernelCompiler compiler;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment argumentBytes = arena.allocate(ARGUMENT_BYTES, 16);
    private final MemorySegment argumentAddress = arena.allocateFrom(JAVA_LONG, argumentBytes.address());
    private final HostAddress arguments = new HostAddress(argumentAddress.address());

    private final Set<Long> deviceMemory = new HashSet<>();
    private final Map<Long, PinnedMemory> hostMemory = new HashMap<>();
    private final Deque<CUmodule> modules = new ArrayDeque<>();
    private final Queue<CUevent> idleEvents = new ConcurrentLinkedQueue<>();
    private final List<CUevent> events = new ArrayList<>();
    private final Map<String, Module> compiled = new HashMap<>();
    private @Nullable Module builtin;
    private @Nullable Thread current;
    private boolean capturing;
    private boolean closed;
    /// For messages: what was started last.
    private String last = "nothing yet";

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
        this.device = device;
        this.uuid = uuid;
        this.claim = claim;
        byte[] text = new byte[256];
        Driver.check("cuDeviceGetName", JCudaDriver.cuDeviceGetName(text, text.length, device));
        String all = new String(text, StandardCharsets.UTF_8);
        name = all.substring(0, Math.max(0, all.indexOf(0)));
        int major = attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
        kernelsWait = major >= 9;
        architecture = "sm_" + major + attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
        // both before anything is taken from the device
        CuBlas cublas = CuBlas.load();
        streamCapture = StreamCapture.load();
        compiler = new KernelCompiler(Nvrtc.load(), new CompileCache(CompileCache.folder()), architecture);
        Driver.check("cuDevicePrimaryCtxRetain(" + name + ")", JCudaDriver.cuDevicePrimaryCtxRetain(context, device));
        try {
            enter();
            for (Driver.Stream each : List.of(mainStream, feedStream)) {
                Driver.check("cuStreamCreate", JCudaDriver.cuStreamCreate(each, CUstream_flags.CU_STREAM_NON_BLOCKING));
            }
            blas = new CudaBlas(
                    cublas, mainStream.address(), allocate(CudaBlas.WORKSPACE_BYTES * Work.Gemm.LANES, "cuBLAS"));
        } catch (RuntimeException e) {
            JCudaDriver.cuDevicePrimaryCtxRelease(device);
            throw e;
        }
    }

    private int attribute(int which) {
        int[] value = {0};
        Driver.check("cuDeviceGetAttribute(" + which + ")", JCudaDriver.cuDeviceGetAttribute(value, which, device));
        return value[0];
    }

    /// Makes the device's context that of the calling thread.
    private void enter() {
        Thread thread = Thread.currentThread();
        if (thread != current) {
            if (closed) {
                throw new IllegalStateException(name + ": closed");
            }
            Driver.check("cuCtxSetCurrent", JCudaDriver.cuCtxSetCurrent(context));
            current = thread;
        }
    }

    private void enterOutsideCapture(String call) {
        if (capturing) {
            throw new IllegalStateException(call + ": want it outside of capture");
        }
        enter();
    }

    @Override
    public String name() {
        return name;
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
        enter();
        return mainStream.address();
    }

    @Override
    public long totalBytes() {
        return memory(false);
    }

    @Override
    public long freeBytes() {
        return memory(true);
    }

    private long memory(boolean unused) {
        enter();
        long[] free = {0};
        long[] total = {0};
        Driver.check("cuMemGetInfo", JCudaDriver.cuMemGetInfo(free, total));
        return unused ? free[0] : total[0];
    }

    @Override
    public long allocate(long bytes, String what) {
        enterOutsideCapture("allocate");
        DeviceAddress address = new DeviceAddress(0);
        int result = JCudaDriver.cuMemAlloc(address, Math.max(1, bytes));
        if (result != CUresult.CUDA_SUCCESS) {
            throw Driver.failure(
                    "cuMemAlloc(" + bytes + " bytes, " + what
                            + (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY
                                    ? ", free are " + freeBytes() + " of " + totalBytes()
                                    : ", after " + last)
                            + ")",
                    result);
        }
        deviceMemory.add(address.address());
        return address.address();
    }

    @Override
    public void free(long address) {
        enterOutsideCapture("free");
        if (!deviceMemory.remove(address)) {
            throw new IllegalArgumentException(
                    "free: want an address that was allocated, got 0x" + Long.toHexString(address));
        }
        check("cuMemFree", JCudaDriver.cuMemFree(new DeviceAddress(address)));
    }

    /// At most 2 GiB at once.
    @Override
    @SuppressWarnings("MustBeClosedChecker") // the arena lives until freeHost
    public MemorySegment allocateHost(long bytes) {
        enterOutsideCapture("allocateHost");
        if (bytes < 0 || bytes > Integer.MAX_VALUE) {
            throw new DeviceException("pinned host memory: want at most 2 GiB at once, got " + bytes + " bytes");
        }
        HostAddress address = new HostAddress();
        Driver.check(
                "cuMemHostAlloc(" + bytes + " bytes)",
                JCudaDriver.cuMemHostAlloc(address, Math.max(1, bytes), PORTABLE));
        PinnedMemory memory = new PinnedMemory(Arena.ofShared(), new HostAddress(address.address()));
        hostMemory.put(address.address(), memory);
        return MemorySegment.ofAddress(address.address()).reinterpret(bytes, memory.lifetime, null);
    }

    /// @param lifetime of the segment that stands for it
    private record PinnedMemory(Arena lifetime, HostAddress address) {
        int free() {
            lifetime.close();
            return JCudaDriver.cuMemFreeHost(address);
        }
    }

    @Override
    public void freeHost(MemorySegment memory) {
        enterOutsideCapture("freeHost");
        PinnedMemory pinned = hostMemory.remove(memory.address());
        if (pinned == null) {
            throw new IllegalArgumentException("freeHost: want memory of allocateHost, got " + memory);
        }
        check("cuMemFreeHost", pinned.free());
    }

    @Override
    public void upload(long destination, MemorySegment source, long bytes) {
        enter();
        checkSize("upload", source, bytes);
        if (bytes == 0) {
            return;
        }
        if (source.isNative()) {
            check("cuMemcpyHtoDAsync(" + bytes + " bytes)", upload(destination, source.address(), bytes));
            return;
        }
        enterOutsideCapture("upload from the Java heap");
        try (Arena copy = Arena.ofConfined()) {
            MemorySegment bytesOfHeap = copy.allocate(bytes);
            MemorySegment.copy(source, 0, bytesOfHeap, 0, bytes);
            check("cuMemcpyHtoDAsync(" + bytes + " bytes)", upload(destination, bytesOfHeap.address(), bytes));
            synchronize();
        }
    }

    private int upload(long destination, long source, long bytes) {
        return JCudaDriver.cuMemcpyHtoDAsync(
                new DeviceAddress(destination), new HostAddress(source), bytes, mainStream);
    }

    @Override
    public void download(MemorySegment destination, long source, long bytes) {
        enterOutsideCapture("download");
        checkSize("download", destination, bytes);
        if (bytes == 0) {
            synchronize();
            return;
        }
        try (Arena copy = Arena.ofConfined()) {
            MemorySegment target = destination.isNative() ? destination : copy.allocate(bytes);
            check("cuMemcpyDtoHAsync(" + bytes + " bytes)", startDownload(target, source, bytes));
            synchronize();
            if (!destination.isNative()) {
                MemorySegment.copy(target, 0, destination, 0, bytes);
            }
        }
    }

    private int startDownload(MemorySegment destination, long source, long bytes) {
        return JCudaDriver.cuMemcpyDtoHAsync(
                new HostAddress(destination.address()), new DeviceAddress(source), bytes, mainStream);
    }

    private static void checkSize(String call, MemorySegment host, long bytes) {
        if (bytes < 0 || bytes > host.byteSize()) {
            throw new IllegalArgumentException(
                    call + ": want at most the " + host.byteSize() + " bytes of the host's segment, got " + bytes);
        }
    }

    @Override
    public void start(Work work) {
        enter();
        switch (work) {
            case Work.Launch launch -> launch(launch);
            case Work.Gemm gemm -> gemm(gemm);
            case Work.Copy copy -> copyWithin(copy);
            case Work.Fill fill -> fillWith(fill);
            case Work.Sum sum -> sum.ranks().sum(sum.address(), sum.count(), sum.bytesPerNumber());
            case Work.Send send -> send.feed().send(send.destination(), send.bytes());
        }
    }

    private void copyWithin(Work.Copy copy) {
        if (copy.bytes() > 0) {
            check(
                    "cuMemcpyDtoDAsync(" + copy.bytes() + " bytes)",
                    JCudaDriver.cuMemcpyDtoDAsync(
                            new DeviceAddress(copy.destination()),
                            new DeviceAddress(copy.source()),
                            copy.bytes(),
                            mainStream));
        }
    }

    private void fillWith(Work.Fill fill) {
        if (fill.bytes() > 0) {
            check(
                    "cuMemsetD8Async(" + fill.bytes() + " bytes)",
                    JCudaDriver.cuMemsetD8Async(
                            new DeviceAddress(fill.address()), (byte) fill.value(), fill.bytes(), mainStream));
        }
    }

    private CUevent plainEvent() {
        CUevent event = new CUevent();
        check("cuEventCreate", JCudaDriver.cuEventCreate(event, CUevent_flags.CU_EVENT_DISABLE_TIMING));
        events.add(event);
        return event;
    }

    private void destroy(CUevent event) {
        check("cuEventDestroy", JCudaDriver.cuEventDestroy(event));
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
            enterOutsideCapture("feed");
            at = (at + 1) % SLOTS;
            Slot slot = slots.get(at);
            check("cuEventSynchronize", JCudaDriver.cuEventSynchronize(slot.arrived));
            return slot.host;
        }

        @Override
        public void send(long destination, long bytes) {
            enterOutsideCapture("feed");
            Slot slot = slots.get(at);
            checkSize("feed", slot.host, bytes);
            check("cuStreamWaitEvent", JCudaDriver.cuStreamWaitEvent(feedStream, slot.taken, 0));
            check(
                    "cuMemcpyHtoDAsync(" + bytes + " bytes)",
                    JCudaDriver.cuMemcpyHtoDAsync(
                            new DeviceAddress(slot.device), new HostAddress(slot.host.address()), bytes, feedStream));
            check("cuEventRecord", JCudaDriver.cuEventRecord(slot.arrived, feedStream));
            check("cuStreamWaitEvent", JCudaDriver.cuStreamWaitEvent(mainStream, slot.arrived, 0));
            copyWithin(new Work.Copy(destination, slot.device, bytes));
            check("cuEventRecord", JCudaDriver.cuEventRecord(slot.taken, mainStream));
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

    @Override
    public Module builtin() {
        Module known = builtin;
        if (known != null) {
            return known;
        }
        byte[] fatbin = KernelSource.fatbin();
        Module loaded = fatbin != null
                ? load("kernels/iolaus.fatbin", fatbin)
                : load("kernels", compiler.compile("kernels", KernelSource.builtin()));
        builtin = loaded;
        return loaded;
    }

    @Override
    public List<Module> compile(List<Source> sources) {
        Map<String, Source> missing = new LinkedHashMap<>();
        sources.stream()
                .filter(source -> !compiled.containsKey(source.text()))
                .forEach(source -> missing.putIfAbsent(source.text(), source));
        Map<Source, byte[]> images = missing.values().parallelStream()
                .collect(Collectors.toMap(
                        source -> source,
                        source -> compiler.compile(source.name(), KernelSource.expand(source.text()))));
        images.forEach((source, image) -> compiled.put(source.text(), load(source.name(), image)));
        return sources.stream()
                .map(source -> Objects.requireNonNull(compiled.get(source.text())))
                .toList();
    }

    /// The same on every machine, so that a cache can be shared.
    @Override
    public int compilesAtOnce() {
        return 16;
    }

    private LoadedModule load(String name, byte[] image) {
        enter();
        CUmodule module = new CUmodule();
        check("cuModuleLoadData(" + name + ")", JCudaDriver.cuModuleLoadData(module, image));
        modules.push(module);
        return new LoadedModule(name, module);
    }

    private final class LoadedModule implements Module {
        private final String name;
        private final CUmodule module;
        private final Map<String, LoadedKernel> kernels = new HashMap<>();

        LoadedModule(String name, CUmodule module) {
            this.name = name;
            this.module = module;
        }

        @Override
        public Kernel kernel(String kernel) {
            LoadedKernel known = kernels.get(kernel);
            if (known != null) {
                return known;
            }
            enter();
            CUfunction function = new CUfunction();
            int result = JCudaDriver.cuModuleGetFunction(function, module, kernel);
            if (result == CUresult.CUDA_ERROR_NOT_FOUND) {
                throw new DeviceException("module " + name + ": want kernel " + kernel + ", it has none of that name");
            }
            Driver.check("cuModuleGetFunction(" + kernel + " of " + name + ")", result);
            LoadedKernel loaded = new LoadedKernel(kernel, function);
            kernels.put(kernel, loaded);
            return loaded;
        }
    }

    private static final class LoadedKernel implements Kernel {
        private final String name;
        private final CUfunction function;
        private int sharedBytes;

        LoadedKernel(String name, CUfunction function) {
            this.name = name;
            this.function = function;
            int[] limit = {0};
            int which = CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
            Driver.check("cuFuncGetAttribute(" + name + ")", JCudaDriver.cuFuncGetAttribute(limit, which, function));
            sharedBytes = limit[0];
        }

        @Override
        public String name() {
            return name;
        }

        /// More than the usual 48 KiB has to be asked for.
        void allowShared(int bytes) {
            if (bytes > sharedBytes) {
                int which = CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
                Driver.check(
                        "cuFuncSetAttribute(" + name + ", " + bytes + " bytes of shared memory)",
                        JCudaDriver.cuFuncSetAttribute(function, which, bytes));
                sharedBytes = bytes;
            }
        }
    }

    private void launch(Work.Launch launch) {
        LoadedKernel loaded = (LoadedKernel) launch.kernel();
        MemorySegment bytes = launch.arguments();
        if (bytes.byteSize() > ARGUMENT_BYTES) {
            throw new IllegalArgumentException(
                    loaded.name + ": want at most " + ARGUMENT_BYTES + " bytes of arguments, got " + bytes.byteSize());
        }
        loaded.allowShared(launch.sharedBytes());
        MemorySegment.copy(bytes, 0, argumentBytes, 0, bytes.byteSize());
        if (capturing && kernelsWait) {
            check("cuStreamUpdateCaptureDependencies", streamCapture.comeEarly(mainStream.address()));
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
                mainStream,
                this.arguments,
                null);
        if (result != CUresult.CUDA_SUCCESS) {
            throw Driver.failure(
                    "cuLaunchKernel(" + loaded.name + ", grid " + launch.gridX() + " x " + launch.gridY() + ", block "
                            + launch.blockX() + ", shared " + launch.sharedBytes() + ", after " + last + ")",
                    result);
        }
        last = loaded.name;
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
                fillWith(new Work.Fill(
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
        last = "gemm";
    }

    /// Other threads may go on using the driver.
    @Override
    public Graph graph(List<Work> work, List<List<Integer>> after) {
        enterOutsideCapture("graph");
        check(
                "cuStreamBeginCapture",
                JCudaDriver.cuStreamBeginCapture(mainStream, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED));
        capturing = true;
        CUgraph graph = new CUgraph();
        int ended;
        try {
            capture(work, after);
        } catch (RuntimeException | Error e) {
            if (JCudaDriver.cuStreamEndCapture(mainStream, graph) == CUresult.CUDA_SUCCESS) {
                JCudaDriver.cuGraphDestroy(graph);
            }
            throw e;
        } finally {
            capturing = false;
        }
        ended = JCudaDriver.cuStreamEndCapture(mainStream, graph);
        check("cuStreamEndCapture", ended);
        try {
            CUgraphExec executable = new CUgraphExec();
            check("cuGraphInstantiate", JCudaDriver.cuGraphInstantiate(executable, graph, 0));
            return new CapturedGraph(executable, "a graph that ends with " + last);
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
            StreamCapture.Dependencies made = streamCapture.get(mainStream.address());
            check("cuStreamGetCaptureInfo", made.result());
            nodes[piece] = made.nodes();
            last.set(piece);
            after.get(piece).forEach(last::clear);
        }
        standBehind(last.stream().mapToObj(piece -> nodes[piece]));
    }

    private void standBehind(Stream<long[]> nodes) {
        long[] all = nodes.flatMapToLong(Arrays::stream).distinct().toArray();
        check("cuStreamUpdateCaptureDependencies", streamCapture.set(mainStream.address(), all));
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
            enter();
            CUgraphExec open = executable;
            if (open == null) {
                throw new IllegalStateException("graph: launched after it was closed");
            }
            check("cuGraphLaunch", JCudaDriver.cuGraphLaunch(open, mainStream));
            last = name;
        }

        @Override
        public void close() {
            CUgraphExec open = executable;
            executable = null;
            if (open != null && !closed) {
                enter();
                check("cuGraphExecDestroy", JCudaDriver.cuGraphExecDestroy(open));
            }
        }
    }

    @Override
    public void synchronize() {
        enterOutsideCapture("synchronize");
        check("cuStreamSynchronize", JCudaDriver.cuStreamSynchronize(mainStream));
    }

    /// An error may be of earlier work, so the message says what was started last.
    private void check(String call, int result) {
        if (result != CUresult.CUDA_SUCCESS) {
            throw Driver.failure(call + " after " + last, result);
        }
    }

    @Override
    public Event record() {
        enterOutsideCapture("record");
        CUevent event = idleEvents.poll();
        if (event == null) {
            event = new CUevent();
            check("cuEventCreate", JCudaDriver.cuEventCreate(event, 0));
            events.add(event);
        }
        check("cuEventRecord", JCudaDriver.cuEventRecord(event, mainStream));
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
            enterOutsideCapture("millisecondsSince");
            float[] milliseconds = {0};
            check("cuEventSynchronize", JCudaDriver.cuEventSynchronize(event));
            check(
                    "cuEventElapsedTime",
                    JCudaDriver.cuEventElapsedTime(milliseconds, ((RecordedEvent) earlier).event, event));
            return milliseconds[0];
        }

        @Override
        public boolean reached() {
            enter();
            int result = JCudaDriver.cuEventQuery(event);
            if (result == CUresult.CUDA_ERROR_NOT_READY) {
                return false;
            }
            check("cuEventQuery", result);
            return true;
        }
    }

    /// Frees all that was taken from the device; after an error nothing of that is checked, the context is lost anyway.
    @Override
    public void close() {
        if (closed) {
            return;
        }
        enter();
        JCudaDriver.cuStreamSynchronize(feedStream);
        JCudaDriver.cuStreamSynchronize(mainStream);
        closed = true;
        blas.close();
        events.forEach(JCudaDriver::cuEventDestroy);
        modules.forEach(JCudaDriver::cuModuleUnload);
        deviceMemory.forEach(address -> JCudaDriver.cuMemFree(new DeviceAddress(address)));
        List.of(mainStream, feedStream).forEach(JCudaDriver::cuStreamDestroy);
        arena.close();
        hostMemory.values().forEach(PinnedMemory::free);
        JCudaDriver.cuCtxSetCurrent(new CUcontext());
        JCudaDriver.cuDevicePrimaryCtxRelease(device);
        current = null;
        GpuChoice.close(claim);
    }
}
