package org.iolaus.train.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBarBuilder;
import org.junit.jupiter.api.Test;

class ProgressTest {
    private static String barsOf(boolean speaks, boolean terminal) {
        Queue<String> drawn = new ConcurrentLinkedQueue<>(); // written by the library's thread
        try (Progress progress = new Progress(
                speaks,
                terminal,
                () -> new ProgressBarBuilder().setConsumer(new DelegatingProgressBarConsumer(drawn::add)))) {
            for (int epoch = 1; epoch <= 2; epoch++) {
                progress.begin("epoch " + epoch + "/2", 1, 4);
                for (int step = 1; step < 4; step++) {
                    progress.step("loss 0.5");
                }
                progress.end("epoch " + epoch + "/2: loss 0.5");
            }
        }
        return String.join("", drawn);
    }

    @Test
    void barOnlyOnATerminalOfRankZero() {
        String drawn = barsOf(true, true);
        assertTrue(drawn.contains("epoch 1/2") && drawn.contains("epoch 2/2") && drawn.contains("4/4"), drawn);
        assertEquals("", barsOf(true, false));
        assertEquals("", barsOf(false, true));
    }
}
