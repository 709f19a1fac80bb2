package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.iolaus.comm.Comm;
import org.iolaus.comm.SoloComm;
import org.iolaus.config.Config;
import org.iolaus.config.ConfigReader;
import org.iolaus.data.ShardSet;
import org.iolaus.model.Inputs;
import org.iolaus.run.ConfiguredModel;
import org.iolaus.run.EngineFactory;
import org.iolaus.run.ModelFactory;
import org.iolaus.run.ShardSets;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.TrainingException;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.engine.Engine;
import org.iolaus.train.engine.ModelState;
import org.iolaus.train.engine.StepProfile;
import org.iolaus.train.engine.TrainingStep;
import org.iolaus.train.inputs.BatchInputs;
import org.iolaus.train.inputs.ReadyBatch;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What a loss or a gradient that is not finite does to a step, and to a run.
final class NonFiniteStepTest extends TinyRuns {

    /// Buffers, averages and micro-batches among what stays; later steps come before the host has heard of it.
    @ParameterizedTest
    @CsvSource({"cpu, 1", "cpu, 2", "emulated, 1", "emulated, 2"})
    void aStepThatIsNotFiniteChangesNothing(String device, int microBatches) {
        String[] overrides = {
            "device=" + device, "precision=fp64", "ema_decay=0.9", "gradient_accumulation_steps=" + microBatches
        };
        Config given = ConfigReader.read(TinyRun.headsConfig(folder), List.of(overrides));
        try (Comm comm = new SoloComm();
                ShardSet shards = ShardSets.open(comm, given)) {
            ConfiguredModel configured = ModelFactory.of(given, shards.index());
            BatchInputs inputs = new BatchInputs(configured.model(), configured.columns(), 1);
            ModelState state = new ModelState(configured.model().parameters(), 1);
            try (Engine engine = EngineFactory.engine(comm, configured.training());
                    TrainingStep step =
                            engine.training(configured.model(), state, configured.training(), new StepProfile())) {
                ReadyBatch good = engine.ready(inputs, shards.batch(new int[] {0, 1}, 2L * microBatches, 20));
                ReadyBatch bad = engine.ready(inputs, shards.batch(new int[] {2, 3}, 2L * microBatches, 20));
                HostTensor target = bad.inputs().floats().get(Inputs.target(0));
                Objects.requireNonNull(target).data()[0] = Double.NaN;
                List<TrainingStep.Result> results = new ArrayList<>();
                run(step, good, microBatches);
                run(step, good, microBatches);
                step.report(true, results::add);
                assertTrue(results.stream().allMatch(TrainingStep.Result::isFinite));
                Checkpoint.Values before = step.save().get();
                run(step, bad, microBatches);
                run(step, good, microBatches);
                step.report(true, results::add);
                assertEquals(3, results.size());
                assertFalse(results.getLast().isFinite());
                Checkpoint.Values after = step.save().get();
                assertEqual(before, after);
                state.set(before.model());
                step.load(before.optimizer());
                run(step, good, microBatches);
                step.report(true, results::add);
                assertTrue(results.getLast().isFinite());
                assertEquals(3, step.save().get().optimizer().steps());
                assertNotEquals(
                        numbers(before.model()).get("trained"),
                        numbers(step.save().get().model()).get("trained"));
            }
        }
    }

    private static void run(TrainingStep step, ReadyBatch batch, int microBatches) {
        for (int i = 1; i < microBatches; i++) {
            step.accumulate(batch);
        }
        step.step(batch, 0.01);
    }

    private static void assertEqual(Checkpoint.Values want, Checkpoint.Values got) {
        assertEquals(want.optimizer().steps(), got.optimizer().steps());
        want.optimizer()
                .slots()
                .forEach((slot, values) ->
                        assertArrayEquals(values, got.optimizer().slots().get(slot), 0.0, slot));
        assertEquals(numbers(want.model()), numbers(got.model()));
    }

    private static Map<String, List<Double>> numbers(Checkpoint.Model model) {
        return Map.of(
                "trained", numbers(model.parameters()),
                "buffers", numbers(model.buffers()),
                "averages", numbers(model.averages()));
    }

    private static List<Double> numbers(Map<String, HostTensor> tensors) {
        List<Double> all = new ArrayList<>();
        for (HostTensor tensor : tensors.values()) {
            for (double value : tensor.data()) {
                all.add(value);
            }
        }
        return all;
    }

    /// The squares of a gradient overflow long before a loss does that is not squared.
    @ParameterizedTest
    @CsvSource({"cpu, fp64, 1e180", "emulated, fp32, 1e28"})
    void aGradientThatIsNotFiniteEndsTheRun(String device, String precision, String weight) {
        TrainingException thrown = assertThrows(
                TrainingException.class,
                () -> solo(
                        "device=" + device,
                        "precision=" + precision,
                        "loss_function_type=mae",
                        "force_weight=" + weight));
        String message = String.valueOf(thrown.getMessage());
        assertTrue(
                message.startsWith("epoch 0, step 0: want a finite gradient norm, got Infinity; the model is as it was "
                        + "before this step"),
                message);
    }
}
