package org.iolaus.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.iolaus.ffi.HostKernels;
import org.jspecify.annotations.Nullable;

/// A device without a GPU: the kernels' own sources, compiled for the host, run in host memory. Slow, and strict.
///
/// Fresh memory holds NaNs, so that what is used before it is written shows. Guard zones around each
/// allocation are checked after every piece of work: a write out of bounds is an error that names the
/// kernel. Addresses of transfers and of matrix products have to lie in allocated memory. Work is done when
/// it is started; errors come at once.
///
/// One thread at a time uses a runtime; several runtimes do not disturb each other.
public final class EmulatedRuntime implements DeviceRuntime {
    private static final long GUARD = 2048;
    private static final int ALIGNMENT = 256;
    /// NaN as float and as double, far out of range as an index.
    private static final int GUARD_WORD = 0xFFFDFDFD;

    private static final byte FRESH = (byte) 0xFF;
    private static final int GEMM_BLOCK = 64;
    private static final int ARGUMENT_BYTES = 4096;

    private final long totalBytes;
    private final Arena hostMemory = Arena.ofShared();
    private final HostCompiler compiler = new HostCompiler();
    private final MemorySegment guard;
    private final MemorySegment arguments = hostMemory.allocate(ARGUMENT_BYTES, 16);
    private final Random orders = new Random(1);
    private final TreeMap<Long, Allocation> allocations = new TreeMap<>();
    private final Map<Long, Arena> pinned = new HashMap<>();
    private long usedBytes;
    private long pinnedBytes;
    private @Nullable Library builtin;

    /// @param whole guard, memory, guard
    private record Allocation(Arena arena, MemorySegment whole, long bytes) {}

    /// A device with 8 GiB.
    ///
    /// @throws DeviceException if there is no C++ compiler
    public EmulatedRuntime() {
        this(8L << 30);
    }

    /// @param totalBytes memory that the device is said to have
    public EmulatedRuntime(long totalBytes) {
        this.totalBytes = totalBytes;
        this.guard = hostMemory.allocate(GUARD, 8);
        for (long i = 0; i < GUARD / 4; i++) {
            guard.setAtIndex(ValueLayout.JAVA_INT, i, GUARD_WORD);
        }
    }

    @Override
    public String name() {
        return "emulated on the host";
    }

    @Override
    public long totalBytes() {
        return totalBytes;
    }

    @Override
    public long freeBytes() {
        return totalBytes - usedBytes;
    }

    @Override
    @SuppressWarnings("MustBeClosedChecker") // the arena lives until free
    public long allocate(long bytes, String what) {
        if (bytes < 0 || bytes > freeBytes()) {
            throw new DeviceException("emulated device, allocate for " + what + ": want at most " + freeBytes()
                    + " free bytes of " + totalBytes + ", got " + bytes);
        }
        Arena arena = Arena.ofShared();
        MemorySegment whole = arena.allocate(bytes + 2 * GUARD, ALIGNMENT);
        MemorySegment memory = whole.asSlice(GUARD, bytes);
        memory.fill(FRESH);
        MemorySegment.copy(guard, 0, whole, 0, GUARD);
        MemorySegment.copy(guard, 0, whole, GUARD + bytes, GUARD);
        allocations.put(memory.address(), new Allocation(arena, whole, bytes));
        usedBytes += bytes;
        return memory.address();
    }

    @Override
    public void free(long address) {
        checkGuards("before free");
        Allocation allocation = allocations.remove(address);
        if (allocation == null) {
            throw new DeviceException("emulated device, free: want an address from allocate, got " + address);
        }
        usedBytes -= allocation.bytes();
        allocation.arena().close();
    }

    @Override
    @SuppressWarnings("MustBeClosedChecker") // the arena lives until freeHost
    public MemorySegment allocateHost(long bytes) {
        Arena arena = Arena.ofShared();
        MemorySegment memory = arena.allocate(bytes, ALIGNMENT);
        pinned.put(memory.address(), arena);
        pinnedBytes += bytes;
        return memory;
    }

    @Override
    public void freeHost(MemorySegment memory) {
        Arena arena = pinned.remove(memory.address());
        if (arena == null) {
            throw new DeviceException("emulated device, freeHost: want memory of allocateHost, got " + memory);
        }
        pinnedBytes -= memory.byteSize();
        arena.close();
    }

    /// Host memory that is allocated.
    public long pinnedBytes() {
        return pinnedBytes;
    }

    @Override
    public void upload(long destination, MemorySegment source, long bytes) {
        MemorySegment.copy(source, 0, memory("upload", destination, bytes), 0, bytes);
    }

    @Override
    public void download(MemorySegment destination, long source, long bytes) {
        MemorySegment.copy(memory("download", source, bytes), 0, destination, 0, bytes);
    }

    @Override
    public Feed feed(long bytes) {
        return new SlotFeed(bytes);
    }

    private final class SlotFeed implements Feed {
        private final List<MemorySegment> host = new ArrayList<>();
        private final List<Long> device = new ArrayList<>();
        private int at;

        SlotFeed(long bytes) {
            for (int slot = 0; slot < SLOTS; slot++) {
                host.add(allocateHost(bytes));
                device.add(allocate(bytes, "inputs"));
            }
        }

        @Override
        public MemorySegment next() {
            at = (at + 1) % SLOTS;
            return host.get(at);
        }

        @Override
        public void send(long destination, long bytes) {
            upload(device.get(at), host.get(at), bytes);
            copy(destination, device.get(at), bytes);
        }

        @Override
        public void close() {
            host.forEach(EmulatedRuntime.this::freeHost);
            device.forEach(EmulatedRuntime.this::free);
        }
    }

    /// Device memory, which has to lie in one allocation.
    private MemorySegment memory(String what, long address, long bytes) {
        Map.Entry<Long, Allocation> below = allocations.floorEntry(address);
        if (below == null || address - below.getKey() + bytes > below.getValue().bytes()) {
            throw new DeviceException("emulated device, " + what + ": want " + bytes
                    + " bytes inside of one allocation, got address " + address
                    + (below == null
                            ? " below all of them"
                            : ", " + (address - below.getKey()) + " bytes into one of "
                                    + below.getValue().bytes()));
        }
        return below.getValue().whole().asSlice(GUARD + address - below.getKey(), bytes);
    }

    private record Library(String name, HostKernels kernels) implements Module {
        @Override
        public Kernel kernel(String kernel) {
            return kernels.find(kernel)
                    .map(entry -> new HostKernel(kernel, entry))
                    .orElseThrow(() -> new DeviceException(name + ": want a kernel " + kernel + ", got none"));
        }
    }

    private record HostKernel(String name, HostKernels.Entry entry) implements Kernel {}

    @Override
    public Module builtin() {
        return library();
    }

    private Library library() {
        Library known = builtin;
        if (known == null) {
            known = new Library("kernels", compiler.compile("kernels", KernelSource.builtin()));
            builtin = known;
        }
        return known;
    }

    @Override
    public int compilesAtOnce() {
        return 1;
    }

    @Override
    public List<Module> compile(List<Source> sources) {
        return sources.parallelStream()
                .<Module>map(source ->
                        new Library(source.name(), compiler.compile(source.name(), KernelSource.expand(source.text()))))
                .toList();
    }

    @Override
    public void start(Work work) {
        switch (work) {
            case Work.Launch launch -> launch(launch, 0);
            case Work.Gemm gemm -> gemm(gemm);
            case Work.Copy copy ->
                MemorySegment.copy(
                        memory("copy from", copy.source(), copy.bytes()),
                        0,
                        memory("copy to", copy.destination(), copy.bytes()),
                        0,
                        copy.bytes());
            case Work.Fill fill -> memory("fill", fill.address(), fill.bytes()).fill((byte) fill.value());
            case Work.Sum sum -> sum.ranks().sum(sum.address(), sum.count(), sum.bytesPerNumber());
            case Work.Send send -> send.feed().send(send.destination(), send.bytes());
        }
    }

    /// The same for the last blocks alone, as in tests of arrays that are too large for this device.
    void startLast(Work.Launch launch, int blocks) {
        launch(launch, Math.max(0, launch.gridX() - blocks));
    }

    private void launch(Work.Launch launch, int firstX) {
        String name = launch.kernel().name();
        if (!(launch.kernel() instanceof HostKernel host)) {
            throw new DeviceException("emulated device, launch: want a kernel of its own, got " + launch.kernel());
        }
        int gridX = launch.gridX();
        int gridY = launch.gridY();
        int blockX = launch.blockX();
        if (gridX < 1 || gridY < 1 || gridY > 65535 || blockX < 1 || blockX > 1024 || launch.sharedBytes() < 0) {
            throw new DeviceException("emulated device, " + name
                    + ": want 1 <= gridX, 1 <= gridY <= 65535, 1 <= blockX <= 1024 and sharedBytes >= 0, got " + gridX
                    + ", " + gridY + ", " + blockX + " and " + launch.sharedBytes());
        }
        MemorySegment.copy(
                launch.arguments(), 0, arguments, 0, launch.arguments().byteSize());
        String wrong = host.entry().run(arguments, firstX, gridX, gridY, blockX, launch.sharedBytes());
        if (wrong != null) {
            throw new DeviceException("emulated device, " + name + ": " + wrong);
        }
        checkGuards("by " + name);
    }

    private void gemm(Work.Gemm gemm) {
        GemmFormat format = gemm.format();
        long batch = gemm.batch();
        memory("gemm a", gemm.a(), batch * gemm.m() * gemm.k() * format.operandBytes());
        memory("gemm b", gemm.b(), batch * gemm.k() * gemm.n() * format.operandBytes());
        memory("gemm c", gemm.c(), batch * gemm.m() * gemm.n() * format.resultBytes());
        if (batch * gemm.m() > 0 && gemm.n() > 0) {
            launch(launchOf(gemm), 0);
        }
    }

    /// The kernel that stands for the library's.
    Work.Launch launchOf(Work.Gemm gemm) {
        GemmFormat format = gemm.format();
        long rows = (long) gemm.batch() * gemm.m();
        Kernel kernel = library().kernel(kernel(format));
        long[] values = {
            gemm.a(),
            gemm.b(),
            gemm.c(),
            gemm.batch(),
            gemm.m(),
            gemm.n(),
            gemm.k(),
            gemm.transposeA() ? 1 : 0,
            gemm.transposeB() ? 1 : 0,
            format == GemmFormat.TF32 || format == GemmFormat.TF32_ADDED ? 1 : 0,
            format == GemmFormat.TF32_ADDED ? 1 : 0
        };
        int blocks = Math.toIntExact(Math.ceilDiv(rows, GEMM_BLOCK));
        return new Work.Launch(kernel, blocks, 1, GEMM_BLOCK, 0, MemorySegment.ofArray(values));
    }

    private static String kernel(GemmFormat format) {
        return switch (format) {
            case FP64 -> "gemm_f64";
            case FP32, TF32, TF32_ADDED -> "gemm_f32";
            case BF16 -> "gemm_bf16";
            case BF16_FP32 -> "gemm_bf16_f32";
        };
    }

    @Override
    public Graph graph(List<Work> work, List<List<Integer>> after) {
        return new Recorded(List.copyOf(work), after);
    }

    /// Work that need not wait for one another comes in an order drawn anew each time: what a GPU may do, too.
    private final class Recorded implements Graph {
        private final List<Work> work;
        private final List<List<Integer>> after;
        private boolean closed;

        Recorded(List<Work> work, List<List<Integer>> after) {
            this.work = work;
            this.after = after;
        }

        @Override
        public void launch() {
            if (closed) {
                throw new DeviceException("emulated device, graph: launched after it was closed");
            }
            List<Integer> ready = new ArrayList<>();
            int[] missing = new int[work.size()];
            List<List<Integer>> followers = new ArrayList<>();
            for (int piece = 0; piece < work.size(); piece++) {
                followers.add(new ArrayList<>());
                missing[piece] = after.get(piece).size();
                for (int earlier : after.get(piece)) {
                    followers.get(earlier).add(piece);
                }
                if (missing[piece] == 0) {
                    ready.add(piece);
                }
            }
            while (!ready.isEmpty()) {
                int piece = ready.set(orders.nextInt(ready.size()), ready.getLast());
                ready.removeLast();
                start(work.get(piece));
                for (int follower : followers.get(piece)) {
                    if (--missing[follower] == 0) {
                        ready.add(follower);
                    }
                }
            }
        }

        @Override
        public void close() {
            closed = true;
        }
    }

    private void checkGuards(String who) {
        allocations.forEach((address, allocation) -> {
            long before = damage(allocation.whole(), 0);
            long after = damage(allocation.whole(), GUARD + allocation.bytes());
            if (before >= 0 || after >= 0) {
                repair(allocation);
                throw new DeviceException("emulated device: write out of bounds " + who + ": "
                        + (after >= 0 ? after + " bytes past the end" : GUARD - before + " bytes before the start")
                        + " of an allocation of " + allocation.bytes() + " bytes");
            }
        });
    }

    /// Place of the first byte of a guard zone that changed, or -1.
    private long damage(MemorySegment whole, long at) {
        return MemorySegment.mismatch(whole, at, at + GUARD, guard, 0, GUARD);
    }

    private void repair(Allocation allocation) {
        MemorySegment.copy(guard, 0, allocation.whole(), 0, GUARD);
        MemorySegment.copy(guard, 0, allocation.whole(), GUARD + allocation.bytes(), GUARD);
    }

    @Override
    public void synchronize() {
        checkGuards("before synchronize");
    }

    private record Moment(long nanoseconds) implements Event {
        @Override
        public double millisecondsSince(Event earlier) {
            if (!(earlier instanceof Moment moment)) {
                throw new DeviceException("emulated device: want an event of its own, got " + earlier);
            }
            return (nanoseconds - moment.nanoseconds) * 1e-6;
        }

        @Override
        public boolean reached() {
            return true;
        }
    }

    @Override
    public Event record() {
        return new Moment(System.nanoTime());
    }

    @Override
    public void close() {
        allocations.values().forEach(allocation -> allocation.arena().close());
        allocations.clear();
        usedBytes = 0;
        pinned.values().forEach(Arena::close);
        pinned.clear();
        hostMemory.close();
    }
}
