package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import org.iolaus.app.BenchLine.Spread;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What measurements print.
final class BenchTest {
    @TempDir
    Path folder;

    private static List<JsonNode> run(String... words) {
        StringWriter text = new StringWriter();
        CommandLine line = new CommandLine(new Main()).setOut(new PrintWriter(text));
        line.setExecutionExceptionHandler((thrown, _, _) -> {
            throw thrown;
        });
        assertEquals(0, line.execute(words));
        JsonMapper mapper = new JsonMapper();
        return text.toString().lines().map(mapper::readTree).toList();
    }

    @Test
    void dataPassesCountEveryTrainingFrame() {
        TinyRun.shards(folder);
        List<JsonNode> lines =
                run("bench", "data", TinyRun.config(folder).toString(), "--passes", "2", "--set", "batch_size=7");
        assertEquals(2, lines.size());
        assertEquals("built", lines.getFirst().get("neighbour_lists").asString());
        assertEquals("cached", lines.getLast().get("neighbour_lists").asString());
        for (JsonNode line : lines) {
            assertEquals(TinyRun.TRAINING, line.get("graphs").asInt());
            assertEquals(3, line.get("steps").asInt());
            double seconds = line.get("seconds").asDouble();
            assertTrue(seconds > 0);
            double rounding = 1e-4; // two figures of five digits
            double edges = line.get("edges").asDouble();
            assertEquals(TinyRun.TRAINING, line.get("graphs_per_s").asDouble() * seconds, rounding * TinyRun.TRAINING);
            assertEquals(edges, line.get("edges_per_s").asDouble() * seconds, rounding * edges);
            assertTrue(line.get("command").asString().startsWith("iolaus bench data "));
        }
    }

    @Test
    void spreadIsTheMedianAndTheOuterTenths() {
        assertEquals(new Spread(3, 1.4, 4.6), Spread.of(5, 1, 3, 2, 4));
        assertEquals(new Spread(7, 7, 7), Spread.of(7));
    }
}
