package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.iolaus.comm.Comm;
import org.iolaus.comm.DeviceComm;
import org.iolaus.comm.SoloComm;
import org.iolaus.config.Config;
import org.iolaus.config.ConfigReader;
import org.iolaus.cuda.DeviceException;
import org.iolaus.cuda.DeviceRuntime;
import org.iolaus.cuda.EmulatedRuntime;
import org.iolaus.data.Batch;
import org.iolaus.data.EpochPlan;
import org.iolaus.data.ShardSet;
import org.iolaus.data.Split;
import org.iolaus.run.ConfiguredModel;
import org.iolaus.run.ModelFactory;
import org.iolaus.run.ShardSets;
import org.iolaus.run.StructureBatch;
import org.iolaus.run.TrainingRun;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.engine.DeviceEngine;
import org.iolaus.train.engine.Engine;
import org.iolaus.train.engine.MemoryPrediction;
import org.iolaus.train.engine.ModelState;
import org.iolaus.train.inputs.BatchInputs;
import org.iolaus.train.inputs.PaddedSize;
import org.iolaus.train.loop.Evaluator;
import org.iolaus.train.loop.RunBatches;
import org.iolaus.train.loop.Trainer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/// What is predicted of a device's memory is what the emulated one sees, byte by byte.
final class DeviceMemoryTest {
    @TempDir
    Path folder;

    private Path config;

    @BeforeEach
    void data() {
        TinyRun.shards(folder);
        config = TinyRun.config(folder);
    }

    /// @param used as soon as the trainer is ready
    /// @param atTheEnd when the best model has been evaluated
    private record Seen(MemoryPrediction predicted, long used, long atTheEnd) {}

    private Seen train(long deviceBytes, String... overrides) {
        Config given = ConfigReader.read(config, List.of(overrides));
        try (Comm comm = new SoloComm();
                ShardSet shards = ShardSets.open(comm, given)) {
            ConfiguredModel configured = ModelFactory.of(given, shards.index());
            DeviceRuntime device = new EmulatedRuntime(deviceBytes);
            DeviceComm sums = DeviceComm.open(DeviceComm.Kind.AUTO, comm, device);
            try (var engine = new DeviceEngine(1, device, configured.training().precision(), sums);
                    Trainer trainer = TrainingRun.trainer(comm, configured, shards, engine)) {
                long used = engine.usedBytes();
                trainer.run();
                assertEquals(used, engine.usedBytes(), "nothing is allocated while training goes on");
                BatchInputs inputs = new BatchInputs(configured.model(), configured.columns(), 1);
                RunBatches batches =
                        new RunBatches(inputs, shards.index(), configured.training(), EpochPlan.Ranks.of(1));
                MemoryPrediction predicted = MemoryPrediction.of(
                        configured.model(),
                        configured.training(),
                        engine.precision(),
                        batches.training(0),
                        batches.evaluation());
                evaluateBest(comm, configured, shards, engine);
                return new Seen(predicted, used, engine.usedBytes());
            }
        }
    }

    /// As `train` does at its end; closing gives nothing back that counts here.
    private void evaluateBest(Comm comm, ConfiguredModel configured, ShardSet shards, DeviceEngine engine) {
        Checkpoint best = Checkpoint.read(folder.resolve("logs/run/best.h5"));
        ModelState state = new ModelState(configured.model().parameters(), ModelState.evaluated(best.model()));
        Evaluator evaluator = new Evaluator(comm, configured.model(), state, configured.columns(), engine);
        evaluator.run(shards, Split.TRAIN, RunBatches.batching(configured.training()), null);
        evaluator.run(shards, Split.VALIDATION, RunBatches.batching(configured.training()), null);
    }

    @ParameterizedTest
    @CsvSource({
        "AdamW, fp32, PAINN",
        "SGD, fp64, EGNN",
        "RMSprop, tf32, SchNet",
        "AdamW, bf16, PAINN",
        "AdamW, tf32x3, PAINN"
    })
    void predictionIsWhatIsUsed(String optimizer, String precision, String model) {
        Seen seen = train(
                8L << 30,
                "device=emulated",
                "Optimizer.type=" + optimizer,
                "precision=" + precision,
                "hidden_dim="
                        + switch (precision) {
                            case "bf16" -> 32;
                            case "tf32x3" -> 256;
                            default -> 8;
                        },
                "mpnn_type=" + model,
                "num_gaussians=8",
                "num_filters=8",
                "num_epoch=2");
        check(seen);
    }

    @Test
    void predictionHoldsForTheWholeRecipe() {
        check(train(
                8L << 30,
                Stream.concat(Stream.of(RecipeTest.RECIPE), Stream.of("device=emulated"))
                        .toArray(String[]::new)));
    }

    /// Pairs of atoms and encodings of their positions are inputs, too.
    @Test
    void predictionHoldsWithGps() {
        check(train(
                8L << 30,
                "device=emulated",
                "num_epoch=2",
                "global_attn_engine=GPS",
                "global_attn_type=multihead",
                "global_attn_heads=2",
                "global_attn_norm=batch",
                "pe_dim=3"));
    }

    /// Its steps set the statistics of batch normalisation.
    @Test
    void predictionHoldsForModelsWithBuffers() {
        check(train(
                8L << 30,
                "device=emulated",
                "mpnn_type=GIN",
                "enable_interatomic_potential=false",
                "energy_peratom_weight=0",
                "force_weight=0",
                "energy_scale=null",
                "energy_reference=none",
                "Dataset.node_features={\"name\": [\"forces\"], \"dim\": [3]}"));
    }

    private static void check(Seen seen) {
        MemoryPrediction predicted = seen.predicted;
        assertEquals(predicted.total() - predicted.parts().get("best"), seen.used);
        assertEquals(predicted.total(), seen.atTheEnd);
    }

    /// Of a run too long to be gone through, some epochs tell what the others need.
    @Test
    void longRunsNeedWhatTheirFirstEpochsNeed() {
        Config given = ConfigReader.read(config, List.of("num_epoch=10000000", "batch_size=4"));
        try (Comm comm = new SoloComm();
                ShardSet shards = ShardSets.open(comm, given)) {
            ConfiguredModel configured = ModelFactory.of(given, shards.index());
            BatchInputs inputs = new BatchInputs(configured.model(), configured.columns(), 1);
            RunBatches batches = new RunBatches(inputs, shards.index(), configured.training(), EpochPlan.Ranks.of(1));
            PaddedSize most = batches.training(0).stream().reduce(PaddedSize.ONE, PaddedSize::or);
            for (int epoch = 9_000_000; epoch < 9_000_100; epoch++) {
                EpochPlan plan = EpochPlan.training(
                        shards.index(),
                        RunBatches.batching(configured.training()),
                        configured.training().seed(),
                        epoch,
                        EpochPlan.Ranks.of(1),
                        1);
                for (int step = 0; step < plan.steps(); step++) {
                    PaddedSize needed = inputs.paddedSize(shards.batch(plan, step, 0, 0));
                    assertEquals(most, most.or(needed));
                }
            }
        }
    }

    @Test
    void batchesThatDoNotFitAreRefusedWithWhatWouldFit() {
        long enough =
                train(8L << 30, "device=emulated", "batch_size=10").predicted.total();
        train(enough, "device=emulated", "batch_size=10");
        DeviceException refused =
                assertThrows(DeviceException.class, () -> train(enough * 2 / 3, "device=emulated", "batch_size=10"));
        String message = String.valueOf(refused.getMessage());
        Matcher suggestion = Pattern.compile("NeuralNetwork.Training.batch_size: want batches that fit into the "
                        + "[0-9.]+ MiB free on .*, got 10: the largest batch \\([0-9]+ graphs, [0-9]+ atoms, [0-9]+ "
                        + "edges, padding included\\) takes [0-9.]+ MiB \\(computed .*\\); about ([0-9]+) would fit")
                .matcher(message);
        assertTrue(suggestion.matches(), message);
        int fits = Integer.parseInt(suggestion.group(1));
        assertTrue(fits < 10);
        train(enough * 2 / 3, "device=emulated", "batch_size=" + fits);
    }

    @Test
    void refusalNamesTheBudgetThatCounts() {
        DeviceException refused = assertThrows(
                DeviceException.class,
                () -> train(300_000, "device=emulated", "Batching.mode=node_budget", "Batching.max_nodes=40"));
        assertTrue(String.valueOf(refused.getMessage()).startsWith("NeuralNetwork.Training.Batching.max_nodes: "));
    }

    /// A model on a device of its own, which predicts for the first frames of the data.
    private final class Predicting implements AutoCloseable {
        private final ConfiguredModel configured;
        private final BatchInputs inputs;
        private final EmulatedRuntime device = new EmulatedRuntime(64 << 20);
        private final DeviceEngine engine;
        private final Engine.Forward forward;

        Predicting() {
            try (Comm comm = new SoloComm();
                    ShardSet shards = ShardSets.open(comm, ConfigReader.read(config, List.of("device=emulated")))) {
                configured = ModelFactory.of(ConfigReader.read(config, List.of("device=emulated")), shards.index());
            }
            inputs = new BatchInputs(configured.model(), configured.columns(), 1);
            DeviceComm alone = DeviceComm.open(DeviceComm.Kind.AUTO, new SoloComm(), device);
            engine = new DeviceEngine(1, device, configured.training().precision(), alone);
            ModelState state = new ModelState(configured.model().parameters(), 3);
            forward = engine.forward(configured.model().predict(), state);
        }

        double[] energies(int frames) {
            Batch batch = StructureBatch.of(
                    TinyRun.frames(frames, 5), configured.model().architecture(), configured.columns(), 1, 0);
            return forward.run(engine.ready(inputs, batch)).get("energy");
        }

        @Override
        public void close() {
            forward.close();
            engine.close();
        }
    }

    @Test
    void pinnedMemoryOfSmallerBatchesIsFreedWhenLargerOnesCome() {
        try (Predicting growing = new Predicting();
                Predicting atOnce = new Predicting()) {
            for (int frames = 1; frames <= 6; frames++) {
                growing.energies(frames);
            }
            atOnce.energies(6);
            assertEquals(atOnce.device.pinnedBytes(), growing.device.pinnedBytes());
            assertTrue(growing.device.pinnedBytes() > 0);
        }
    }

    @Test
    void whatWasReservedStaysWhenMoreIsRefused() {
        try (Predicting predicting = new Predicting()) {
            double[] before = predicting.energies(3);
            for (int attempt = 0; attempt < 2; attempt++) {
                Set<PaddedSize> huge = Set.of(new PaddedSize(Map.of("N", 1_000_000, "E", 2_000_000, "G", 10)));
                String message =
                        String.valueOf(assertThrows(DeviceException.class, () -> predicting.forward.reserve(huge))
                                .getMessage());
                assertTrue(message.contains("GiB free on emulated on the host"), message);
                assertArrayEquals(before, predicting.energies(3));
            }
            predicting.energies(4);
        }
    }

    @Test
    void describeSaysWhatTrainingTakesAndWhetherItFits() {
        long total = train(8L << 30, "device=emulated").predicted.total();
        StringWriter text = new StringWriter();
        CommandLine line = new CommandLine(new Main()).setCaseInsensitiveEnumValuesAllowed(true);
        line.setOut(new PrintWriter(text));
        StringWriter problem = new StringWriter();
        line.setExecutionExceptionHandler((thrown, _, _) -> {
            problem.write(String.valueOf(thrown.getMessage()));
            return Failures.describe(thrown, false).code();
        });
        String[] describe = {"describe", config.toString(), "--device=emulated", "--check-device"};
        assertEquals(0, line.execute(describe), problem::toString);
        String memory = String.format(Locale.ROOT, "memory       %.1f kB on the device: computed ", total * 1e-3);
        assertTrue(text.toString().contains(memory), text::toString);
        assertTrue(text.toString().contains("emulated on the host: 8589.9 MB free, 0 B in use"), text::toString);
        String[] large = {"--graphs=1000000", "--atoms=5000000", "--edges=50000000"};
        assertEquals(
                1, line.execute(Stream.of(describe, large).flatMap(Stream::of).toArray(String[]::new)));
        assertTrue(problem.toString().startsWith("--graphs: want batches that fit into the 8.00 GiB free"));
    }

    @Test
    void describeShowsWhatTheDeviceStarts() {
        StringWriter text = new StringWriter();
        CommandLine line = new CommandLine(new Main()).setCaseInsensitiveEnumValuesAllowed(true);
        line.setOut(new PrintWriter(text));
        assertEquals(0, line.execute("describe", config.toString(), "--device=cuda", "--program"));
        assertTrue(
                Pattern.compile("^step 0: loop\\d+, \\d+ x 1 blocks of 256 threads", Pattern.MULTILINE)
                        .matcher(text.toString())
                        .find(),
                text::toString);
        assertTrue(text.toString().contains("small_gemm_nn_f32, "), text::toString);
    }

    @Test
    void describeShowsTheProgramThatIsTrained() {
        String kept = traffic("conv_checkpointing=false");
        String again = traffic("conv_checkpointing=true");
        assertTrue(kept.startsWith("traffic "), kept);
        assertNotEquals(kept, again);
    }

    private String traffic(String setting) {
        StringWriter text = new StringWriter();
        CommandLine line = new CommandLine(new Main()).setCaseInsensitiveEnumValuesAllowed(true);
        line.setOut(new PrintWriter(text));
        String[] describe = {
            "describe", config.toString(), "--device=emulated", "--set", "hidden_dim=128", "--set", setting
        };
        assertEquals(0, line.execute(describe));
        return text.toString()
                .lines()
                .filter(each -> each.startsWith("traffic"))
                .findFirst()
                .orElseThrow();
    }
}
