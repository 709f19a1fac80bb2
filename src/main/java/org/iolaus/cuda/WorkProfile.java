package org.iolaus.cuda;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Counts what a queue starts and, when asked, times each piece of it.
public final class WorkProfile implements WorkQueue.Listener {
    /// Pieces that are timed in one go. The queue of a GPU holds about a thousand, and the events count too.
    private static final int WINDOW = 300;

    /// How long the device is kept busy before a window, so that the host is ahead of it all the time.
    private static final double HEAD_START_MS = 20;

    private static final int MOST_FILLS = 2000;
    private static final long FILLED_BYTES = 256L << 20;

    private final DeviceRuntime device;
    private boolean apart;
    private long started;
    private @Nullable Window window;

    /// A piece of work and how long the device took for it.
    public record Timed(Task task, double milliseconds) {}

    /// The pieces from `first` on, counted in the order in which they are started, and what to do before them.
    private static final class Window {
        private final long first;
        private final Runnable headStart;
        private final List<Task> tasks = new ArrayList<>();
        private final List<DeviceRuntime.Event> events = new ArrayList<>();
        private long at;

        Window(long first, Runnable headStart) {
            this.first = first;
            this.headStart = headStart;
        }

        Timed timed(int i) {
            return new Timed(tasks.get(i), events.get(i + 1).millisecondsSince(events.get(i)));
        }
    }

    /// Listens to a queue.
    public WorkProfile(WorkQueue queue) {
        this.device = queue.device();
        queue.listen(this);
    }

    /// Whether recordings start piece after piece, not as graphs.
    public void startApart(boolean pieces) {
        apart = pieces;
    }

    @Override
    public boolean apart() {
        return apart;
    }

    /// How many pieces of work and graphs were started until now.
    public long started() {
        return started;
    }

    /// Times every piece that `body` starts, which has to be the same each time: it runs several times, without
    /// graphs. A time is from the end of the piece before to the end of this one, on a device that never waits for
    /// the host.
    public List<Timed> of(Runnable body) {
        boolean before = apart;
        apart = true;
        long bytes = Math.min(FILLED_BYTES, device.freeBytes() / 16);
        long scratch = device.allocate(bytes);
        try {
            long start = started;
            body.run();
            device.synchronize();
            long pieces = started - start;
            List<Timed> timed = new ArrayList<>();
            for (long first = 0; first < pieces; first += WINDOW) {
                Window once = window(first, body, scratch, bytes);
                Window again = window(first, body, scratch, bytes);
                for (int i = 0; i < once.tasks.size(); i++) {
                    Timed one = once.timed(i);
                    Timed other = again.timed(i);
                    timed.add(one.milliseconds < other.milliseconds ? one : other);
                }
            }
            if (timed.size() != pieces) {
                throw new IllegalStateException("profile: want " + pieces + " pieces as before, got " + timed.size());
            }
            return timed;
        } finally {
            device.free(scratch);
            apart = before;
        }
    }

    private Window window(long first, Runnable body, long scratch, long bytes) {
        device.fill(scratch, 0, bytes);
        DeviceRuntime.Event begin = device.record();
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
        return open;
    }

    /// What an event costs that has nothing before it, milliseconds: the part of each time of [#of] that is not
    /// the piece's.
    public double eventMilliseconds() {
        List<DeviceRuntime.Event> events = new ArrayList<>();
        for (int i = 0; i <= WINDOW; i++) {
            events.add(device.record());
        }
        device.synchronize();
        return events.getLast().millisecondsSince(events.getFirst()) / WINDOW;
    }

    @Override
    public void before() {
        Window open = window;
        if (open != null && open.at == open.first) {
            open.headStart.run();
            open.events.add(device.record());
        }
    }

    @Override
    public void after(@Nullable Task task) {
        started++;
        Window open = window;
        if (open != null) {
            if (task != null && open.at >= open.first && open.at < open.first + WINDOW) {
                open.tasks.add(task);
                open.events.add(device.record());
            }
            open.at++;
        }
    }
}
