package org.iolaus.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.iolaus.comm.LocalComm;
import org.iolaus.config.ConfigException;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.ir.Program;
import org.iolaus.model.Frames.Batch;
import org.iolaus.model.Frames.Frame;
import org.iolaus.nn.Parameters.Role;
import org.iolaus.nn.Parameters.Spec;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Index;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Choices of an architecture that reference cases do not show.
final class ModelTest {
    private static final String GIN = """
            "mpnn_type": "GIN", "radius": 3.0, "hidden_dim": 8, "num_conv_layers": 2, "activation_function": "silu",
            """;
    private static final String GRAPH_BRANCH = """
            {"type": "branch-%d", "architecture": {"num_sharedlayers": 1, "dim_sharedlayers": 6,
             "num_headlayers": 1, "dim_headlayers": [5]}}
            """;
    private static final String ONE_GRAPH_HEAD = "\"output_heads\": {\"graph\": [" + GRAPH_BRANCH.formatted(0) + "]}";

    private static List<Frame> frames(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        return List.of(
                Frames.random(random, 6, 4, false),
                Frames.random(random, 4, 4, false),
                Frames.random(random, 5, 4, false));
    }

    /// Heads give `mean + std * output`; their losses are those of the output.
    @Test
    void normalisedTargetsChangeTheUnitsOfHeads() {
        for (String loss : List.of("mse", "GaussianNLLLoss")) {
            Model plain = Models.of(GIN + ONE_GRAPH_HEAD, "graph", 2, loss);
            Model normal = Models.of(GIN + "\"normalize_targets\": true," + ONE_GRAPH_HEAD, "graph", 2, loss);
            Frames.Batch batch = Frames.batch(plain, frames(9));
            Map<String, HostTensor> values = Frames.parameters(normal.parameters(), 9);
            double[] mean = {3, -20};
            double[] std = {0.25, 7};
            values.put(Model.targetMean(0), HostTensor.of(new int[] {2}, mean));
            values.put(Model.targetStd(0), HostTensor.of(new int[] {2}, std));
            Map<String, HostTensor> bare = new HashMap<>(values);
            bare.remove(Model.targetMean(0));
            bare.remove(Model.targetStd(0));
            Map<String, HostTensor> floats = new HashMap<>(batch.floats());
            double[] target = floats.get(Inputs.target(0)).data();
            double[] scaled = new double[target.length];
            for (int i = 0; i < target.length; i++) {
                scaled[i] = (target[i] - mean[i % 2]) / std[i % 2];
            }
            floats.put(Inputs.target(0), HostTensor.of(new int[] {3, 2}, scaled));
            Map<String, HostTensor> want = new Frames.Batch(floats, batch.indices()).run(plain.check(true), bare);
            Map<String, HostTensor> got = batch.run(normal.check(true), values);
            for (int i = 0; i < target.length; i++) {
                double head = mean[i % 2] + std[i % 2] * want.get("head_0").data()[i];
                assertEquals(head, got.get("head_0").data()[i], 1e-12);
                if (want.containsKey("var_0")) {
                    double variance =
                            std[i % 2] * std[i % 2] * want.get("var_0").data()[i];
                    assertEquals(variance, got.get("var_0").data()[i], 1e-12 * variance);
                }
            }
            want.forEach((name, value) -> {
                if (name.startsWith(Model.GRADIENT) || name.equals(Model.TASK_LOSSES)) {
                    double size = Math.max(1, largest(value.data()));
                    assertArrayEquals(value.data(), got.get(name).data(), 1e-11 * size, name);
                }
            });
        }
    }

    /// With a scale of s and weights of 1, absolute errors are s times smaller; energies do not change.
    @Test
    void normalisedTargetsDivideAPotentialsErrors() {
        String more = "\"energy_scale\": 0.25, \"energy_reference\": \"mean\", \"energy_loss_type\": \"mae\", ";
        more += "\"force_loss_type\": \"l2\", ";
        Model plain = Models.PAINN.potential("graph", more);
        Model normal = Models.PAINN.potential("graph", more + "\"normalize_targets\": true,");
        Frames.Batch batch = Frames.batch(plain, frames(10));
        Map<String, HostTensor> values = Frames.parameters(plain.parameters(), 10);
        values.put(Model.ENERGY_MEAN, HostTensor.of(new int[] {1}, 1.5));
        Map<String, HostTensor> want = batch.run(plain.check(false), values);
        Map<String, HostTensor> got = batch.run(normal.check(false), values);
        assertArrayEquals(want.get(Model.ENERGY).data(), got.get(Model.ENERGY).data(), 1e-13);
        assertArrayEquals(want.get(Model.FORCES).data(), got.get(Model.FORCES).data(), 1e-13);
        for (int task = 0; task < 3; task++) {
            double loss = want.get(Model.TASK_LOSSES).data()[task];
            assertEquals(4 * loss, got.get(Model.TASK_LOSSES).data()[task], 1e-12 * loss);
        }
        values.put(Model.ENERGY_MEAN, HostTensor.of(new int[] {1}, 0));
        double[] below = batch.run(plain.check(false), values).get(Model.ENERGY).data();
        for (int g = 0; g < 3; g++) {
            assertEquals(below[g] + 1.5, want.get(Model.ENERGY).data()[g], 1e-12);
        }
    }

    /// Energies by their absolute error, forces by their distance, per atom over all atoms of the batch.
    @Test
    void termsOfAPotentialHaveLossesOfTheirOwn() {
        Model model = Models.PAINN.potential("node", "\"energy_loss_type\": \"mae\", \"force_loss_type\": \"l2\",");
        Frames.Batch batch = Frames.batch(model, frames(8));
        Map<String, HostTensor> out = batch.run(model.check(false), Frames.parameters(model.parameters(), 8));
        double[] counts = {6, 4, 5};
        double[] want = new double[3];
        for (int g = 0; g < 3; g++) {
            double error = Math.abs(out.get(Model.ENERGY).data()[g]
                    - batch.floats().get(Inputs.ENERGY).data()[g]);
            want[0] += error / 3;
            want[1] += error / counts[g] / 3;
        }
        for (int atom = 0; atom < 15; atom++) {
            double square = 0;
            for (int k = 3 * atom; k < 3 * atom + 3; k++) {
                double error = out.get(Model.FORCES).data()[k]
                        - batch.floats().get(Inputs.FORCES).data()[k];
                square += error * error;
            }
            want[2] += Math.sqrt(square) / 15;
        }
        assertArrayEquals(want, out.get(Model.TASK_LOSSES).data(), 1e-12);
        assertEquals(want[0] + 0.5 * want[1] + 2 * want[2], out.get(Model.LOSS).data()[0], 1e-12);
    }

    @Test
    void frozenLayersHaveNoGradient() {
        Model model = Models.of(GIN + "\"freeze_conv_layers\": true," + ONE_GRAPH_HEAD, "graph", 1, "mse");
        Program program = model.train();
        for (Spec spec : model.parameters().specs().values()) {
            boolean frozen =
                    spec.name().startsWith("graph_convs") || spec.name().startsWith("feature_layers");
            boolean weight = spec.role() != Role.BUFFER;
            assertEquals(weight && !frozen, program.outputs().containsKey(Model.GRADIENT + spec.name()), spec.name());
            assertEquals(weight && frozen, spec.role() == Role.FROZEN, spec.name());
        }
    }

    @Test
    void initialBiasFillsTheLastBiasOfGraphHeads() {
        Model model = Models.of(GIN + "\"initial_bias\": 7.5," + ONE_GRAPH_HEAD, "graph", 2, "mse");
        Map<String, HostTensor> values = model.parameters().initial(1);
        assertArrayEquals(
                new double[] {7.5, 7.5},
                values.get("heads_NN.0.branch-0.2.bias").data());
        assertTrue(largest(values.get("heads_NN.0.branch-0.0.bias").data()) < 1);
    }

    @Test
    void firstValuesFollowPyTorch() {
        Model model = Models.SCHNET_MOVING.potential("node", "");
        Map<String, HostTensor> values = model.parameters().initial(3);
        assertBound(Math.sqrt(6.0 / 15), values.get("graph_convs.1.module_2.lin1.weight"));
        assertBound(0, values.get("graph_convs.1.module_2.lin2.bias"));
        assertBound(1 / Math.sqrt(7), values.get("graph_convs.1.module_2.nn.2.weight"));
        assertBound(0.001 * Math.sqrt(6.0 / 8), values.get("graph_convs.1.module_2.coord_mlp.2.weight"));
        Map<String, HostTensor> again = model.parameters().initial(3);
        values.forEach(
                (name, value) -> assertArrayEquals(value.data(), again.get(name).data()));
        assertFalse(Arrays.equals(
                values.get("graph_convs.1.module_2.lin1.weight").data(),
                model.parameters()
                        .initial(4)
                        .get("graph_convs.1.module_2.lin1.weight")
                        .data()));
    }

    /// Values fill `[-bound, bound]`: none outside, some near the end.
    private static void assertBound(double bound, HostTensor values) {
        double largest = largest(values.data());
        assertTrue(largest <= bound && largest >= 0.7 * bound, bound + " " + largest);
    }

    @Test
    void eachGraphGetsItsOwnBranch() {
        String heads =
                "\"output_heads\": {\"graph\": [" + GRAPH_BRANCH.formatted(0) + "," + GRAPH_BRANCH.formatted(1) + "]}";
        Model both = Models.of(GIN + heads, "graph", 2, "mse");
        Model single = Models.of(GIN + ONE_GRAPH_HEAD, "graph", 2, "mse");
        Map<String, HostTensor> values = Frames.parameters(both.parameters(), 5);
        Batch batch = Frames.batch(both, frames(5));
        batch.indices().put(Inputs.BRANCH, new Index(new int[] {1, 0, 1}, 2));
        double[] mixed = batch.run(both.predict(), values).get("head_0").data();
        double[] zeroth = batch.run(single.predict(), values).get("head_0").data();
        values.replaceAll((name, value) -> values.getOrDefault(name.replace("branch-0", "branch-1"), value));
        double[] first = batch.run(single.predict(), values).get("head_0").data();
        assertArrayEquals(new double[] {first[0], first[1], zeroth[2], zeroth[3], first[4], first[5]}, mixed, 1e-13);
        assertTrue(Math.abs(first[2] - zeroth[2]) > 1e-3);
    }

    /// Statistics over all ranks, the root of a mean over all ranks: gradients of two ranks add up to those of one.
    @ParameterizedTest
    @CsvSource({"rmse, true", "mse, true", "rmse, false", "smooth_l1, true", "mae, true"})
    void ranksTogetherAreOne(String loss, boolean statistics) {
        String architecture = (statistics
                ? GIN + "\"SyncBatchNorm\": true,"
                : GIN.replace("GIN", "SchNet") + "\"num_gaussians\": 5, \"num_filters\": 4,");
        Model model = Models.of(architecture + ONE_GRAPH_HEAD, "graph", 3, loss);
        Map<String, HostTensor> values = Frames.parameters(model.parameters(), 6);
        List<Frame> frames = frames(6);
        Map<String, HostTensor> whole = Frames.batch(model, frames).run(model.train(), values);
        int[] totals = {3, 15};
        List<Batch> batches = List.of(
                Frames.batch(model, frames.subList(0, 1), new double[] {1}, totals, 2),
                Frames.batch(model, frames.subList(1, 3), new double[] {1, 1}, totals, 2));
        List<Map<String, HostTensor>> parts = LocalComm.call(2, comm -> {
            CpuExecutor.Options options = new CpuExecutor.Options(1, comm::sum);
            try (CpuExecutor executor = new CpuExecutor(model.train(), options)) {
                Batch batch = batches.get(comm.rank());
                return executor.run(batch.floats(), batch.indices(), values);
            }
        });
        whole.forEach((name, value) -> {
            double[] expected = value.data();
            double[] one = parts.get(0).get(name).data();
            double[] two = parts.get(1).get(name).data();
            double scale = 1e-11 * Math.max(1, largest(expected));
            for (int i = 0; i < expected.length; i++) {
                if (name.startsWith(Model.BUFFER_AFTER)) {
                    assertEquals(expected[i], one[i], scale, name);
                    assertEquals(expected[i], two[i], scale, name);
                } else {
                    assertEquals(expected[i], one[i] + two[i], scale, name);
                }
            }
        });
    }

    @Test
    void impossibleModelsAreNamed() {
        List<String> messages = new ArrayList<>();
        messages.add(message(Models.PAINN, "graph", "\"graph_pooling\": \"mean\","));
        messages.add(assertThrows(
                        ModelException.class,
                        () -> Models.of(
                                        GIN + ONE_GRAPH_HEAD
                                                + ", \"graph_pooling\": \"add\", \"enable_interatomic_potential\": true, "
                                                + "\"energy_weight\": 1.0",
                                        "graph",
                                        1,
                                        "mse")
                                .train())
                .getMessage());
        String conv = "\"output_heads\": {\"node\": [{\"type\": \"branch-0\", \"architecture\": {\"num_headlayers\": 1,"
                + "\"dim_headlayers\": [4], \"type\": \"conv\"}}]}";
        String painn = GIN.replace("GIN", "PAINN").replace("\"num_conv_layers\": 2", "\"num_conv_layers\": 1")
                + "\"num_radial\": 4,";
        messages.add(assertThrows(ConfigException.class, () -> Models.of(painn + conv, "node", 1, "mse"))
                .getMessage());
        assertTrue(messages.get(2).contains("num_conv_layers"), messages.toString());
        assertTrue(messages.get(0).contains("graph_pooling"), messages.toString());
        assertTrue(messages.get(1).contains("reads positions"), messages.toString());
    }

    private static String message(Models kind, String level, String more) {
        return assertThrows(RuntimeException.class, () -> kind.potential(level, more))
                .getMessage();
    }

    private static double largest(double[] values) {
        return Arrays.stream(values).map(Math::abs).max().orElse(0);
    }
}
