package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.iolaus.comm.SoloComm;
import org.iolaus.config.Config;
import org.iolaus.config.ConfigReader;
import org.iolaus.data.Batch;
import org.iolaus.data.ShardSet;
import org.iolaus.data.Split;
import org.iolaus.data.read.ExtXyzWriter;
import org.iolaus.model.Model;
import org.iolaus.run.ConfiguredModel;
import org.iolaus.run.EngineFactory;
import org.iolaus.run.ModelFactory;
import org.iolaus.run.ShardSets;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.engine.Engine;
import org.iolaus.train.engine.ModelState;
import org.iolaus.train.loop.Evaluator;
import org.iolaus.train.loop.RunBatches;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/// The training recipe of the EquiformerV2 paper, all of it at once: on the host, on the emulated device, restarted.
final class RecipeTest extends TinyRuns {
    static final String[] RECIPE = {
        "gradient_clip_norm=0.5",
        "Optimizer.weight_decay=0.5",
        "Optimizer.no_decay=[\"biases\", \"norms\", \"embeddings\"]",
        "CosineWithWarmup={\"warmup_epochs\": 1.5}",
        "ema_decay=0.9",
        "batch_size=2",
        "gradient_accumulation_steps=2",
        "energy_weight=0.5",
        "energy_loss_type=mae",
        "force_loss_type=l2",
        "energy_scale=energy_std",
        "energy_reference=mean",
        "normalize_targets=true"
    };

    private static void near(Map<String, HostTensor> want, Map<String, HostTensor> got, double tolerance) {
        assertEquals(want.keySet(), got.keySet());
        got.forEach((name, tensor) -> assertArrayEquals(want.get(name).data(), tensor.data(), tolerance, name));
    }

    private static String[] steps(int ranks, int microBatches) {
        return new String[] {"batch_size=" + 4 / ranks / microBatches, "gradient_accumulation_steps=" + microBatches};
    }

    /// Whatever the ranks and the micro-batches in which they take their graphs.
    @ParameterizedTest
    @CsvSource({"1, 1", "1, 2", "1, 4", "2, 1", "2, 2"})
    void deviceTrainsAsTheHostDoes(int ranks, int microBatches) throws IOException {
        solo(with(with(RECIPE, "log_name=host"), steps(1, 1)));
        String[] run =
                with(with(RECIPE, "log_name=device", "device=emulated", "precision=fp64"), steps(ranks, microBatches));
        train(ranks, run);
        compareRuns();
    }

    @ParameterizedTest
    @CsvSource({"1, 2", "1, 4", "2, 2"})
    void batchesAddUpOnTheHost(int ranks, int microBatches) throws IOException {
        solo(with(with(RECIPE, "log_name=host"), steps(1, 1)));
        String[] run = with(with(RECIPE, "log_name=device"), steps(ranks, microBatches));
        train(ranks, run);
        compareRuns();
    }

    private void compareRuns() throws IOException {
        Checkpoint host = last("host");
        Checkpoint device = last("device");
        assertEquals(host.position(), device.position());
        near(ModelState.values(host.model()), ModelState.values(device.model()), 1e-9);
        near(ModelState.evaluated(host.model()), ModelState.evaluated(device.model()), 1e-9);
        List<String> a = metrics("host");
        List<String> b = metrics("device");
        assertEquals(a.size(), b.size());
        List<String> columns = List.of(a.getFirst().split(","));
        for (int row = 1; row < a.size(); row++) {
            String[] left = a.get(row).split(",");
            String[] right = b.get(row).split(",");
            for (int column = 0; column < left.length; column++) {
                String name = columns.get(column);
                double x = Double.parseDouble(left[column]);
                assertEquals(x, Double.parseDouble(right[column]), 1e-8 * Math.abs(x), name);
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
        cutBack("run", stepsBeforeTheEnd);
        solo(with(run, "continue=1"));
        assertEquals(log, metrics("run"));
        assertArrayEquals(whole, Files.readAllBytes(newest("run")), "the last checkpoint, byte by byte");
    }

    /// PyTorch's moving average after n steps: `d^n p_0 + (1 - d) sum_k d^(n - k) p_k`.
    @ParameterizedTest
    @CsvSource({"cpu, 1e-14", "emulated, 1e-14"})
    void averageIsThatOfAllSteps(String device, double tolerance) throws IOException {
        String[] run = {"log_name=run", "device=" + device, "precision=fp64", "num_epoch=2"};
        solo(with(run, "ema_decay=0.75", "checkpoint_every_steps=1"));
        Map<String, double[]> want = new HashMap<>();
        for (int step = 1; step <= 10; step++) {
            Checkpoint at = Checkpoint.read(folder.resolve("logs/run/checkpoint-" + step + ".h5"));
            if (step == 1) { // what came before follows from the first average
                at.model().averages().forEach((name, tensor) -> want.put(name, tensor.data()));
                continue;
            }
            at.model().parameters().forEach((name, tensor) -> {
                double[] average = want.get(name);
                for (int i = 0; i < average.length; i++) {
                    average[i] = 0.75 * average[i] + 0.25 * tensor.data()[i];
                }
            });
            at.model()
                    .averages()
                    .forEach((name, tensor) -> assertArrayEquals(want.get(name), tensor.data(), tolerance, name));
        }
        Checkpoint first = Checkpoint.read(folder.resolve("logs/run/checkpoint-1.h5"));
        solo(with(run, "log_name=start", "learning_rate=1e-300", "Optimizer.weight_decay=0", "Checkpoint=true"));
        Map<String, HostTensor> start = last("start").model().parameters();
        first.model().averages().forEach((name, tensor) -> {
            double[] p = first.model().parameters().get(name).data();
            for (int i = 0; i < p.length; i++) {
                double begun = start.get(name).data()[i];
                assertEquals(0.75 * begun + 0.25 * p[i], tensor.data()[i], tolerance, name);
            }
        });
    }

    /// The log's validation loss is that of the average; so is what `predict` writes.
    @ParameterizedTest
    @CsvSource({"cpu", "emulated"})
    void averageIsWhatIsMeasuredAndPredictedWith(String device) throws IOException {
        String[] run = {"log_name=run", "device=" + device, "precision=fp64", "ema_decay=0.9"};
        solo(run);
        Checkpoint best = Checkpoint.read(folder.resolve("logs/run/best.h5"));
        assertFalse(best.model().averages().isEmpty());
        double logged =
                Double.parseDouble(metrics("run").get(best.position().epoch()).split(",")[7]);
        assertEquals(logged, validationLoss(ModelState.evaluated(best.model())), 1e-9 * logged);
        assertTrue(Math.abs(logged - validationLoss(ModelState.values(best.model()))) > 1e-3 * logged);

        Path frames = folder.resolve("frames.xyz");
        try (ExtXyzWriter writer = new ExtXyzWriter(frames)) {
            TinyRun.frames(2, 9).forEach(writer::write);
            writer.finish();
        }
        String predicted = predict(best, frames);
        Checkpoint.Model model = best.model();
        assertEquals(predicted, predict(with(best, new Checkpoint.Model(model.averages(), model.buffers())), frames));
        assertNotEquals(
                predicted, predict(with(best, new Checkpoint.Model(model.parameters(), model.buffers())), frames));
    }

    private static Checkpoint with(Checkpoint saved, Checkpoint.Model model) {
        return new Checkpoint(
                model,
                saved.optimizer(),
                saved.schedule(),
                saved.earlyStopping(),
                saved.best(),
                saved.position(),
                saved.run(),
                saved.sums(),
                saved.log());
    }

    private String predict(Checkpoint checkpoint, Path frames) throws IOException {
        Path file = folder.resolve("some.h5");
        checkpoint.write(file);
        Path out = folder.resolve("out.xyz");
        int code = new CommandLine(new Main())
                .execute("predict", file.toString(), frames.toString(), "-o", out.toString());
        assertEquals(0, code);
        return Files.readString(out);
    }

    private double validationLoss(Map<String, HostTensor> values) {
        Config given = ConfigReader.read(config, List.of());
        try (SoloComm comm = new SoloComm();
                ShardSet shards = ShardSets.open(comm, given)) {
            ConfiguredModel configured = ModelFactory.of(given, shards.index());
            ModelState state = new ModelState(configured.model().parameters(), values);
            try (Engine engine = EngineFactory.engine(comm, configured.training());
                    Evaluator evaluator =
                            new Evaluator(comm, configured.model(), state, configured.columns(), engine)) {
                return evaluator
                        .run(shards, Split.VALIDATION, RunBatches.batching(configured.training()), null)
                        .loss();
            }
        }
    }

    /// Means and standard deviations are those of the training frames.
    @Test
    void unitsFollowFromTheTrainingFrames() {
        Path heads = TinyRun.headsConfig(folder);
        Config given = ConfigReader.read(heads, List.of("normalize_targets=true"));
        try (SoloComm comm = new SoloComm();
                ShardSet shards = ShardSets.open(comm, given)) {
            Batch all = shards.batch(shards.index().table().graphs(Split.TRAIN), 1, 1);
            double[] energies = Objects.requireNonNull(all.energy());
            double[] forces = Objects.requireNonNull(all.forces());
            double mean = Arrays.stream(energies).average().orElseThrow();
            double std = Math.sqrt(Arrays.stream(energies)
                    .map(e -> (e - mean) * (e - mean))
                    .average()
                    .orElseThrow());
            double rms =
                    Math.sqrt(Arrays.stream(forces).map(f -> f * f).average().orElseThrow());

            ModelState state = state(given, shards);
            assertEquals(mean, state.find(Model.targetMean(0)).get(0), 1e-12);
            assertEquals(std, state.find(Model.targetStd(0)).get(0), 1e-12);
            for (int k = 0; k < 3; k++) {
                assertEquals(0, state.find(Model.targetMean(1)).get(k));
                assertEquals(rms, state.find(Model.targetStd(1)).get(k), 1e-12);
            }

            String scale = "energy_scale=energy_std";
            state = state(ConfigReader.read(config, List.of(scale, "energy_reference=mean")), shards);
            assertEquals(std, state.find("energy_scale").get(0), 1e-12);
            assertEquals(mean, state.find(Model.ENERGY_MEAN).get(0), 1e-12);

            state = state(ConfigReader.read(config, List.of(scale)), shards);
            double[] perAtom = new double[energies.length];
            int[] atoms = new int[energies.length];
            for (int i = 0; i < all.atoms(); i++) {
                int g = all.graphOfAtom()[i];
                perAtom[g] -= state.find(Model.ELEMENT_ENERGY).get(all.atomicNumbers()[i]);
                atoms[g]++;
            }
            for (int g = 0; g < perAtom.length; g++) {
                perAtom[g] = (perAtom[g] + energies[g]) / atoms[g];
            }
            double rest = Arrays.stream(perAtom).average().orElseThrow();
            double spread = Arrays.stream(perAtom)
                    .map(e -> (e - rest) * (e - rest))
                    .average()
                    .orElseThrow();
            assertEquals(Math.sqrt(spread), state.find("energy_scale").get(0), 1e-12);
        }
    }

    private static ModelState state(Config given, ShardSet shards) {
        return ModelFactory.of(given, shards.index())
                .initialState(shards.index().statistics());
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
