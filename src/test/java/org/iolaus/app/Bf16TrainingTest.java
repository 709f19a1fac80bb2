package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.iolaus.comm.LocalComm;
import org.iolaus.comm.SoloComm;
import org.iolaus.config.Config;
import org.iolaus.config.ConfigReader;
import org.iolaus.data.Batch;
import org.iolaus.data.Neighbours;
import org.iolaus.data.ShardSet;
import org.iolaus.ir.Program;
import org.iolaus.ir.ProgramExecutor;
import org.iolaus.lower.Precision;
import org.iolaus.run.ConfiguredModel;
import org.iolaus.run.ModelFactory;
import org.iolaus.run.ShardSets;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.Training;
import org.iolaus.train.engine.ModelState;
import org.iolaus.train.inputs.BatchInputs;
import org.iolaus.verify.Devices;
import org.iolaus.verify.ReferenceCase;
import org.iolaus.verify.RoundingModel;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Training with large arrays in bfloat16, on the emulated device, beside training in float.
///
/// Every stored number is off by up to one unit roundoff. A gradient then is off by as much as these
/// roundings come to, which [RoundingModel] computes; a loss averages many, and in the first epoch stays
/// within two. Adam's first steps go by the signs of gradients, so those that are nearly zero take
/// parameters different ways however small the roundings: losses of later epochs differ by that, some
/// per cent in either direction, and say nothing of the errors of gradients.
final class Bf16TrainingTest {
    private static final String PREFIX = "NeuralNetwork.Architecture.";

    /// Unit roundoff of bfloat16.
    private static final double UNIT = 0x1p-8;

    private static final int EPOCHS = 3;
    private static final int TRAINING_LOSS = 3;
    private static final int VALIDATION_LOSS = 4;

    private static final String TOGETHER = "PAINN with EquiformerV2";

    @TempDir
    private Path folder;

    /// A configuration with shards for a model.
    private Path shards(String model) {
        TinyRun.shards(folder, model.equals(TOGETHER) ? new Neighbours(4, 5) : null);
        return TinyRun.config(folder);
    }

    /// Training loss of each epoch.
    private double[] losses(String run) throws IOException {
        return column(run, TRAINING_LOSS);
    }

    private double[] column(String run, int number) throws IOException {
        return Files.readAllLines(folder.resolve("logs").resolve(run).resolve("metrics.csv")).stream()
                .skip(1)
                .mapToDouble(line -> Double.parseDouble(line.split(",")[number]))
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
        Path config = shards(model);
        for (String precision : List.of("fp32", "bf16")) {
            try (SoloComm comm = new SoloComm()) {
                TinyRun.train(
                        comm,
                        config,
                        with(settings(model), "device=emulated", "precision=" + precision, "log_name=" + precision));
            }
        }
        double[] full = losses("fp32");
        double[] bf16 = losses("bf16");
        String both = Arrays.toString(full) + " and " + Arrays.toString(bf16);
        assertTrue(bf16[EPOCHS - 1] < 0.8 * bf16[0], both);
        assertTrue(Math.abs(full[0] - bf16[0]) > 1e-6 * full[0], both);
        assertEquals(full[0], bf16[0], 2 * UNIT * full[0], both);
    }

    /// Split factors change the losses by less than a few units of roundoff, factors with the digits of TF32 by more.
    /// The steps are small ones against the gradient: Adam's, whatever their size, magnify rounding.
    @Test
    void learnsTheSameWithSplitFactors() throws IOException {
        TinyRun.shards(folder);
        Path config = TinyRun.config(folder);
        for (String precision : List.of("fp32", "tf32x3", "tf32")) {
            try (SoloComm comm = new SoloComm()) {
                TinyRun.train(
                        comm,
                        config,
                        PREFIX + "hidden_dim=256",
                        "num_epoch=2",
                        "Optimizer.type=SGD",
                        "learning_rate=1e-4",
                        "device=emulated",
                        "precision=" + precision,
                        "log_name=" + precision);
            }
        }
        double[] full = column("fp32", VALIDATION_LOSS);
        double[] split = column("tf32x3", VALIDATION_LOSS);
        double[] few = column("tf32", VALIDATION_LOSS);
        String all = Arrays.toString(full) + ", " + Arrays.toString(split) + " and " + Arrays.toString(few);
        double limit = 4 * 0x1p-24 * full[0];
        assertTrue(!Arrays.equals(full, split), all);
        assertArrayEquals(full, split, limit, all);
        assertTrue(Math.abs(full[0] - few[0]) > limit, all);
    }

    /// Both together: derivatives of the energy through rotations.
    @Test
    @Tag("slow")
    void learnsAsInFloatThroughRotations() throws IOException {
        learnsAsInFloat(TOGETHER);
    }

    /// The gradient of each parameter in the first step is off by what the numbers stored in bfloat16
    /// account for, and by no more: sums add in float.
    ///
    /// A tolerance is eight times the deviation that roundings up or down at random come to. Their mean
    /// square is 1/6 of the squared spacing; that of roundings to the nearest number is 1/12. So errors
    /// of 1/(8 sqrt(2)) of their tolerances are to be expected, in the middle of many arrays.
    ///
    /// @param again whether what is cheap is computed again instead of kept
    @ParameterizedTest
    @CsvSource({"PAINN, false", "EquiformerV2, false", "EquiformerV2, true", TOGETHER + ", false"})
    void gradientsAreOffByWhatIsStored(String model, boolean again) {
        Config config = ConfigReader.read(shards(model), List.of(with(settings(model), "conv_checkpointing=" + again)));
        try (SoloComm comm = new SoloComm();
                ShardSet shards = ShardSets.open(comm, config)) {
            ConfiguredModel configured = ModelFactory.of(config, shards.index());
            ModelState state = configured.initialState(shards.index().statistics());
            Map<String, HostTensor> parameters = ModelState.values(state.snapshot());
            Batch batch = shards.batch(new int[] {0, 1, 2, 3}, 4, 20);
            BatchInputs.Bound inputs = new BatchInputs(configured.model(), configured.columns(), 1).bind(batch);
            Program program = configured.model().train(configured.training().convCheckpointing());
            Map<String, Double> bounds = RoundingModel.of(
                    program, new ReferenceCase.Batch(inputs.floats(), inputs.indices()), parameters, Precision.BF16);
            try (Devices devices = Devices.open(Training.Device.EMULATED, Precision.BF16);
                    ProgramExecutor definition = Devices.cpu().executor(program);
                    ProgramExecutor bf16 = devices.executor(program)) {
                Map<String, HostTensor> want = definition.run(inputs.floats(), inputs.indices(), parameters);
                Map<String, HostTensor> got = bf16.run(inputs.floats(), inputs.indices(), parameters);
                List<Double> ratios = new ArrayList<>();
                want.forEach((name, values) -> {
                    double error =
                            largestDifference(values.data(), got.get(name).data());
                    double tolerance = bounds.get(name);
                    assertTrue(error <= tolerance, name + ": error " + error + ", tolerance " + tolerance);
                    if (tolerance > 0) {
                        ratios.add(error / tolerance);
                    }
                });
                double middle = ratios.stream().sorted().toList().get(ratios.size() / 2);
                double expected = 1 / (RoundingModel.FACTOR * Math.sqrt(2));
                String text = "median of error / tolerance: want about " + expected + ", got " + middle;
                assertTrue(ratios.size() > 30 && middle > expected / 1.5 && middle < expected * 1.5, text);
            }
        }
    }

    private static double largestDifference(double[] a, double[] b) {
        return IntStream.range(0, a.length)
                .mapToDouble(i -> Math.abs(a[i] - b[i]))
                .max()
                .orElse(0);
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
