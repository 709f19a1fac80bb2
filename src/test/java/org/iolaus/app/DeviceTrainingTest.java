package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import org.iolaus.config.ConfigException;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.engine.ModelState;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Whole training runs on the emulated device: padded batches, recorded steps, the optimizer among the kernels.
final class DeviceTrainingTest extends TinyRuns {
    @ParameterizedTest
    @CsvSource({
        "AdamW, PAINN, 1",
        "SGD, PAINN, 1",
        "RMSprop, PAINN, 1",
        "Adamax, PAINN, 1",
        "Adagrad, PAINN, 1",
        "AdamW, SchNet, 1",
        "AdamW, EGNN, 1",
        "FusedLAMB, EGNN, 1",
        "Muon, PAINN, 1",
        "AdamW, PAINN, 2"
    })
    void deviceTrainsAsTheHostDoes(String optimizer, String model, int ranks) throws IOException {
        compare(
                ranks,
                "mpnn_type=" + model,
                "Optimizer.type=" + optimizer,
                "gradient_clip_norm=0.5",
                "learning_rate=1e-3",
                "num_gaussians=8",
                "num_filters=8");
    }

    /// Batch normalisation: statistics without padding, buffers that a step sets, also with averages
    /// and micro-batches.
    @ParameterizedTest
    @CsvSource({"1, false, 1", "2, true, 1", "1, false, 2", "2, false, 2", "2, true, 2"})
    void headsAndBatchNormalisationTrainAsOnTheHost(int ranks, boolean sync, int microBatches) throws IOException {
        config = TinyRun.headsConfig(folder);
        compare(
                ranks,
                "SyncBatchNorm=" + sync,
                "gradient_accumulation_steps=" + microBatches,
                "Optimizer.type=SGD",
                "ema_decay=0.9",
                "normalize_targets=true"); // Adam blows up gradients that cancel to nothing
    }

    /// A network so wide that there is something to compute again.
    @Test
    void computingAgainInsteadOfKeepingChangesNothing() throws IOException {
        compare(1, new String[] {"conv_checkpointing=true"}, "hidden_dim=96", "num_epoch=2");
    }

    private void compare(int ranks, String... common) throws IOException {
        compare(ranks, new String[0], common);
    }

    private void compare(int ranks, String[] onDevice, String... common) throws IOException {
        String[] host = with(common, "log_name=host", "batch_size=" + 4 / ranks);
        String[] device = with(with(host, onDevice), "log_name=device", "device=emulated", "precision=fp64");
        train(ranks, host);
        train(ranks, device);
        compareRuns();
    }

    private void compareRuns() throws IOException {
        Checkpoint host = last("host");
        Checkpoint device = last("device");
        assertEquals(host.position(), device.position());
        assertEquals(host.optimizer().steps(), device.optimizer().steps());
        assertTrue(host.position().globalStep() >= 10);
        Map<String, HostTensor> want = ModelState.values(host.model());
        ModelState.values(device.model())
                .forEach((name, tensor) -> assertArrayEquals(want.get(name).data(), tensor.data(), 1e-9, name));
        Map<String, HostTensor> averages = ModelState.evaluated(host.model());
        ModelState.evaluated(device.model())
                .forEach((name, tensor) -> assertArrayEquals(averages.get(name).data(), tensor.data(), 1e-9, name));
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

    @ParameterizedTest
    @CsvSource({"fp32, 9", "bf16, 11"})
    void resumedRunEqualsUninterruptedOne(String precision, int stepsBeforeTheEnd) throws IOException {
        String[] device = {
            "log_name=run", "device=emulated", "precision=" + precision, "hidden_dim=32", "checkpoint_every_steps=1"
        };
        solo(device);
        byte[] whole = Files.readAllBytes(newest("run"));
        List<String> log = metrics("run");
        cutBack("run", stepsBeforeTheEnd);
        solo(with(device, "continue=1"));
        assertEquals(log, metrics("run"));
        assertArrayEquals(whole, Files.readAllBytes(newest("run")), "the last checkpoint, byte by byte");
    }

    @Test
    void ncclWithoutADeviceIsRefused() {
        ConfigException thrown = assertThrows(ConfigException.class, () -> solo("comm=nccl"));
        assertTrue(thrown.getMessage().contains("NeuralNetwork.Training.comm"), thrown.getMessage());
    }
}
