package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What `docs/equiformer.md` claims about symmetries, on the degree where it takes least time.
final class BenchEquivarianceTest {
    private static final List<String> S2 = List.of("s2", "separable s2, grid mlp");
    private static final List<String> FORCES = List.of("direct", "conservative");

    @TempDir
    private static Path folder = Path.of("");

    private static final Map<String, JsonNode> LINES = new HashMap<>();

    @BeforeAll
    static void measure() {
        StringWriter text = new StringWriter();
        CommandLine line = new CommandLine(new Main());
        line.setOut(new PrintWriter(text));
        line.setExecutionExceptionHandler((thrown, _, _) -> {
            throw thrown;
        });
        assertEquals(
                0,
                line.execute(
                        "bench",
                        "equivariance",
                        "bench/configs/equiformer_equivariance.json",
                        "--lmax=2",
                        "--grids=8,14,26",
                        "--systems=3",
                        "--rotations=2",
                        "--plot=" + folder));
        JsonMapper mapper = new JsonMapper();
        text.toString().lines().map(mapper::readTree).forEach(node -> {
            assertTrue(node.get("command").asString().startsWith("iolaus bench equivariance "));
            String key = node.get("forces").asString() + "/"
                    + node.get("activation").asString() + "/" + node.get("grid_resolution");
            LINES.put(key, node);
        });
    }

    @Test
    void symmetriesAreKeptToRoundingOrToTheErrorOfTheGrid() {
        assertEquals(14, LINES.size());
        for (String forces : FORCES) {
            JsonNode gate = line(forces + "/gate/null");
            for (String what : List.of("rotation", "translation", "permutation", "batch")) {
                atMost(1e-12, gate, what);
            }
            broken(gate);
            for (String activation : S2) {
                JsonNode coarse = line(forces + "/" + activation + "/8");
                JsonNode middle = line(forces + "/" + activation + "/14");
                JsonNode fine = line(forces + "/" + activation + "/26");
                assertTrue(of(coarse, "rotation") > 1e-6, () -> "want an error of the grid, got " + coarse);
                assertTrue(of(middle, "rotation") < of(coarse, "rotation") / 20, () -> coarse + "\n" + middle);
                assertTrue(of(fine, "rotation") < of(middle, "rotation") / 100, () -> middle + "\n" + fine);
                atMost(1e-9, fine, "rotation");
                atMost(1e-12, coarse, "translation");
                broken(fine);
            }
        }
    }

    /// Random rolls are numbered by edge, so that another order of the edges, or other graphs before them, is another
    /// gauge; smooth frames know nothing but the edge.
    @Test
    void randomRollsShowByTheErrorOfTheGrid() {
        atMost(1e-12, line("direct/gate/null"), "gauge");
        for (String activation : S2) {
            JsonNode coarse = line("direct/" + activation + "/8");
            JsonNode fine = line("direct/" + activation + "/26");
            JsonNode smooth = line("conservative/" + activation + "/8");
            for (String what : List.of("gauge", "permutation", "batch")) {
                assertTrue(of(coarse, what) > 1e-7, () -> what + ": want an error of the grid, got " + coarse);
                atMost(1e-9, fine, what);
            }
            atMost(1e-12, smooth, "permutation");
            atMost(1e-12, smooth, "batch");
        }
    }

    @Test
    void picturesAreDrawn() throws Exception {
        for (String forces : FORCES) {
            assertTrue(Files.size(folder.resolve("equivariance_" + forces + ".png")) > 5000);
        }
    }

    private static JsonNode line(String key) {
        return Objects.requireNonNull(LINES.get(key), key);
    }

    /// Mirror images are other systems to SO(2) maps with imaginary parts.
    private static void broken(JsonNode line) {
        assertTrue(line.get("inversion_energy").asDouble() > 1e-4, line::toString);
        assertTrue(line.get("inversion_forces").asDouble() > 1e-2, line::toString);
    }

    private static void atMost(double limit, JsonNode line, String what) {
        assertTrue(of(line, what) < limit, () -> what + ": want less than " + limit + ", got " + line);
    }

    /// The larger one of the errors of energy and forces.
    private static double of(JsonNode line, String what) {
        return Math.max(
                line.get(what + "_energy").asDouble(),
                line.get(what + "_forces").asDouble());
    }
}
