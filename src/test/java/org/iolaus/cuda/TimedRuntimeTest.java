package org.iolaus.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.iolaus.cuda.DeviceRuntime.Gemm;
import org.iolaus.cuda.TimedRuntime.Counts;
import org.junit.jupiter.api.Test;

/// Counting and timing change nothing of what a device does.
final class TimedRuntimeTest {
    private final TimedRuntime device = new TimedRuntime(Emulated.runtime());
    private final long memory = device.allocate(3 * 8);
    private final DeviceRuntime.Feed feed = device.feed(8);

    private void give(double number) {
        feed.next().set(ValueLayout.JAVA_DOUBLE, 0, number);
        feed.send(memory, 8);
    }

    /// Three pieces: a copy of the number, room for the product, the product of the two.
    private void body() {
        device.copy(memory + 8, memory, 8);
        device.fill(memory + 16, 0, 8);
        device.gemm(Gemm.FP64, false, false, 1, 1, 1, 1, memory, memory + 8, memory + 16);
    }

    private double result() {
        double[] result = new double[1];
        device.download(MemorySegment.ofArray(result), memory + 16, 8);
        return result[0];
    }

    @Test
    void countsPiecesAndGraphs() {
        Counts before = device.counts();
        give(3);
        body();
        assertEquals(9, result());
        assertEquals(new Counts(0, 1, 4, 0), device.counts().since(before)); // the download is one
        DeviceRuntime.Graph graph = device.capture(this::body);
        before = device.counts();
        give(5);
        graph.launch();
        assertEquals(new Counts(0, 0, 1, 1), device.counts().since(before));
        assertEquals(25, result());
    }

    @Test
    void graphsCanBeTakenApartAndPutTogetherAgain() {
        DeviceRuntime.Graph graph = device.capture(this::body);
        for (boolean record : new boolean[] {false, true, false}) {
            device.recordGraphs(record);
            give(record ? 7 : 2);
            Counts before = device.counts();
            graph.launch();
            assertEquals(
                    record ? new Counts(0, 0, 0, 1) : new Counts(0, 1, 2, 0),
                    device.counts().since(before));
            assertEquals(record ? 49 : 4, result());
        }
        graph.close();
    }

    @Test
    void profilesEveryPieceInOrder() {
        DeviceRuntime.Graph graph = device.capture(this::body);
        int repeats = 150; // more than one window
        List<TimedRuntime.Work> works = device.profile(() -> {
            give(1);
            for (int i = 0; i < repeats; i++) {
                graph.launch();
            }
        });
        String[] names = works.stream().map(TimedRuntime.Work::name).toArray(String[]::new);
        String[] want = new String[1 + 3 * repeats];
        want[0] = "input";
        for (int i = 0; i < repeats; i++) {
            want[1 + 3 * i] = "copy";
            want[2 + 3 * i] = "fill";
            want[3 + 3 * i] = "gemm 1x1x1";
        }
        assertArrayEquals(want, names);
        assertTrue(works.stream().allMatch(work -> work.milliseconds() >= 0));
        assertEquals(1, result());
        Counts before = device.counts();
        graph.launch();
        assertEquals(1, device.counts().since(before).graphs(), "recording is on again");
        assertTrue(device.eventMilliseconds() >= 0);
    }
}
