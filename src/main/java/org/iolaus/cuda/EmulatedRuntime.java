package org.iolaus.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
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

    private final long totalBytes;
    private final Arena hostMemory = Arena.ofShared();
    private final HostCompiler compiler = new HostCompiler();
    private final MemorySegment guard;
    private final Random orders = new Random(1);
    private final TreeMap<Long, Allocation> allocations = new TreeMap<>();
    private long usedBytes;
    private @Nullable Library builtin;
    private @Nullable Recording recording;

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
    public long allocate(long bytes) {
        notRecording("allocate");
        if (bytes < 0 || bytes > freeBytes()) {
            throw new DeviceException("emulated device, allocate: want at most " + freeBytes() + " free bytes of "
                    + totalBytes + ", got " + bytes);
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
        notRecording("free");
        checkGuards("before free");
        Allocation allocation = allocations.remove(address);
        if (allocation == null) {
            throw new DeviceException("emulated device, free: want an address from allocate, got " + address);
        }
        usedBytes -= allocation.bytes();
        allocation.arena().close();
    }

    @Override
    public MemorySegment allocateHost(long bytes) {
        return hostMemory.allocate(Math.max(1, bytes), ALIGNMENT);
    }

    @Override
    public void upload(long destination, MemorySegment source, long bytes) {
        submit(() -> MemorySegment.copy(source, 0, memory("upload", destination, bytes), 0, bytes));
    }

    @Override
    public void download(MemorySegment destination, long source, long bytes) {
        notRecording("download");
        MemorySegment.copy(memory("download", source, bytes), 0, destination, 0, bytes);
    }

    @Override
    public Feed feed(long bytes) {
        MemorySegment slot = allocateHost(bytes);
        return new Feed() {
            @Override
            public MemorySegment next() {
                return slot;
            }

            @Override
            public void send(long destination, long count) {
                upload(destination, slot, count);
            }

            @Override
            public void close() {}
        };
    }

    @Override
    public void copy(long destination, long source, long bytes) {
        submit(() -> MemorySegment.copy(
                memory("copy from", source, bytes), 0, memory("copy to", destination, bytes), 0, bytes));
    }

    @Override
    public void fill(long address, int value, long bytes) {
        submit(() -> memory("fill", address, bytes).fill((byte) value));
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
    public Module compile(String name, String source) {
        return new Library(name, compiler.compile(name, KernelSource.expand(source)));
    }

    @Override
    public int compilesAtOnce() {
        return 1;
    }

    @Override
    public List<Module> compile(String name, List<String> sources) {
        return sources.stream().map(source -> compile(name, source)).toList();
    }

    @Override
    public void launch(Kernel kernel, int gridX, int gridY, int blockX, int sharedBytes, MemorySegment arguments) {
        if (!(kernel instanceof HostKernel host)) {
            throw new DeviceException("emulated device, launch: want a kernel of its own, got " + kernel);
        }
        if (gridX < 1 || gridY < 1 || gridY > 65535 || blockX < 1 || blockX > 1024 || sharedBytes < 0) {
            throw new DeviceException("emulated device, " + kernel.name()
                    + ": want 1 <= gridX, 1 <= gridY <= 65535, 1 <= blockX <= 1024 and sharedBytes >= 0, got " + gridX
                    + ", " + gridY + ", " + blockX + " and " + sharedBytes);
        }
        MemorySegment copy = Arena.ofAuto().allocate(Math.max(8, arguments.byteSize()), 16);
        MemorySegment.copy(arguments, 0, copy, 0, arguments.byteSize());
        submit(() -> {
            String wrong = host.entry().run(copy, gridX, gridY, blockX, sharedBytes);
            if (wrong != null) {
                throw new DeviceException("emulated device, " + kernel.name() + ": " + wrong);
            }
            checkGuards("by " + kernel.name());
        });
    }

    @Override
    public void gemm(
            int lane,
            Gemm format,
            boolean transposeA,
            boolean transposeB,
            int m,
            int n,
            int k,
            int batch,
            long a,
            long b,
            long c) {
        memory("gemm a", a, (long) batch * m * k * format.operandBytes());
        memory("gemm b", b, (long) batch * k * n * format.operandBytes());
        memory("gemm c", c, (long) batch * m * n * format.resultBytes());
        long rows = (long) batch * m;
        if (rows == 0 || n == 0) {
            return;
        }
        try (Arena scope = Arena.ofConfined()) {
            MemorySegment arguments = scope.allocateFrom(
                    ValueLayout.JAVA_LONG,
                    a,
                    b,
                    c,
                    batch,
                    m,
                    n,
                    k,
                    transposeA ? 1 : 0,
                    transposeB ? 1 : 0,
                    format == Gemm.TF32 || format == Gemm.TF32_ADDED ? 1 : 0,
                    format == Gemm.TF32_ADDED ? 1 : 0);
            Kernel kernel = library().kernel(kernel(format));
            launch(kernel, (int) ((rows + GEMM_BLOCK - 1) / GEMM_BLOCK), 1, GEMM_BLOCK, 0, arguments);
        }
    }

    private static String kernel(Gemm format) {
        return switch (format) {
            case FP64 -> "gemm_f64";
            case FP32, TF32, TF32_ADDED -> "gemm_f32";
            case BF16 -> "gemm_bf16";
            case BF16_FP32 -> "gemm_bf16_f32";
        };
    }

    /// Runs now, or when the graph does that is being recorded.
    private void submit(Runnable work) {
        if (recording != null) {
            recording.add(work);
        } else {
            work.run();
        }
    }

    /// What a capture records: pieces of work, each with those that it waits for.
    private final class Recording implements Graph {
        private final List<Node> nodes = new ArrayList<>();
        /// What the next piece waits for, in the stream and beside it.
        private Set<Integer> next = Set.of();

        private Set<Integer> nextBeside = Set.of();
        private boolean beside;

        private record Node(Runnable work, Set<Integer> after) {}

        void add(Runnable work) {
            nodes.add(new Node(work, beside ? nextBeside : next));
            Set<Integer> last = Set.of(nodes.size() - 1);
            if (beside) {
                nextBeside = last;
            } else {
                next = last;
            }
        }

        private static Set<Integer> joined(Set<Integer> left, Set<Integer> right) {
            Set<Integer> all = new HashSet<>(left);
            all.addAll(right);
            return all;
        }

        /// Work that need not wait for one another comes in an order drawn anew each time: what a GPU may do, too.
        @Override
        public void launch() {
            List<Integer> ready = new ArrayList<>();
            int[] missing = new int[nodes.size()];
            List<List<Integer>> followers = new ArrayList<>();
            for (int node = 0; node < nodes.size(); node++) {
                followers.add(new ArrayList<>());
            }
            for (int node = 0; node < nodes.size(); node++) {
                missing[node] = nodes.get(node).after.size();
                for (int earlier : nodes.get(node).after) {
                    followers.get(earlier).add(node);
                }
                if (missing[node] == 0) {
                    ready.add(node);
                }
            }
            while (!ready.isEmpty()) {
                int node = ready.set(orders.nextInt(ready.size()), ready.getLast());
                ready.removeLast();
                submit(nodes.get(node).work);
                for (int follower : followers.get(node)) {
                    if (--missing[follower] == 0) {
                        ready.add(follower);
                    }
                }
            }
        }

        @Override
        public void close() {
            nodes.clear();
        }
    }

    @Override
    public Graph capture(Runnable body) {
        notRecording("capture");
        Recording made = new Recording();
        recording = made;
        try {
            body.run();
        } finally {
            recording = null;
        }
        return made;
    }

    private record Place(Set<Integer> nodes) implements Mark {}

    @Override
    public Mark mark() {
        return new Place(recording == null ? Set.of() : recording.next);
    }

    @Override
    public void after(Collection<Mark> marks) {
        if (recording != null) {
            Set<Integer> all = new HashSet<>();
            marks.forEach(mark -> all.addAll(((Place) mark).nodes));
            recording.next = all;
        }
    }

    @Override
    public void beside(Runnable body) {
        Recording open = recording;
        if (open == null) {
            body.run();
            return;
        }
        open.nextBeside = Recording.joined(open.next, open.nextBeside);
        open.beside = true;
        try {
            body.run();
        } finally {
            open.beside = false;
        }
    }

    @Override
    public void rejoin() {
        if (recording != null) {
            recording.next = Recording.joined(recording.next, recording.nextBeside);
        }
    }

    private void notRecording(String what) {
        if (recording != null) {
            throw new DeviceException("emulated device, " + what + ": want it outside of a capture");
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
        notRecording("synchronize");
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
        notRecording("record");
        return new Moment(System.nanoTime());
    }

    @Override
    public void close() {
        allocations.values().forEach(allocation -> allocation.arena().close());
        allocations.clear();
        usedBytes = 0;
        hostMemory.close();
    }
}
