package org.iolaus.train.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.iolaus.data.DataException;
import org.iolaus.train.report.MetricsLog.Position;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetricsLogTest {
    private static final List<String> COLUMNS = List.of("epoch", "train_loss", "validation_loss");

    @TempDir
    Path folder;

    private MetricsLog open(@Nullable Position resume) {
        return new MetricsLog(folder, COLUMNS, new JsonLine().put("seed", 7), resume);
    }

    private static void epoch(MetricsLog log, int epoch) {
        log.row(epoch, 1.0 / (epoch + 3), epoch == 1 ? Double.NaN : 1e-7);
        log.line(new JsonLine().put("epoch", epoch).put("loss", 1.0 / (epoch + 3)));
    }

    @Test
    void writesStableText() throws IOException {
        try (MetricsLog log = open(null)) {
            epoch(log, 0);
            epoch(log, 1);
            assertEquals("""
                    epoch,train_loss,validation_loss
                    0,0.3333333333333333,1.0E-7
                    1,0.25,
                    """, Files.readString(folder.resolve("metrics.csv")), "also while the log is open");
            assertEquals("""
                    {"seed":7}
                    {"epoch":0,"loss":0.3333333333333333}
                    {"epoch":1,"loss":0.25}
                    """, Files.readString(folder.resolve("metrics.jsonl")));
        }
    }

    @Test
    void resumedFilesEqualThoseOfAnUninterruptedRun() throws IOException {
        try (MetricsLog log = open(null)) {
            for (int epoch = 0; epoch < 6; epoch++) {
                epoch(log, epoch);
            }
        }
        String csv = Files.readString(folder.resolve("metrics.csv"));
        String jsonl = Files.readString(folder.resolve("metrics.jsonl"));

        Position checkpoint;
        try (MetricsLog log = open(null)) {
            epoch(log, 0);
            epoch(log, 1);
            checkpoint = log.position();
            epoch(log, 2);
            log.row(99, 99, 99);
        }
        Files.writeString(folder.resolve("metrics.jsonl"), "{\"half a li", StandardOpenOption.APPEND);
        try (MetricsLog log = open(checkpoint)) {
            for (int epoch = 2; epoch < 6; epoch++) {
                epoch(log, epoch);
            }
        }
        assertEquals(csv, Files.readString(folder.resolve("metrics.csv")));
        assertEquals(jsonl, Files.readString(folder.resolve("metrics.jsonl")));
    }

    @Test
    void fileThatLostLinesKeepsTheCompleteOnes() throws IOException {
        Files.writeString(folder.resolve("metrics.csv"), "epoch,train_loss,validation_loss\n0,1,2\n1,");
        try (MetricsLog log = open(new Position(1000, 1000))) {
            log.row(5, 6, 7);
        }
        assertEquals(
                "epoch,train_loss,validation_loss\n0,1,2\n5,6,7\n", Files.readString(folder.resolve("metrics.csv")));
        assertEquals("{\"seed\":7}\n", Files.readString(folder.resolve("metrics.jsonl")));
    }

    @Test
    void refusesOtherColumnsAndRows() throws IOException {
        try (MetricsLog log = open(null)) {
            assertThrows(IllegalArgumentException.class, () -> log.row(1, 2));
        }
        String other = "epoch,loss,something_else_of_that_length\n";
        Files.writeString(folder.resolve("metrics.csv"), other);
        assertThrows(DataException.class, () -> open(new Position(1, 0)));
        Path file = folder.resolve("metrics.csv");
        assertThrows(DataException.class, () -> new MetricsLog(file, COLUMNS, new JsonLine(), null));
    }

    @Test
    void jsonIsOneValidLine() {
        assertEquals("{}", new JsonLine().toString());
        assertEquals(
                "{\"a\\\"\":\"\\\\\\n\\t\\u0001Å\",\"n\":-3,\"x\":1.5,\"nan\":null,\"config\":{\"b\":[1]}}",
                new JsonLine()
                        .put("a\"", "\\\n\t\u0001Å")
                        .put("n", -3)
                        .put("x", 1.5)
                        .put("nan", Double.NaN)
                        .raw("config", "{\n \"b\": [1]\n}")
                        .toString());
    }
}
