package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.iolaus.data.Hdf5File;
import org.iolaus.data.state.NumberType;
import org.iolaus.data.state.TorchArchive.View;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.engine.ModelState;
import org.iolaus.verify.GoldenCase;
import org.junit.jupiter.api.io.TempDir;

/// What tests of `iolaus import` share: files and configurations of golden cases in a folder of their own.
abstract class ImportRuns {
    static final Path GOLDEN = Path.of("src/test/resources/golden");

    final CommandRun command = new CommandRun();

    @TempDir
    Path folder;

    final int run(Object... words) {
        return command.run(words);
    }

    final String printed() {
        return command.out();
    }

    final String complaint() {
        return command.err();
    }

    /// What PyTorch would save of a model.
    static Map<String, View> views(Map<String, HostTensor> values, NumberType type, String prefix) {
        Map<String, View> views = new TreeMap<>();
        values.forEach((name, value) -> views.put(prefix + name, View.of(type, value)));
        return views;
    }

    static Map<String, HostTensor> values(Path checkpoint) {
        return ModelState.values(Checkpoint.read(checkpoint).model());
    }

    final void refused(Path file, Path config, String words) {
        Path imported = folder.resolve("imported.h5");
        assertEquals(2, run("import", file, "--config", config, "--set", "num_epoch=1", "--out", imported));
        assertTrue(complaint().contains(words), complaint());
        assertFalse(Files.exists(imported));
    }

    static Map<String, HostTensor> golden(String model, String group) {
        try (Hdf5File file = Hdf5File.open(GOLDEN.resolve("hydragnn").resolve(model + ".h5"))) {
            return new GoldenCase(file, group).state();
        }
    }

    /// A configuration file of a golden case's model, with the columns that the case has.
    final Path config(String model, String group) {
        try (Hdf5File file = Hdf5File.open(GOLDEN.resolve("hydragnn").resolve(model + ".h5"))) {
            String json = file.string(group + "/config_json");
            String dataset = """
                    {"Dataset": {"name": "t", "shards": "none", "path": {},
                                 "node_features": {"name": ["x", "y"], "dim": [1, 2]},
                                 "graph_features": {"name": ["e"], "dim": [1]}},""";
            return Files.writeString(
                    folder.resolve(model + ".json"), dataset + json.strip().substring(1));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
