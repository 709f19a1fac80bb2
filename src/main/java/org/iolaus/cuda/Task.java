package org.iolaus.cuda;

import java.util.List;
import java.util.stream.Stream;
import org.iolaus.lower.Dependencies;
import org.iolaus.lower.Dependencies.Range;

/// Work in a list: what it reads and writes decides what of the list it waits for.
///
/// @param reads ranges of memory, which need not hold what the list only reads; likewise `writes`
/// @param step of a program's schedule that it belongs to, or [#NO_STEP]
public record Task(Work work, List<Range> reads, List<Range> writes, int step) {
    /// Of work beside a program.
    public static final int NO_STEP = -1;

    /// Work that touches what it says itself: a kernel, everything.
    public Task(Work work) {
        this(work, work.reads(), work.writes());
    }

    /// Work beside a program.
    public Task(Work work, List<Range> reads, List<Range> writes) {
        this(work, reads, writes, NO_STEP);
    }

    public Task {
        writes = Stream.concat(writes.stream(), work.exclusive().stream()).toList();
    }

    /// Puts work into a list as early as it may stand there: behind the last that reads or writes what this one
    /// writes, or writes what it reads. Neither lanes nor the order of sums count.
    public static void addEarly(List<Task> tasks, Task task) {
        int at = tasks.size();
        while (at > 0 && !task.waitsFor(tasks.get(at - 1))) {
            at--;
        }
        tasks.add(at, task);
    }

    private boolean waitsFor(Task earlier) {
        List<Range> exclusive = work.exclusive();
        List<Range> own =
                writes.stream().filter(range -> !exclusive.contains(range)).toList();
        return Dependencies.meet(own, earlier.writes)
                || Dependencies.meet(own, earlier.reads)
                || Dependencies.meet(reads, earlier.writes);
    }
}
