package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.iolaus.data.Hdf5File;
import org.iolaus.data.Hdf5Writer;
import org.iolaus.verify.Devices;
import org.iolaus.verify.Verification;
import org.iolaus.verify.Verification.Line;
import org.iolaus.verify.Verification.Result;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The check itself notices what is wrong.
final class VerifyTest {
    private static final Path GOLDEN = Path.of("src/test/resources/golden/hydragnn/EGNN.h5");

    private final CommandRun command = new CommandRun();

    @TempDir
    private Path folder;

    @Test
    void aFileThatIsOneCaseAgrees() {
        Path copy = copy("plain", "", "");
        assertEquals(0, command.run("verify", copy.toString()));
        assertEquals(0, command.run("verify", "--json", "--strict", copy.toString()));
    }

    @Test
    void aValueThatDiffersFails() {
        Path copy = copy("plain", "outputs/head_1", "1e-6");
        List<Line> wrong = run(copy).lines().stream().filter(line -> !line.ok()).toList();
        assertEquals(List.of("outputs/head_1"), wrong.stream().map(Line::array).toList());
        assertTrue(wrong.getFirst().error() > 1e-8 && wrong.getFirst().error() < 1e-5, wrong.toString());
        assertEquals(1, command.run("verify", copy.toString()));
        assertEquals(0, command.run("verify", "--tolerance", "1e-4", copy.toString()));
    }

    @Test
    void aGradientThatTheReferenceDoesNotHaveMustBeZero() {
        String name = "grads/graph_shared.branch-0.0.bias";
        Result result = run(copy("plain", name, "drop"));
        assertEquals(
                List.of(name),
                result.lines().stream()
                        .filter(line -> !line.ok())
                        .map(Line::array)
                        .toList());
    }

    @Test
    void namesAndShapesOfParametersMustAgree() {
        String name = "params/graph_shared.branch-0.0.bias";
        Result dropped = run(copy("plain", name, "drop"));
        assertEquals(List.of(name), dropped.lines().stream().map(Line::array).toList());
        Result renamed = run(copy("plain", name, "rename"));
        assertEquals(
                List.of(name, name + "x"),
                renamed.lines().stream().map(Line::array).toList());
        Result longer = run(copy("plain", name, "longer"));
        assertEquals("want shape [6], got [7]", longer.lines().getFirst().remark());
        assertEquals(1, command.run("verify", copy("plain", name, "drop").toString()));
    }

    @Test
    void aCaseThatThisBuildCannotRunIsNamed() {
        Path copy = copy("plain", "config_json", "EquivariantTransformer");
        Result result = run(copy);
        assertTrue(String.valueOf(result.unsupported()).contains("EquivariantTransformer"), result.toString());
        assertEquals(0, command.run("verify", copy.toString()));
        assertEquals(1, command.run("verify", "--strict", copy.toString()));
    }

    @Test
    void aConfigurationThatThisBuildDoesNotKnowIsNamed() {
        Result result = run(copy("plain", "config_json", "unknown"));
        assertTrue(String.valueOf(result.unsupported()).contains("mpnn_tipe"), result.toString());
    }

    @Test
    void badInputIsTwo() {
        assertEquals(2, command.run("verify", folder.resolve("nothing.h5").toString()));
        assertEquals(2, command.run("verify", GOLDEN.toString(), "--case", "plane"));
        assertEquals(2, command.run("verify", "src/test/resources/golden/hydragnn/optim.h5"));
        assertEquals(2, command.run("verify"));
    }

    private static Result run(Path path) {
        try (Hdf5File file = Hdf5File.open(path)) {
            return Verification.run(file, "", Devices.cpu(), 1e-9);
        }
    }

    /// A case as a file of its own with one change: a number added to the first value, or `drop`, `rename`,
    /// `longer`, `EquivariantTransformer`.
    private Path copy(String name, String changed, String change) {
        Path path = folder.resolve(name + change + ".h5");
        Hdf5Writer out = new Hdf5Writer(path);
        try (Hdf5File file = Hdf5File.open(GOLDEN)) {
            for (String full : file.allDatasets()) {
                if (!full.startsWith(name + "/")) {
                    continue;
                }
                String dataset = full.substring(name.length() + 1);
                String act = dataset.equals(changed) ? change : "";
                if (dataset.equals("config_json") || dataset.equals("mode")) {
                    String text = file.string(full);
                    out.string(
                            dataset,
                            switch (act) {
                                case "EquivariantTransformer" ->
                                    text.replace("engine\": null", "engine\": \"EquivariantTransformer\"");
                                case "unknown" -> text.replace("mpnn_type", "mpnn_tipe");
                                default -> text;
                            });
                } else if (dataset.contains("edge_index") || dataset.contains("batch")) {
                    out.longs(dataset, file.longs(full), file.shape(full));
                } else if (!act.equals("drop")) {
                    copyNumbers(file, full, out, dataset, act);
                }
            }
        }
        out.commit();
        return path;
    }

    private static void copyNumbers(Hdf5File file, String full, Hdf5Writer out, String dataset, String act) {
        double[] values = file.doubles(full);
        switch (act) {
            case "" -> out.doubles(dataset, values, file.shape(full));
            case "rename" -> out.doubles(dataset + "x", values, file.shape(full));
            case "longer" -> out.doubles(dataset, Arrays.copyOf(values, values.length + 1));
            default -> {
                values[0] += Double.parseDouble(act);
                out.doubles(dataset, values, file.shape(full));
            }
        }
    }
}
