package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.iolaus.bench.BenchLine.Spread;
import org.iolaus.data.Hdf5Writer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What measurements print.
final class BenchTest {
    @TempDir
    Path folder;

    private static List<JsonNode> run(String... words) {
        StringWriter text = new StringWriter();
        CommandLine line = new CommandLine(new Main()).setCaseInsensitiveEnumValuesAllowed(true);
        line.setOut(new PrintWriter(text));
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

    /// Two chains of three atoms, 1.1 Å apart, with edges between neighbours.
    private Path graphs() {
        Path path = folder.resolve("chains.h5");
        Hdf5Writer out = new Hdf5Writer(path);
        out.doubles("pos", new double[] {0, 0, 0, 1.1, 0, 0, 2.2, 0, 0, 0, 0, 0, 0, 1.1, 0, 0, 2.2, 0}, 6, 3);
        out.ints("z", new int[] {1, 8, 1, 6, 7, 6});
        out.ints("batch", new int[] {0, 0, 0, 1, 1, 1});
        out.ints("edge_index", new int[] {1, 0, 2, 1, 4, 3, 5, 4, 0, 1, 1, 2, 3, 4, 4, 5}, 2, 8);
        out.doubles("energy", new double[] {-1, -2}, 2, 1);
        double[] forces = new double[18];
        Arrays.fill(forces, 0.5);
        out.doubles("forces", forces, 6, 3);
        out.doubles("cell", new double[] {0});
        out.commit();
        return path;
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "emulated"})
    void stepsAreTimedAndCounted(String device) {
        List<JsonNode> lines = run(
                "bench",
                "step",
                TinyRun.config(folder).toString(),
                "--graphs=" + graphs(),
                "--set=NeuralNetwork.Architecture.radius=2",
                "--batch=5",
                "--steps=3",
                "--warmup=1",
                "--device=" + device,
                "--precision=fp64",
                "--pieces=1000");
        assertEquals(1, lines.size());
        JsonNode line = lines.getFirst();
        assertEquals(5, line.get("graphs").asInt());
        assertEquals(15, line.get("atoms").asInt());
        assertEquals(20, line.get("edges").asInt());
        assertTrue(line.get("ms_p10").asDouble() <= line.get("ms").asDouble());
        assertTrue(line.get("ms").asDouble() <= line.get("ms_p90").asDouble());
        assertTrue(line.get("host_ms").asDouble() <= line.get("ms").asDouble());
        assertEquals(
                5e3,
                line.get("graphs_per_s").asDouble()
                        * line.get("ms_back_to_back").asDouble(),
                0.5);
        assertTrue(line.get("loss").asDouble() > 0);
        assertTrue(line.get("flops").asLong() > 100_000);
        double least = line.get("roofline_ms").asDouble();
        double share = line.get("roofline_share").asDouble();
        assertTrue(share > 0 && share < 1, line::toString);
        assertEquals(least, share * line.get("ms_back_to_back").asDouble(), 1e-4 * least);
        if (device.equals("emulated")) {
            assertEquals(2, line.get("launches").asInt(), "the inputs and the graph");
            assertTrue(line.get("launches_without_graph").asInt() > 100);
            long flops = 0;
            long bytes = 0;
            double before = Double.MAX_VALUE;
            for (JsonNode kind : line.get("most")) {
                flops += kind.path("flops").asLong();
                bytes += kind.path("bytes").asLong();
                assertTrue(kind.get("ms").asDouble() <= before);
                before = kind.get("ms").asDouble();
            }
            long parameters = line.get("parameters").asLong();
            assertEquals(line.get("flops").asLong() - 14 * parameters, flops, "all but AdamW's");
            assertEquals(line.get("bytes").asLong() - 8 * 8 * parameters, bytes, "all but AdamW's");
            assertTrue(line.get("gpu_busy_ms").asDouble() > 0);
            assertTrue(line.get("update_ms").asDouble() > 0);
            assertEquals(4, line.get("update_launches").asInt());
        }
    }

    @Test
    void spreadIsTheMedianAndTheOuterTenths() {
        assertEquals(new Spread(3, 1.4, 4.6), Spread.of(5, 1, 3, 2, 4));
        assertEquals(new Spread(7, 7, 7), Spread.of(7));
    }
}
