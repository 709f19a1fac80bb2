package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.iolaus.comm.LocalComm;
import org.iolaus.comm.SoloComm;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.engine.ModelState;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// GPS trains from shards beside PAINN as a potential and beside GIN with dropout, on every kind of device.
final class GpsTrainingTest {
    private static final String[] GPS = {
        "global_attn_engine=GPS", "global_attn_type=multihead", "global_attn_heads=2", "pe_dim=3"
    };

    @TempDir
    Path folder;

    @BeforeEach
    void data() {
        TinyRun.shards(folder);
    }

    private static String[] with(String... more) {
        return Stream.concat(Arrays.stream(GPS), Arrays.stream(more)).toArray(String[]::new);
    }

    private void solo(Path config, String... more) {
        try (SoloComm comm = new SoloComm()) {
            TinyRun.train(comm, config, with(more));
        }
    }

    /// Training loss of each epoch.
    private double[] losses(String run) throws IOException {
        return Files.readAllLines(folder.resolve("logs").resolve(run).resolve("metrics.csv")).stream()
                .skip(1)
                .mapToDouble(line -> Double.parseDouble(line.split(",")[3]))
                .toArray();
    }

    @Test
    void learnsAndGoesOnWhereItStopped() throws IOException {
        for (Path config : new Path[] {TinyRun.config(folder), TinyRun.headsConfig(folder)}) {
            String run = "log_name=" + config.getFileName();
            solo(config, "num_epoch=6", "checkpoint_every_steps=1", run);
            double[] losses = losses(config.getFileName().toString());
            assertTrue(losses[5] < 0.9 * losses[0], () -> Arrays.toString(losses));
            Path logs = folder.resolve("logs").resolve(config.getFileName());
            byte[] whole = Files.readAllBytes(
                    TinyRun.newest(folder, config.getFileName().toString()));
            try (var files = Files.list(logs)) {
                for (Path file : files.toList()) {
                    String name = file.getFileName().toString();
                    boolean late = name.startsWith("checkpoint-") && TinyRun.step(file) > 17;
                    if (late || name.equals("best.h5")) {
                        Files.delete(file);
                    }
                }
            }
            solo(config, "num_epoch=6", "checkpoint_every_steps=1", run, "continue=1");
            byte[] again = Files.readAllBytes(
                    TinyRun.newest(folder, config.getFileName().toString()));
            assertArrayEquals(whole, again, "the last checkpoint, byte by byte");
        }
    }

    /// The batch's statistics are those of all ranks then, and so are the forces that go through them.
    @Test
    void ranksEqualOneRankWhereTheyShareStatistics() throws IOException {
        Path config = TinyRun.config(folder);
        solo(config, "num_epoch=2", "global_attn_norm=batch", "SyncBatchNorm=true", "log_name=one");
        LocalComm.run(
                2,
                comm -> TinyRun.train(
                        comm,
                        config,
                        with(
                                "num_epoch=2",
                                "global_attn_norm=batch",
                                "SyncBatchNorm=true",
                                "log_name=two",
                                "batch_size=2")));
        Map<String, HostTensor> want =
                ModelState.values(Checkpoint.read(TinyRun.newest(folder, "one")).model());
        ModelState.values(Checkpoint.read(TinyRun.newest(folder, "two")).model())
                .forEach((name, tensor) -> assertArrayEquals(want.get(name).data(), tensor.data(), 1e-9, name));
    }

    /// Before the fourth, the eighth and the twelfth step; on a device and after a restart as well.
    @Test
    void projectionsAreDrawnAnewWhenTheyAreDue() throws IOException {
        Path config = TinyRun.config(folder);
        String[] performer = {
            "global_attn_type=performer",
            "global_attn_redraw_interval=4",
            "num_epoch=3",
            "checkpoint_every_steps=1",
            "ema_decay=0.9"
        };
        solo(config, with("log_name=host", performer));
        solo(config, with("log_name=device", performer, "device=emulated", "precision=fp64"));
        Map<Integer, double[]> host = projections("host");
        Map<Integer, double[]> device = projections("device");
        for (int step = 2; step <= 15; step++) {
            boolean same = Arrays.equals(host.get(step), host.get(step - 1));
            assertEquals(step % 4 != 0, same, "step " + step);
            assertArrayEquals(host.get(step), device.get(step));
        }
        byte[] whole = Files.readAllBytes(TinyRun.newest(folder, "host"));
        for (int step = 8; step <= 15; step++) {
            Files.delete(folder.resolve("logs/host/checkpoint-" + step + ".h5"));
        }
        Files.delete(folder.resolve("logs/host/best.h5"));
        solo(config, with("log_name=host", performer, "continue=1"));
        assertArrayEquals(whole, Files.readAllBytes(TinyRun.newest(folder, "host")), "the last checkpoint");
    }

    private static String[] with(String first, String[] many, String... more) {
        return Stream.of(new String[] {first}, many, more)
                .flatMap(Arrays::stream)
                .toArray(String[]::new);
    }

    /// The first layer's projection after each step; that of the averaged model is the same.
    private Map<Integer, double[]> projections(String run) {
        Map<Integer, double[]> projections = new HashMap<>();
        for (int step = 1; step <= 15; step++) {
            Checkpoint checkpoint = Checkpoint.read(folder.resolve("logs/" + run + "/checkpoint-" + step + ".h5"));
            String name = "graph_convs.0.attn.fast_attn.projection_matrix";
            double[] values = ModelState.values(checkpoint.model()).get(name).data();
            assertArrayEquals(
                    values, ModelState.evaluated(checkpoint.model()).get(name).data());
            projections.put(step, values);
        }
        return projections;
    }

    @Test
    void theEmulatedDeviceDoesTheSame() throws IOException {
        Path config = TinyRun.config(folder);
        solo(config, "num_epoch=2", "log_name=host");
        solo(config, "num_epoch=2", "log_name=device", "device=emulated", "precision=fp64");
        double[] host = losses("host");
        double[] device = losses("device");
        for (int epoch = 0; epoch < 2; epoch++) {
            assertEquals(host[epoch], device[epoch], 1e-7 * host[epoch]);
        }
    }
}
