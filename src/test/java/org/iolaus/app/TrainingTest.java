package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.engine.ModelState;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Whole training runs: replicas, restarts, repetition.
final class TrainingTest extends TinyRuns {
    @ParameterizedTest
    @CsvSource({"2,2", "4,1"})
    void ranksWithSmallBatchesEqualOneRankWithALargeOne(int ranks, int batch) throws IOException {
        solo("log_name=one", "num_epoch=4"); // 5 steps each
        train(ranks, "log_name=many", "batch_size=" + batch);
        Checkpoint one = last("one");
        Checkpoint many = last("many");
        assertEquals(one.position(), many.position());
        assertTrue(one.position().globalStep() >= 20);
        Map<String, HostTensor> want = ModelState.values(one.model());
        ModelState.values(many.model())
                .forEach((name, tensor) -> assertArrayEquals(want.get(name).data(), tensor.data(), 1e-10, name));
        List<String> a = metrics("one");
        List<String> b = metrics("many");
        for (int row = 1; row < a.size(); row++) {
            double lossOne = Double.parseDouble(a.get(row).split(",")[3]);
            double lossMany = Double.parseDouble(b.get(row).split(",")[3]);
            assertEquals(lossOne, lossMany, 1e-10 * Math.abs(lossOne));
        }
    }

    @Test
    void sameSeedGivesEqualBits() throws IOException {
        solo("log_name=run");
        byte[] first = Files.readAllBytes(newest("run"));
        solo("log_name=run");
        assertArrayEquals(first, Files.readAllBytes(newest("run")));
        solo("log_name=run", "NeuralNetwork.Training.seed=1");
        assertTrue(java.util.Arrays.mismatch(first, Files.readAllBytes(newest("run"))) >= 0, "another seed differs");
    }

    @ParameterizedTest
    @CsvSource({"6", "9", "11"})
    void resumedRunEqualsUninterruptedOne(int stepsBeforeTheEnd) throws IOException {
        solo("log_name=run", "checkpoint_every_steps=1");
        byte[] whole = Files.readAllBytes(newest("run"));
        List<String> log = metrics("run");
        cutBack("run", stepsBeforeTheEnd);
        solo("log_name=run", "checkpoint_every_steps=1", "continue=1");
        assertEquals(log, metrics("run"));
        assertArrayEquals(whole, Files.readAllBytes(newest("run")), "the last checkpoint, byte by byte");
    }

    @Test
    void computingAgainInsteadOfKeepingChangesNothing() throws IOException {
        solo("log_name=keep");
        solo("log_name=again", "conv_checkpointing=true");
        Map<String, HostTensor> want = ModelState.values(last("keep").model());
        ModelState.values(last("again").model())
                .forEach((name, tensor) -> assertArrayEquals(want.get(name).data(), tensor.data(), 1e-12, name));
    }

    @Test
    void damagedNewestCheckpointIsPassedOver() throws IOException {
        solo("log_name=run", "num_epoch=2");
        Path newest = newest("run");
        byte[] bytes = Files.readAllBytes(newest);
        bytes[bytes.length / 2] ^= 1;
        Files.write(newest, bytes);
        solo("log_name=run", "num_epoch=3", "continue=1");
        assertEquals(3, last("run").position().epoch());
    }

    @Test
    void trainingLowersTheLoss() throws IOException {
        solo("log_name=run", "num_epoch=30");
        List<String> rows = metrics("run");
        double first = Double.parseDouble(rows.get(1).split(",")[3]);
        double last = Double.parseDouble(rows.getLast().split(",")[3]);
        assertTrue(last < 0.2 * first, first + " -> " + last);
    }

    @Test
    void moreRanksThanGraphsAreRefused() {
        RuntimeException thrown = assertThrows(RuntimeException.class, () -> train(21, "log_name=run"));
        assertTrue(String.valueOf(thrown.getMessage()).contains("21 ranks"), thrown.toString());
    }
}
