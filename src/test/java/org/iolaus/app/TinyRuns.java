package org.iolaus.app;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.iolaus.comm.LocalComm;
import org.iolaus.comm.SoloComm;
import org.iolaus.train.checkpoint.Checkpoint;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/// What tests of whole runs share: shards and a configuration in a folder of their own.
abstract class TinyRuns {
    @TempDir
    Path folder;

    Path config = Path.of("");

    @BeforeEach
    final void data() {
        TinyRun.shards(folder);
        config = TinyRun.config(folder);
    }

    final void solo(String... overrides) {
        try (SoloComm comm = new SoloComm()) {
            TinyRun.train(comm, config, overrides);
        }
    }

    final void train(int ranks, String... overrides) {
        LocalComm.run(ranks, comm -> TinyRun.train(comm, config, overrides));
    }

    final Path logs(String run) {
        return folder.resolve("logs").resolve(run);
    }

    final Path newest(String run) throws IOException {
        return TinyRun.newest(folder, run);
    }

    final Checkpoint last(String run) throws IOException {
        return Checkpoint.read(newest(run));
    }

    final List<String> metrics(String run) throws IOException {
        return TinyRun.metrics(folder, run);
    }

    /// All files of a run by name.
    final Map<String, byte[]> files(String run) throws IOException {
        Map<String, byte[]> contents = new TreeMap<>();
        try (Stream<Path> files = Files.list(logs(run))) {
            for (Path file : files.toList()) {
                contents.put(file.getFileName().toString(), Files.readAllBytes(file));
            }
        }
        return contents;
    }

    /// Takes from a run what a kill after a step would not have left; its metrics may be newer than that.
    final void cutBack(String run, long step) throws IOException {
        for (String name : files(run).keySet()) {
            boolean late = name.startsWith("checkpoint-") && TinyRun.step(Path.of(name)) > step;
            if (late || name.equals("best.h5")) {
                Files.delete(logs(run).resolve(name));
            }
        }
    }

    static String[] with(String[] settings, String... more) {
        return Stream.of(settings, more).flatMap(Stream::of).toArray(String[]::new);
    }
}
