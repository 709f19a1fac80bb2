package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.iolaus.comm.LocalComm;
import org.iolaus.comm.SoloComm;
import org.iolaus.data.Neighbours;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Training with large arrays in bfloat16, on the emulated device, beside training in float.
///
/// Every stored number is off by up to one unit roundoff. A loss averages many: in the first epoch it stays within two.
/// Adam's first steps go by the signs of gradients, so those that are nearly zero take parameters different ways
/// however
/// small the roundings; the losses of later epochs differ by that, some per cent here, in either direction.
final class NarrowTrainingTest {
    private static final String PREFIX = "NeuralNetwork.Architecture.";

    /// Unit roundoff of bfloat16.
    private static final double UNIT = 0x1p-8;

    private static final int EPOCHS = 3;

    @TempDir
    private Path folder;

    /// Training loss of each epoch.
    private double[] losses(String run) throws IOException {
        return Files.readAllLines(folder.resolve("logs").resolve(run).resolve("metrics.csv")).stream()
                .skip(1)
                .mapToDouble(line -> Double.parseDouble(line.split(",")[3]))
                .toArray();
    }

    private static String[] with(List<String> settings, String... more) {
        List<String> all = new ArrayList<>(settings);
        all.addAll(List.of(more));
        return all.toArray(String[]::new);
    }

    private static List<String> settings(String model) {
        List<String> settings = new ArrayList<>(List.of(PREFIX + "hidden_dim=32", "num_epoch=" + EPOCHS));
        switch (model) {
            case "PAINN" -> {}
            default -> {
                EquiformerTrainingTest.SMALL.forEach(setting -> settings.add(PREFIX + setting));
                settings.add(PREFIX + "equiformer_attn_value_channels=16");
                settings.add(PREFIX + "equiformer_ffn_hidden_channels=32");
                boolean alone = model.equals("EquiformerV2");
                (alone ? EquiformerTrainingTest.ALONE : EquiformerTrainingTest.BESIDE)
                        .forEach(setting -> settings.add(PREFIX + setting));
                if (alone) {
                    settings.addAll(EquiformerTrainingTest.DIRECT);
                    settings.add("batch_size=2");
                }
            }
        }
        return settings;
    }

    /// Forces as derivatives of the energy (a double backward pass), and direct ones.
    @ParameterizedTest
    @CsvSource({"PAINN", "EquiformerV2"})
    void learnsAsInFloat(String model) throws IOException {
        TinyRun.shards(folder, model.equals("PAINN with EquiformerV2") ? new Neighbours(4, 5) : null);
        Path config = TinyRun.config(folder);
        List<String> settings = settings(model);
        for (String precision : List.of("fp32", "bf16")) {
            try (SoloComm comm = new SoloComm()) {
                TinyRun.train(
                        comm,
                        config,
                        with(settings, "device=emulated", "precision=" + precision, "log_name=" + precision));
            }
        }
        double[] full = losses("fp32");
        double[] narrow = losses("bf16");
        String both = Arrays.toString(full) + " and " + Arrays.toString(narrow);
        assertTrue(narrow[EPOCHS - 1] < 0.8 * narrow[0], both);
        assertTrue(Math.abs(full[0] - narrow[0]) > 1e-6 * full[0], both);
        assertEquals(full[0], narrow[0], 2 * UNIT * full[0], both);
        assertEquals(full[EPOCHS - 1], narrow[EPOCHS - 1], 0.05 * full[EPOCHS - 1], both);
    }

    /// Both together: derivatives of the energy through rotations.
    @Test
    @Tag("slow")
    void learnsAsInFloatThroughRotations() throws IOException {
        learnsAsInFloat("PAINN with EquiformerV2");
    }

    /// Ranks compare their models after each epoch, bit by bit.
    @Test
    void ranksStayEqual() throws IOException {
        TinyRun.shards(folder);
        Path config = TinyRun.config(folder);
        LocalComm.run(
                2,
                comm -> TinyRun.train(
                        comm,
                        config,
                        with(settings("PAINN"), "device=emulated", "precision=bf16", "batch_size=2", "num_epoch=2")));
        assertEquals(2, losses("run").length);
    }
}
