package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.iolaus.comm.LocalComm;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.TrainingException;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.checkpoint.CheckpointStore;
import org.iolaus.train.engine.ModelState;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// A run whose loss or gradient is not finite ends on all ranks with one message, and damages nothing on disk.
final class NonFiniteRunTest extends TinyRuns {

    /// What all ranks say as one.
    private String failure(int ranks, String... overrides) {
        Map<Integer, String> said = new ConcurrentHashMap<>();
        LocalComm.run(ranks, comm -> {
            try {
                TinyRun.train(comm, config, overrides);
            } catch (TrainingException e) {
                said.put(comm.rank(), String.valueOf(e.getMessage()));
            }
        });
        assertEquals(ranks, said.size(), said.toString());
        assertEquals(1, new HashSet<>(said.values()).size(), said.toString());
        return said.get(0);
    }

    /// The files of models.
    private Map<String, byte[]> models(String run) throws IOException {
        Map<String, byte[]> models = files(run);
        models.keySet().removeIf(name -> !name.endsWith(".h5"));
        return models;
    }

    /// A NaN in the first of two layers with ReLUs behind each: it must not become the zero that ReLU makes of
    /// negative numbers, or the layer is dead and the run goes on without it.
    @ParameterizedTest
    @CsvSource({"cpu, 1", "cpu, 2", "emulated, 1", "emulated, 2"})
    void aLayerDoesNotDieInSilence(String device, int ranks) throws IOException {
        String[] run = {"mpnn_type=EGNN", "batch_size=2", "num_epoch=1", "device=" + device, "precision=fp64"};
        solo(with(run, "log_name=good"));
        Checkpoint.Model good = last("good").model();
        String weight = good.parameters().keySet().stream()
                .filter(name -> name.matches(".*edge_mlp\\.0\\.weight"))
                .findFirst()
                .orElseThrow();
        Map<String, HostTensor> parameters = new TreeMap<>(good.parameters());
        HostTensor whole = parameters.get(weight);
        double[] damaged = whole.data().clone();
        damaged[0] = Double.NaN;
        parameters.put(weight, new HostTensor(whole.shape(), damaged));
        Checkpoint.ofModel(
                        new Checkpoint.Model(parameters, good.buffers()),
                        last("good").run())
                .write(folder.resolve("nan.h5"));
        String said = failure(ranks, with(run, "log_name=bad", "init_from=" + folder.resolve("nan.h5")));
        assertTrue(said.startsWith("epoch 0, step 0: want a finite loss, got NaN; the model is as it was"), said);
        assertEquals(Set.of(), models("bad").keySet());
    }

    /// The squares of the gradient overflow, the loss does not.
    @ParameterizedTest
    @CsvSource({"cpu, fp64, 1e180, 1", "cpu, fp64, 1e180, 2", "emulated, fp32, 1e28, 1", "emulated, fp32, 1e28, 2"})
    void theRunGoesOnFromWhereItWasInOrder(String device, String precision, String weight, int ranks)
            throws IOException {
        String[] run = {
            "device=" + device, "precision=" + precision, "loss_function_type=mae", "batch_size=2", "num_epoch=2"
        };
        train(ranks, with(run, "log_name=whole"));
        train(ranks, with(run, "log_name=run", "num_epoch=1"));
        Map<String, byte[]> before = models("run");
        String said = failure(ranks, with(run, "log_name=run", "continue=1", "force_weight=" + weight));
        assertTrue(said.startsWith("epoch 1, step 0: want a finite gradient norm, got Infinity"), said);
        assertTrue(said.contains("lower learning_rate"), said);
        assertTrue(said.contains("continue=1 goes on from the newest checkpoint in " + logs("run")), said);
        Map<String, byte[]> after = models("run");
        assertEquals(before.keySet(), after.keySet());
        before.forEach((name, bytes) -> assertArrayEquals(bytes, after.get(name), name));
        train(ranks, with(run, "log_name=run", "continue=1"));
        Map<String, HostTensor> want = ModelState.values(last("whole").model());
        ModelState.values(last("run").model())
                .forEach((name, tensor) -> assertArrayEquals(want.get(name).data(), tensor.data(), 0, name));
        assertEquals(
                Checkpoint.read(CheckpointStore.best(logs("whole"))).best(),
                Checkpoint.read(CheckpointStore.best(logs("run"))).best());
    }

    /// Steps that are not finite come after checkpoints of steps that were.
    @ParameterizedTest
    @CsvSource({"cpu", "emulated"})
    void noCheckpointIsOfAStepThatWasNotFinite(String device) throws IOException {
        String said = failure(
                1,
                "log_name=run",
                "device=" + device,
                "precision=fp64",
                "learning_rate=1e200",
                "checkpoint_every_steps=1");
        assertTrue(said.contains("epoch 0, step 1: want a finite"), said);
        assertEquals(Set.of("checkpoint-1.h5"), models("run").keySet());
        last("run").model().parameters().forEach((name, tensor) -> {
            for (double value : tensor.data()) {
                assertTrue(Double.isFinite(value), name);
            }
        });
    }
}
