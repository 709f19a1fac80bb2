package org.iolaus.cuda;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.lower.Dependencies;
import org.jspecify.annotations.Nullable;

/// Starts work on a device: piece after piece, or as recorded graphs, in which only those pieces wait for each other
/// that touch the same memory.
public final class WorkQueue {
    private final DeviceRuntime device;
    private @Nullable Listener listener;

    /// Hears of everything that is started.
    public interface Listener {
        /// Whether [Recording]s are to start piece after piece.
        boolean apart();

        /// Something is about to be started.
        void before();

        /// It has been started.
        ///
        /// @param task null for a graph as a whole
        void after(@Nullable Task task);
    }

    public WorkQueue(DeviceRuntime device) {
        this.device = device;
    }

    public DeviceRuntime device() {
        return device;
    }

    /// Tells someone of all that is started.
    ///
    /// @param listener null: nobody
    public void listen(@Nullable Listener listener) {
        this.listener = listener;
    }

    /// Starts work after all that was started before.
    public void start(Task task) {
        Listener hears = listener;
        if (hears != null) {
            hears.before();
        }
        device.start(task.work());
        if (hears != null) {
            hears.after(task);
        }
    }

    /// Starts work, one piece after another.
    public void start(List<Task> tasks) {
        tasks.forEach(this::start);
    }

    /// Work that is started again and again.
    public Recording recording(List<Task> tasks) {
        return new Recording(tasks);
    }

    /// Work that is started again and again: piece after piece the first time, so that a device can load what it
    /// needs, then as recorded. What cannot be recorded, sums that go through the host, runs between graphs.
    public final class Recording implements AutoCloseable {
        private final List<Task> tasks;
        private final List<Part> parts = new ArrayList<>();
        private boolean started;

        /// @param graph of the tasks; null if they cannot be recorded
        private record Part(List<Task> tasks, DeviceRuntime.@Nullable Graph graph) {}

        private Recording(List<Task> tasks) {
            this.tasks = List.copyOf(tasks);
        }

        /// Starts all of it.
        public void start() {
            Listener hears = listener;
            if (!started || (hears != null && hears.apart())) {
                started = true;
                WorkQueue.this.start(tasks);
                return;
            }
            if (parts.isEmpty()) {
                record();
            }
            for (Part part : parts) {
                DeviceRuntime.Graph graph = part.graph;
                if (graph == null) {
                    WorkQueue.this.start(part.tasks);
                    continue;
                }
                if (hears != null) {
                    hears.before();
                }
                graph.launch();
                if (hears != null) {
                    hears.after(null);
                }
            }
        }

        private void record() {
            List<Task> open = new ArrayList<>();
            for (Task task : tasks) {
                if (task.work() instanceof Work.Sum sum && !sum.ranks().capturable()) {
                    record(open);
                    parts.add(new Part(List.of(task), null));
                    open = new ArrayList<>();
                } else {
                    open.add(task);
                }
            }
            record(open);
        }

        private void record(List<Task> stretch) {
            if (!stretch.isEmpty()) {
                Dependencies dependencies = new Dependencies();
                List<Work> work = stretch.stream().map(Task::work).toList();
                List<List<Integer>> after = stretch.stream()
                        .map(task -> dependencies.add(task.reads(), task.writes()))
                        .toList();
                parts.add(new Part(stretch, device.graph(work, after)));
            }
        }

        /// The work, in order.
        public List<Task> tasks() {
            return tasks;
        }

        @Override
        public void close() {
            parts.forEach(part -> {
                if (part.graph != null) {
                    part.graph.close();
                }
            });
            parts.clear();
        }
    }
}
