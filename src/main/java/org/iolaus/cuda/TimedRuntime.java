package org.iolaus.cuda;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A device that counts what is started on it and, when asked, times each piece of it. Otherwise it is the device it
/// is made from; closing it closes that.
public final class TimedRuntime implements DeviceRuntime {
    /// Pieces that are timed in one go. The queue of a GPU holds about a thousand, and the events count too.
    private static final int WINDOW = 300;

    /// How long the device is kept busy before a window, so that the host is ahead of it all the time.
    private static final double HEAD_START_MS = 20;

    private static final int MOST_FILLS = 2000;
    private static final long FILLED_BYTES = 256L << 20;

    private final DeviceRuntime device;
    private boolean graphs = true;
    private boolean recording;
    private Counts counts = new Counts(0, 0, 0, 0);
    private @Nullable Window window;
    private int step = -1;

    /// What was started, not counting what is within a graph.
    ///
    /// @param products of matrices
    /// @param copies to, from and within the device, and fills
    public record Counts(long kernels, long products, long copies, long graphs) {
        /// What came after an earlier count.
        public Counts since(Counts earlier) {
            return new Counts(
                    kernels - earlier.kernels,
                    products - earlier.products,
                    copies - earlier.copies,
                    graphs - earlier.graphs);
        }

        /// All together.
        public long launches() {
            return kernels + products + copies + graphs;
        }
    }

    /// A piece of work and how long the device took for it.
    ///
    /// @param name the kernel, `gemm MxNxK`, `copy`, `fill` or `input`
    /// @param step of a program's schedule that it belongs to, -1 for none
    public record Work(String name, int step, double milliseconds) {}

    /// The pieces from `first` on, counted in the order in which they are started, and what to do before them.
    private static final class Window {
        private final long first;
        private final Runnable headStart;
        private final List<String> names = new ArrayList<>();
        private final List<Integer> steps = new ArrayList<>();
        private final List<Event> events = new ArrayList<>();
        private long at;

        Window(long first, Runnable headStart) {
            this.first = first;
            this.headStart = headStart;
        }

        List<Work> works() {
            List<Work> works = new ArrayList<>();
            for (int i = 0; i < names.size(); i++) {
                works.add(new Work(names.get(i), steps.get(i), events.get(i + 1).millisecondsSince(events.get(i))));
            }
            return works;
        }
    }

    public TimedRuntime(DeviceRuntime device) {
        this.device = device;
    }

    /// Whether a captured [Graph] starts as a whole; if not, it starts its pieces one by one. Holds for those that
    /// were captured before, too.
    public void recordGraphs(boolean record) {
        graphs = record;
    }

    /// What was started until now.
    public Counts counts() {
        return counts;
    }

    /// Times every piece that `body` starts, which has to be the same each time: it runs several times, without
    /// graphs. A time is from the end of the piece before to the end of this one, on a device that never waits for
    /// the host; what is beside the stream counts as nothing.
    public List<Work> profile(Runnable body) {
        boolean before = graphs;
        graphs = false;
        long bytes = Math.min(FILLED_BYTES, device.freeBytes() / 16);
        long scratch = device.allocate(bytes);
        try {
            Counts start = counts;
            body.run();
            device.synchronize();
            long pieces = counts.since(start).launches();
            List<Work> works = new ArrayList<>();
            for (long first = 0; first < pieces; first += WINDOW) {
                List<Work> once = window(first, body, scratch, bytes);
                List<Work> again = window(first, body, scratch, bytes);
                for (int i = 0; i < once.size(); i++) {
                    Work one = once.get(i);
                    works.add(new Work(one.name, one.step, Math.min(one.milliseconds, again.get(i).milliseconds)));
                }
            }
            if (works.size() != pieces) {
                throw new IllegalStateException("profile: want " + pieces + " pieces as before, got " + works.size());
            }
            return works;
        } finally {
            device.free(scratch);
            graphs = before;
        }
    }

    private List<Work> window(long first, Runnable body, long scratch, long bytes) {
        device.fill(scratch, 0, bytes);
        Event begin = device.record();
        device.fill(scratch, 0, bytes);
        double once = device.record().millisecondsSince(begin);
        int fills = Math.clamp((long) (HEAD_START_MS / Math.max(once, 1e-3)), 1, MOST_FILLS);
        Window open = new Window(first, () -> {
            for (int i = 0; i < fills; i++) {
                device.fill(scratch, 0, bytes);
            }
        });
        window = open;
        try {
            body.run();
        } finally {
            window = null;
        }
        device.synchronize();
        return open.works();
    }

    /// What an event costs that has nothing before it, milliseconds: the part of each time in [#profile] that is not
    /// the piece's.
    public double eventMilliseconds() {
        List<Event> events = new ArrayList<>();
        for (int i = 0; i <= WINDOW; i++) {
            events.add(device.record());
        }
        device.synchronize();
        return events.getLast().millisecondsSince(events.getFirst()) / WINDOW;
    }

    private void piece(String name, Counts one, Runnable start) {
        if (recording) {
            start.run();
            return;
        }
        Window open = window;
        long number = open == null ? -1 : open.at++;
        if (open != null && number == open.first) {
            open.headStart.run();
            open.events.add(device.record());
        }
        start.run();
        if (open != null && number >= open.first && number < open.first + WINDOW) {
            open.names.add(name);
            open.steps.add(step);
            open.events.add(device.record());
        }
        counts = new Counts(
                counts.kernels + one.kernels,
                counts.products + one.products,
                counts.copies + one.copies,
                counts.graphs + one.graphs);
    }

    private static final Counts KERNEL = new Counts(1, 0, 0, 0);
    private static final Counts PRODUCT = new Counts(0, 1, 0, 0);
    private static final Counts COPY = new Counts(0, 0, 1, 0);
    private static final Counts GRAPH = new Counts(0, 0, 0, 1);

    @Override
    public void launch(Kernel kernel, int gridX, int gridY, int blockX, int sharedBytes, MemorySegment arguments) {
        piece(kernel.name(), KERNEL, () -> device.launch(kernel, gridX, gridY, blockX, sharedBytes, arguments));
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
        String name = "gemm " + m + "x" + n + "x" + k + (batch == 1 ? "" : " times " + batch);
        piece(name, PRODUCT, () -> device.gemm(lane, format, transposeA, transposeB, m, n, k, batch, a, b, c));
    }

    @Override
    public void upload(long destination, MemorySegment source, long bytes) {
        piece("upload", COPY, () -> device.upload(destination, source, bytes));
    }

    @Override
    public void download(MemorySegment destination, long source, long bytes) {
        piece("download", COPY, () -> device.download(destination, source, bytes));
    }

    @Override
    public void copy(long destination, long source, long bytes) {
        piece("copy", COPY, () -> device.copy(destination, source, bytes));
    }

    @Override
    public void fill(long address, int value, long bytes) {
        piece("fill", COPY, () -> device.fill(address, value, bytes));
    }

    @Override
    public Feed feed(long bytes) {
        Feed feed = device.feed(bytes);
        return new Feed() {
            @Override
            public MemorySegment next() {
                return feed.next();
            }

            @Override
            public void send(long destination, long count) {
                piece("input", COPY, () -> feed.send(destination, count));
            }

            @Override
            public void close() {
                feed.close();
            }
        };
    }

    @Override
    public Mark mark() {
        return device.mark();
    }

    @Override
    public void after(Collection<Mark> marks) {
        device.after(marks);
    }

    @Override
    public void at(int next) {
        step = next;
    }

    @Override
    public Graph capture(Runnable body) {
        return new SwitchedGraph(body);
    }

    /// Recorded at its first start as a whole.
    private final class SwitchedGraph implements Graph {
        private final Runnable body;
        private @Nullable Graph recorded;

        SwitchedGraph(Runnable body) {
            this.body = body;
        }

        @Override
        public void launch() {
            if (!graphs) {
                body.run();
                return;
            }
            Graph known = recorded;
            if (known == null) {
                recording = true;
                try {
                    known = device.capture(body);
                } finally {
                    recording = false;
                }
                recorded = known;
            }
            piece("graph", GRAPH, known::launch);
        }

        @Override
        public void close() {
            Graph known = recorded;
            if (known != null) {
                known.close();
            }
        }
    }

    @Override
    public String name() {
        return device.name();
    }

    @Override
    public long totalBytes() {
        return device.totalBytes();
    }

    @Override
    public long freeBytes() {
        return device.freeBytes();
    }

    @Override
    public long allocate(long bytes) {
        return device.allocate(bytes);
    }

    @Override
    public void free(long address) {
        device.free(address);
    }

    @Override
    public MemorySegment allocateHost(long bytes) {
        return device.allocateHost(bytes);
    }

    @Override
    public void beside(Runnable body) {
        device.beside(body);
    }

    @Override
    public void rejoin() {
        device.rejoin();
    }

    @Override
    public Module builtin() {
        return device.builtin();
    }

    @Override
    public Module compile(String name, String source) {
        return device.compile(name, source);
    }

    @Override
    public int compilesAtOnce() {
        return device.compilesAtOnce();
    }

    @Override
    public List<Module> compile(String name, List<String> sources) {
        return device.compile(name, sources);
    }

    @Override
    public void synchronize() {
        device.synchronize();
    }

    @Override
    public Event record() {
        return device.record();
    }

    @Override
    public void close() {
        device.close();
    }
}
