package org.iolaus.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// Lists of work give the same started piece after piece, recorded, counted and timed.
final class WorkQueueTest {
    private final DeviceRuntime device = Emulated.runtime();
    private final WorkQueue queue = new WorkQueue(device);
    private final WorkProfile profile = new WorkProfile(queue);
    private final long memory = device.allocate(3 * 8);
    private final DeviceRuntime.Feed feed = device.feed(8);

    /// Three pieces: a copy of the number, room for the product, the product of the two.
    private final WorkQueue.Recording square = queue.recording(Stream.of(
                    new Work.Copy(memory + 8, memory, 8),
                    new Work.Fill(memory + 16, 0, 8),
                    new Work.Gemm(GemmFormat.FP64, 1, 1, 1, memory, memory + 8, memory + 16))
            .map(Task::new)
            .toList());

    private void give(double number) {
        feed.next().set(ValueLayout.JAVA_DOUBLE, 0, number);
        queue.start(new Task(new Work.Send(feed, memory, 8)));
    }

    private double result() {
        double[] result = new double[1];
        device.download(MemorySegment.ofArray(result), memory + 16, 8);
        return result[0];
    }

    @Test
    void recordingsStartAsGraphsFromTheSecondTimeOn() {
        int[] pieces = {4, 2, 2};
        for (int run = 0; run < 3; run++) {
            long before = profile.started();
            give(3 + run);
            square.start();
            assertEquals(pieces[run], profile.started() - before);
            assertEquals((3 + run) * (3 + run), result());
        }
    }

    @Test
    void recordingsCanBeTakenApartAndPutTogetherAgain() {
        square.start();
        for (boolean apart : new boolean[] {true, false, true}) {
            profile.startApart(apart);
            give(apart ? 7 : 2);
            long before = profile.started();
            square.start();
            assertEquals(apart ? 3 : 1, profile.started() - before);
            assertEquals(apart ? 49 : 4, result());
        }
        square.close();
    }

    @Test
    void profilesEveryPieceInOrder() {
        square.start();
        int repeats = 150; // more than one window
        List<WorkProfile.Timed> timed = profile.of(() -> {
            give(1);
            for (int i = 0; i < repeats; i++) {
                square.start();
            }
        });
        String[] names = timed.stream().map(one -> one.task().work().name()).toArray(String[]::new);
        String[] want = new String[1 + 3 * repeats];
        want[0] = "input";
        for (int i = 0; i < repeats; i++) {
            want[1 + 3 * i] = "copy";
            want[2 + 3 * i] = "fill";
            want[3 + 3 * i] = "gemm 1x1x1";
        }
        assertArrayEquals(want, names);
        assertTrue(timed.stream().allMatch(one -> one.milliseconds() >= 0));
        assertEquals(1, result());
        long before = profile.started();
        square.start();
        assertEquals(1, profile.started() - before, "recordings are graphs again");
        assertTrue(profile.eventMilliseconds() >= 0);
    }

    /// A sum runs as soon as what it sums is there, but not before others have read it; kernels of which nobody says
    /// what they touch stay behind everything.
    @Test
    void earlyWorkStandsBehindTheLastThatTouchesTheSame() {
        Collective alone = new Collective() {
            @Override
            public boolean capturable() {
                return true;
            }

            @Override
            public void sum(long address, long count, int bytesPerNumber) {}
        };
        Task first = new Task(new Work.Fill(1000, 0, 8));
        Task second = new Task(new Work.Fill(2000, 0, 8));
        Task reader = new Task(new Work.Copy(3000, 1000, 8));
        Task other = new Task(new Work.Sum(alone, 4000, 1, 8));
        List<Task> tasks = new ArrayList<>(List.of(first, second, reader, other));
        Task ofSecond = new Task(new Work.Sum(alone, 2000, 1, 8));
        Task ofFirst = new Task(new Work.Sum(alone, 1000, 1, 8));
        Task.addEarly(tasks, ofSecond);
        Task.addEarly(tasks, ofFirst);
        assertEquals(List.of(first, second, ofSecond, reader, ofFirst, other), tasks);
        Task kernel = new Task(new Work.Launch(() -> "kernel", 1, 1, 1, 0, MemorySegment.NULL));
        tasks.add(2, kernel);
        Task ofNothing = new Task(new Work.Sum(alone, 9000, 1, 8));
        Task.addEarly(tasks, ofNothing);
        assertEquals(3, tasks.indexOf(ofNothing));
    }
}
