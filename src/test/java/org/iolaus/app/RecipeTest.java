package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.iolaus.comm.SoloComm;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.Checkpoint;
import org.iolaus.train.ModelState;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The training recipe of the EquiformerV2 paper, all of it at once: on the host, on the emulated device, restarted.
final class RecipeTest {
    private static final String[] RECIPE = {
        "gradient_clip_norm=0.5",
        "Optimizer.weight_decay=0.5",
        "Optimizer.no_decay=[\"biases\", \"norms\", \"embeddings\"]",
        "CosineWithWarmup={\"warmup_epochs\": 1.5}"
    };

    @TempDir
    Path folder;

    private Path config;

    @BeforeEach
    void data() {
        TinyRun.shards(folder);
        config = TinyRun.config(folder);
    }

    private void solo(String... overrides) {
        try (SoloComm comm = new SoloComm()) {
            TinyRun.train(comm, config, overrides);
        }
    }

    private Checkpoint last(String run) throws IOException {
        return Checkpoint.read(newest(run));
    }

    private Path newest(String run) throws IOException {
        try (var files = Files.list(folder.resolve("logs").resolve(run))) {
            return files.filter(file -> file.getFileName().toString().startsWith("checkpoint-"))
                    .max((a, b) -> Long.compare(step(a), step(b)))
                    .orElseThrow();
        }
    }

    private static long step(Path checkpoint) {
        return Long.parseLong(checkpoint.getFileName().toString().replaceAll("\\D+(\\d+)\\.h5", "$1"));
    }

    private List<String> metrics(String run) throws IOException {
        return Files.readAllLines(folder.resolve("logs").resolve(run).resolve("metrics.csv")).stream()
                .map(line -> line.replaceAll(",[^,]*,[^,]*$", "")) // without the two wall-clock columns
                .toList();
    }

    private static String[] with(String[] settings, String... more) {
        return Stream.of(settings, more).flatMap(Stream::of).toArray(String[]::new);
    }

    private static void near(Map<String, HostTensor> want, Map<String, HostTensor> got, double tolerance) {
        assertEquals(want.keySet(), got.keySet());
        got.forEach((name, tensor) -> assertArrayEquals(want.get(name).data(), tensor.data(), tolerance, name));
    }

    @Test
    void deviceTrainsAsTheHostDoes() throws IOException {
        solo(with(RECIPE, "log_name=host"));
        solo(with(RECIPE, "log_name=device", "device=emulated", "precision=fp64"));
        Checkpoint host = last("host");
        Checkpoint device = last("device");
        assertEquals(host.position(), device.position());
        near(ModelState.values(host.model()), ModelState.values(device.model()), 1e-9);
        List<String> a = metrics("host");
        List<String> b = metrics("device");
        assertEquals(a.size(), b.size());
        for (int row = 1; row < a.size(); row++) {
            String[] left = a.get(row).split(",");
            String[] right = b.get(row).split(",");
            for (int column = 0; column < left.length; column++) {
                double x = Double.parseDouble(left[column]);
                assertEquals(x, Double.parseDouble(right[column]), 1e-8 * Math.abs(x), a.getFirst() + " " + column);
            }
        }
    }

    /// The log says the learning rate of each epoch's last step: five steps an epoch, four epochs.
    @Test
    void theRateFollowsTheCosine() throws IOException {
        solo(with(RECIPE, "log_name=run"));
        List<String> rows = metrics("run");
        for (int epoch = 0; epoch < 4; epoch++) {
            double done = epoch + 0.8;
            double want = epoch == 0 ? 0.2 + 0.8 * done / 1.5 : 0.01 + 0.99 * 0.5 * (1 + Math.cos(Math.PI * done / 4));
            assertEquals(0.005 * want, Double.parseDouble(rows.get(epoch + 1).split(",")[2]), 1e-12);
        }
    }

    @ParameterizedTest
    @CsvSource({"cpu, 7", "cpu, 9", "emulated, 7", "emulated, 10"})
    void resumedRunEqualsUninterruptedOne(String device, int stepsBeforeTheEnd) throws IOException {
        String[] run = with(RECIPE, "log_name=run", "device=" + device, "checkpoint_every_steps=1");
        solo(run);
        byte[] whole = Files.readAllBytes(newest("run"));
        List<String> log = metrics("run");
        try (var files = Files.list(folder.resolve("logs/run"))) {
            for (Path file : files.toList()) {
                String name = file.getFileName().toString();
                if (name.startsWith("checkpoint-") && step(file) > stepsBeforeTheEnd || name.equals("best.h5")) {
                    Files.delete(file);
                }
            }
        }
        solo(with(run, "continue=1"));
        assertEquals(log, metrics("run"));
        assertArrayEquals(whole, Files.readAllBytes(newest("run")), "the last checkpoint, byte by byte");
    }

    /// Weight decay shrinks what decays, and only that.
    @Test
    void embeddingsDoNotDecay() throws IOException {
        solo(
                "log_name=run",
                "learning_rate=1e-9",
                "Optimizer.weight_decay=1e6",
                "num_epoch=1",
                "Optimizer.no_decay=[\"biases\", \"norms\", \"embeddings\"]");
        Map<String, HostTensor> after = last("run").model().parameters();
        solo("log_name=none", "learning_rate=1e-9", "Optimizer.weight_decay=0", "num_epoch=1");
        Map<String, HostTensor> before = last("none").model().parameters();
        double kept = Math.pow(1 - 1e-3, 5);
        after.forEach((name, tensor) -> {
            boolean free = name.endsWith(".bias") || name.startsWith("element_embedding");
            double[] want = before.get(name).data().clone();
            for (int i = 0; i < want.length; i++) {
                want[i] *= free ? 1 : kept;
            }
            assertArrayEquals(want, tensor.data(), 1e-7, name);
        });
        assertTrue(after.containsKey("element_embedding.weight"));
    }
}
