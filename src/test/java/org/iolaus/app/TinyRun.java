package org.iolaus.app;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.iolaus.atoms.Structure;
import org.iolaus.comm.Comm;
import org.iolaus.comm.SoloComm;
import org.iolaus.config.ConfigReader;
import org.iolaus.convert.Convert;
import org.iolaus.convert.FrameCheck;
import org.iolaus.convert.Splits;
import org.iolaus.data.FrameSource;
import org.iolaus.data.Neighbours;
import org.iolaus.run.TrainingRun;
import org.jspecify.annotations.Nullable;

/// A small data set with a pair potential, and a small network for it: what end-to-end tests train.
final class TinyRun {
    static final int TRAINING = 20;
    private static final double CUTOFF = 3.0;

    private TinyRun() {}

    /// Clusters of two elements bound by springs of different lengths.
    static List<Structure> frames(int count, long seed) {
        Random random = new Random(seed);
        List<Structure> frames = new ArrayList<>();
        for (int f = 0; f < count; f++) {
            int n = 4 + random.nextInt(4);
            int[] numbers = new int[n];
            double[] positions = new double[3 * n];
            for (int i = 0; i < n; i++) {
                numbers[i] = random.nextBoolean() ? 1 : 8;
                positions[3 * i] = 1.3 * (i % 2) + 0.2 * random.nextGaussian();
                positions[3 * i + 1] = 1.3 * (i / 2 % 2) + 0.2 * random.nextGaussian();
                positions[3 * i + 2] = 1.3 * (i / 4) + 0.2 * random.nextGaussian();
            }
            double energy = 0;
            double[] forces = new double[3 * n];
            for (int i = 0; i < n; i++) {
                energy += numbers[i] == 1 ? -1 : -3;
                for (int j = 0; j < i; j++) {
                    double[] d = new double[3];
                    double r = 0;
                    for (int k = 0; k < 3; k++) {
                        d[k] = positions[3 * i + k] - positions[3 * j + k];
                        r += d[k] * d[k];
                    }
                    r = Math.sqrt(r);
                    double rest = numbers[i] == numbers[j] ? 1.4 : 1.2;
                    energy += 0.5 * (r - rest) * (r - rest);
                    for (int k = 0; k < 3; k++) {
                        forces[3 * i + k] -= (r - rest) * d[k] / r;
                        forces[3 * j + k] += (r - rest) * d[k] / r;
                    }
                }
            }
            frames.add(new Structure(
                    numbers,
                    positions,
                    null,
                    new boolean[3],
                    energy,
                    forces,
                    null,
                    Map.of(),
                    Map.of(),
                    "tiny frame " + f));
        }
        return frames;
    }

    /// Shards of 20 training, 6 validation and 4 test frames.
    static Path shards(Path folder) {
        return shards(folder, null);
    }

    /// The same with a second neighbour list.
    static Path shards(Path folder, @Nullable Neighbours attention) {
        return shards(
                folder,
                frames(30, 5),
                new Splits.Counts(TRAINING, 6, 4, false, 3),
                Set.of("energy", "forces"),
                attention);
    }

    /// Shards of given frames, about eight in each file.
    static Path shards(Path folder, List<Structure> frames, Splits.Counts counts, Set<String> required) {
        return shards(folder, frames, counts, required, null);
    }

    private static Path shards(
            Path folder,
            List<Structure> frames,
            Splits.Counts counts,
            Set<String> required,
            @Nullable Neighbours attention) {
        Path out = folder.resolve("shards");
        Convert.run(
                List.of(new Convert.Input(source(folder), null, () -> FrameSource.of(frames))),
                new Convert.Options(
                        out,
                        Convert.Existing.REPLACE,
                        new Neighbours(CUTOFF, null),
                        attention,
                        null,
                        counts,
                        new FrameCheck.Required(required, Map.of(), Map.of()),
                        45,
                        "test",
                        "2026-01-01",
                        ""),
                new SoloComm());
        return out;
    }

    private static Path source(Path folder) {
        try {
            return Files.writeString(folder.resolve("frames.txt"), "made in the test");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// A configuration file for those shards.
    static Path config(Path folder) {
        String json = """
                {
                  "Dataset": {"name": "tiny", "format": "extxyz", "path": {"total": "none.xyz"},
                              "split": {"counts": [20, 6, 4]}, "shards": "%1$s/shards"},
                  "NeuralNetwork": {
                    "Architecture": {
                      "mpnn_type": "PAINN", "radius": 3.0, "num_radial": 6, "hidden_dim": 8, "num_conv_layers": 2,
                      "activation_function": "silu", "element_embedding": true,
                      "output_heads": {"node": {"num_headlayers": 1, "dim_headlayers": [8], "type": "mlp"}},
                      "enable_interatomic_potential": true, "energy_peratom_weight": 1.0, "force_weight": 1.0,
                      "energy_scale": "auto", "energy_reference": "per_element"
                    },
                    "Variables_of_interest": {"output_names": ["energy"], "output_index": [0], "type": ["node"]},
                    "Training": {
                      "num_epoch": 4, "batch_size": 4, "Optimizer": {"type": "AdamW", "learning_rate": 0.005},
                      "Checkpoint": true, "log_path": "%1$s/logs", "log_name": "run", "keep_checkpoints": 100, "threads": 1
                    }
                  }
                }
                """.formatted(folder);
        try {
            return Files.writeString(folder.resolve("tiny.json"), json);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// A configuration of two heads, with batch normalisation, for the same shards.
    static Path headsConfig(Path folder) {
        String json = """
                {
                  "Dataset": {"name": "tiny", "format": "extxyz", "path": {"total": "none.xyz"},
                              "node_features": {"name": ["atomic_number", "forces"], "dim": [1, 3]},
                              "graph_features": {"name": ["energy"], "dim": [1]},
                              "split": {"counts": [20, 6, 4]}, "shards": "%1$s/shards"},
                  "NeuralNetwork": {
                    "Architecture": {
                      "mpnn_type": "GIN", "radius": 3.0, "hidden_dim": 8, "num_conv_layers": 2,
                      "activation_function": "silu", "task_weights": [1.0, 2.0],
                      "output_heads": {
                        "graph": {"num_sharedlayers": 1, "dim_sharedlayers": 8, "num_headlayers": 1, "dim_headlayers": [8]},
                        "node": {"num_headlayers": 1, "dim_headlayers": [8], "type": "mlp"}}
                    },
                    "Variables_of_interest": {"input_node_features": [0], "output_names": ["energy", "forces"],
                                              "output_index": [0, 1], "type": ["graph", "node"]},
                    "Training": {
                      "num_epoch": 4, "batch_size": 4, "Optimizer": {"type": "AdamW", "learning_rate": 0.005},
                      "Checkpoint": true, "log_path": "%1$s/logs", "log_name": "run", "keep_checkpoints": 100, "threads": 1
                    }
                  }
                }
                """.formatted(folder);
        try {
            return Files.writeString(folder.resolve("heads.json"), json);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// The words of a command that takes a configuration and settings.
    static String[] command(String name, Path config, String... overrides) {
        List<String> words = new ArrayList<>(List.of(name, config.toString()));
        List.of(overrides).forEach(setting -> words.addAll(List.of("--set", setting)));
        return words.toArray(String[]::new);
    }

    /// Trains as the command does, without its report.
    static void train(Comm comm, Path config, String... overrides) {
        try (TrainingRun run = TrainingRun.open(comm, ConfigReader.read(config, List.of(overrides)))) {
            run.trainer().run();
        }
    }

    /// The newest checkpoint of a run.
    static Path newest(Path folder, String run) throws IOException {
        try (var files = Files.list(folder.resolve("logs").resolve(run))) {
            return files.filter(file -> file.getFileName().toString().startsWith("checkpoint-"))
                    .max(Comparator.comparingLong(TinyRun::step))
                    .orElseThrow();
        }
    }

    /// The step that a checkpoint's name tells.
    static long step(Path checkpoint) {
        return Long.parseLong(checkpoint.getFileName().toString().replaceAll("\\D+(\\d+)\\.h5", "$1"));
    }

    /// Lines of a run's metrics without the two wall-clock columns.
    static List<String> metrics(Path folder, String run) throws IOException {
        return Files.readAllLines(folder.resolve("logs").resolve(run).resolve("metrics.csv")).stream()
                .map(line -> line.replaceAll(",[^,]*,[^,]*$", ""))
                .toList();
    }
}
