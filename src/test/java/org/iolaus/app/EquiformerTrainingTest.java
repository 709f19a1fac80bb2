package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.iolaus.comm.SoloComm;
import org.iolaus.config.ConfigException;
import org.iolaus.data.DataException;
import org.iolaus.data.Neighbours;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// EquiformerV2 trains from shards: beside PAINN as a potential, and alone with the paper's heads.
final class EquiformerTrainingTest {
    private static final String PREFIX = "NeuralNetwork.Architecture.";
    static final List<String> SMALL = List.of(
            "global_attn_engine=EquiformerV2",
            "global_attn_heads=2",
            "equiformer_lmax_list=[2]",
            "equiformer_mmax_list=[1]",
            "equiformer_grid_resolution=8",
            "equiformer_edge_channels=8",
            "equiformer_attn_hidden_channels=6",
            "equiformer_attn_alpha_channels=4",
            "equiformer_attn_value_channels=4",
            "equiformer_ffn_hidden_channels=8",
            "equiformer_num_distance_basis=16",
            "equiformer_avg_degree=4",
            "equiformer_avg_num_nodes=5");

    /// Beside PAINN, with a list of its own, forces as derivatives.
    static final List<String> BESIDE = List.of("equiformer_radius=4", "equiformer_max_neighbours=5");

    /// The paper's network, whose random frames and dropout depend on the step.
    static final List<String> ALONE = List.of(
            "mpnn_type=none",
            "radius=3",
            "equiformer_radius=3",
            "equiformer_max_neighbours=null",
            "equiformer_heads=true",
            "enable_interatomic_potential=false",
            "energy_peratom_weight=0",
            "force_weight=0",
            "energy_scale=null",
            "energy_reference=none");

    static final List<String> DIRECT = List.of(
            "Dataset.node_features={\"name\": [\"forces\"], \"dim\": [3]}",
            "Dataset.graph_features={\"name\": [\"energy\"], \"dim\": [1]}",
            "NeuralNetwork.Variables_of_interest.output_names=[\"energy\", \"forces\"]",
            "NeuralNetwork.Variables_of_interest.output_index=[0, 0]",
            "NeuralNetwork.Variables_of_interest.type=[\"graph\", \"node\"]");

    /// As the paper trains it.
    private static final List<String> RECIPE = List.of(
            "NeuralNetwork.Architecture.normalize_targets=true",
            "NeuralNetwork.Architecture.task_weights=[2, 100]",
            "loss_function_type=l2",
            "Optimizer.weight_decay=0.001",
            "Optimizer.no_decay=[\"biases\", \"norms\"]",
            "CosineWithWarmup={}",
            "gradient_clip_norm=100",
            "ema_decay=0.9",
            "batch_size=2",
            "gradient_accumulation_steps=2");

    @TempDir
    private Path folder;

    private void train(Path config, List<String> architecture, List<String> more, String... last) {
        List<String> all = new ArrayList<>();
        SMALL.forEach(setting -> all.add(PREFIX + setting));
        architecture.forEach(setting -> all.add(PREFIX + setting));
        all.addAll(more);
        all.addAll(List.of(last));
        try (SoloComm comm = new SoloComm()) {
            TinyRun.train(comm, config, all.toArray(String[]::new));
        }
    }

    /// Training loss of each epoch.
    private double[] losses(String run) throws IOException {
        return Files.readAllLines(folder.resolve("logs").resolve(run).resolve("metrics.csv")).stream()
                .skip(1)
                .mapToDouble(line -> Double.parseDouble(line.split(",")[3]))
                .toArray();
    }

    private byte[] newest(String run) throws IOException {
        try (var files = Files.list(folder.resolve("logs").resolve(run))) {
            return Files.readAllBytes(files.filter(file -> file.toString().contains("checkpoint-"))
                    .max(Comparator.comparingLong(EquiformerTrainingTest::step))
                    .orElseThrow());
        }
    }

    private static long step(Path checkpoint) {
        return Long.parseLong(checkpoint.getFileName().toString().replaceAll("\\D+(\\d+)\\.h5", "$1"));
    }

    @Test
    void learnsBesidePainnAndGoesOnWhereItStopped() throws IOException {
        TinyRun.shards(folder, new Neighbours(4, 5));
        learns(BESIDE, List.of());
    }

    @Test
    void learnsAloneWithForcesOfItsOwnAndGoesOnWhereItStopped() throws IOException {
        TinyRun.shards(folder);
        learns(ALONE, Stream.of(DIRECT, RECIPE).flatMap(List::stream).toList());
    }

    private void learns(List<String> architecture, List<String> more) throws IOException {
        Path config = TinyRun.config(folder);
        train(config, architecture, more, "num_epoch=6", "checkpoint_every_steps=1");
        double[] losses = losses("run");
        assertTrue(losses[5] < 0.8 * losses[0], () -> Arrays.toString(losses));
        byte[] whole = newest("run");
        try (var files = Files.list(folder.resolve("logs/run"))) {
            for (Path file : files.toList()) {
                String name = file.getFileName().toString();
                if (name.startsWith("checkpoint-") && step(file) > 17 || name.equals("best.h5")) {
                    Files.delete(file);
                }
            }
        }
        train(config, architecture, more, "num_epoch=6", "checkpoint_every_steps=1", "continue=1");
        assertArrayEquals(whole, newest("run"), "the last checkpoint, byte by byte");
    }

    /// As a potential, whose forces are derivatives.
    @Test
    void learnsAtTwoResolutions() throws IOException {
        TinyRun.shards(folder, new Neighbours(4, 5));
        List<String> architecture = new ArrayList<>(BESIDE);
        architecture.addAll(List.of("equiformer_lmax_list=[3, 2]", "equiformer_mmax_list=[2, 1]"));
        train(TinyRun.config(folder), architecture, List.of(), "num_epoch=6");
        double[] losses = losses("run");
        assertTrue(losses[5] < 0.8 * losses[0], () -> Arrays.toString(losses));
    }

    @Test
    void theEmulatedDeviceDoesTheSame() throws IOException {
        TinyRun.shards(folder, new Neighbours(4, 5));
        Path config = TinyRun.config(folder);
        train(config, BESIDE, List.of(), "num_epoch=2", "log_name=host");
        train(config, BESIDE, List.of(), "num_epoch=2", "log_name=device", "device=emulated", "precision=fp64");
        double[] host = losses("host");
        double[] device = losses("device");
        for (int epoch = 0; epoch < 2; epoch++) {
            assertEquals(host[epoch], device[epoch], 1e-7 * host[epoch]);
        }
    }

    @Test
    void dataWithoutTheListAreRefused() {
        TinyRun.shards(folder);
        Path config = TinyRun.config(folder);
        String message = String.valueOf(assertThrows(DataException.class, () -> train(config, BESIDE, List.of()))
                .getMessage());
        assertTrue(message.contains("second list of at most 5 neighbours within 4.0 Å"), message);
    }

    @Test
    void potentialsRefuseWhatTheyCannotUse() {
        TinyRun.shards(folder, new Neighbours(4, 5));
        refused("equiformer_frame=rolled", "equiformer_frame: want smooth for a potential");
        refused("equiformer_heads=true", "of which a potential has the first alone, got a node output of width 1");
    }

    private void refused(String setting, String want) {
        Path config = TinyRun.config(folder);
        String message = String.valueOf(assertThrows(
                        ConfigException.class, () -> train(config, BESIDE, List.of(PREFIX + setting)))
                .getMessage());
        assertTrue(message.contains(want), message);
    }
}
