package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.iolaus.atoms.Structure;
import org.iolaus.data.Hdf5File;
import org.iolaus.data.read.ExtXyzWriter;
import org.iolaus.data.read.ReadOptions;
import org.iolaus.data.read.Readers;
import org.iolaus.data.read.StructureReader;
import org.iolaus.data.state.NumberType;
import org.iolaus.data.state.TorchArchive;
import org.iolaus.data.state.TorchArchive.StateOf;
import org.iolaus.data.state.TorchArchive.View;
import org.iolaus.nn.Parameters;
import org.iolaus.nn.StateMatch;
import org.iolaus.tensor.HostTensor;
import org.iolaus.verify.ReferenceCase;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// From files that PyTorch saved to the predictions of the program that saved them.
final class ImportedModelTest extends ImportRuns {
    /// From the reference's weights, as PyTorch saves them, to the reference's energies and forces.
    @ParameterizedTest
    @ValueSource(strings = {"EGNN", "EGNN_equivariant_pbc", "PAINN_node_head", "PAINN_pbc", "SchNet", "SchNet_pbc"})
    void potentialsOfHydraGnnPredictWhatTheReferenceDid(String name) throws IOException {
        Map<String, HostTensor> values = golden("interatomic_potential", name);
        Path file = TorchArchive.write(
                folder.resolve("a.pt"), Map.of("model_state_dict", views(values, NumberType.F64, "module.model.")));
        try (Hdf5File golden = Hdf5File.open(GOLDEN.resolve("hydragnn/interatomic_potential.h5"))) {
            double[] x = golden.doubles(name + "/inputs/x");
            double[] cell = golden.exists(name + "/inputs/cell") ? golden.doubles(name + "/inputs/cell") : null;
            List<Structure> want = structures(golden, name + "/", new int[x.length], cell, Map.of("x", x));
            Path config = config("interatomic_potential", name);
            List<Structure> got = predicted(imported(file, config, "num_epoch=1", "compatibility=hydragnn"), want);
            for (int frame = 0; frame < want.size(); frame++) {
                assertClose(
                        new double[] {want.get(frame).energy()},
                        new double[] {got.get(frame).energy()});
                assertClose(want.get(frame).forces(), got.get(frame).forces());
            }
        }
    }

    /// The same for the paper's network, whose energies do not depend on its random frames where it has gates.
    @Test
    void equiformersPredictWhatTheReferenceDid() throws IOException {
        try (Hdf5File golden = Hdf5File.open(GOLDEN.resolve("equiformer_v2/model_l4m2_gate.h5"))) {
            Map<String, Object> saved = new LinkedHashMap<>();
            Map<String, View> views = views(ReferenceCase.open(golden, "").state(), NumberType.F64, "module.module.");
            views.put(
                    "module.module.mappingReduced.l_harmonic",
                    View.of(NumberType.I64, HostTensor.of(new int[] {3}, 0, 1, 1)));
            try (Hdf5File so3 = Hdf5File.open(GOLDEN.resolve("equiformer_v2/so3.h5"))) {
                for (int m : new int[] {2, 4}) {
                    for (String matrix : List.of("to_grid_mat", "from_grid_mat")) {
                        HostTensor values = ReferenceCase.tensor(so3, "grid/l4_m" + m + "_default/" + matrix);
                        views.put("module.module.SO3_grid.4." + m + "." + matrix, View.of(NumberType.BF16, values));
                    }
                }
            }
            double[] centres = new double[600];
            Arrays.setAll(centres, i -> 8.0 * i / 599);
            views.put(
                    "module.module.distance_expansion.offset",
                    View.of(NumberType.F32, new HostTensor(new int[] {600}, centres)));
            saved.put("state_dict", new StateOf(views));
            Path file = TorchArchive.write(folder.resolve("eqv2.pt"), saved);
            JsonNode settings = JsonMapper.shared().readTree(golden.string("config_json"));
            Path config = Files.writeString(folder.resolve("eqv2.json"), """
                    {
                      "Dataset": {"name": "t", "shards": "none", "path": {},
                                  "node_features": {"name": ["forces"], "dim": [3]},
                                  "graph_features": {"name": ["energy"], "dim": [1]}},
                      "NeuralNetwork": {
                        "Architecture": {
                          "mpnn_type": "none", "global_attn_engine": "EquiformerV2", "radius": 8, "max_neighbours": 5,
                          "hidden_dim": 8, "num_conv_layers": 2, "element_embedding": true, "equiformer_heads": true,
                          "output_heads": {},
                          "global_attn_heads": 2, "equiformer_lmax_list": [4],
                          "equiformer_mmax_list": [2], "equiformer_grid_resolution": null,
                          "equiformer_radius": 8, "equiformer_max_neighbours": 5, "equiformer_edge_channels": 8,
                          "equiformer_max_num_elements": 20, "equiformer_attn_hidden_channels": 6,
                          "equiformer_attn_alpha_channels": 3, "equiformer_attn_value_channels": 4,
                          "equiformer_ffn_hidden_channels": 10, "equiformer_norm_type": "layer_norm",
                          "equiformer_share_atom_edge_embedding": true, "equiformer_use_m_share_rad": true,
                          "equiformer_use_attn_renorm": false, "equiformer_use_gate_act": true,
                          "equiformer_use_grid_mlp": false
                        },
                        "Variables_of_interest": {"output_names": ["energy", "forces"], "output_index": [0, 0],
                                                  "type": ["graph", "node"]},
                        "Training": {"num_epoch": 1, "batch_size": 1, "Optimizer": {"learning_rate": 1e-3}}
                      }
                    }
                    """);
            assertEquals(8, settings.required("max_radius").doubleValue());
            assertEquals(
                    2,
                    run(
                            "import",
                            file,
                            "--config",
                            config,
                            "--set",
                            "equiformer_radius=12",
                            "--set",
                            "NeuralNetwork.Architecture.radius=12",
                            "--set",
                            "equiformer_grid_resolution=10"));
            assertTrue(complaint().contains("SO3_grid.4.2.to_grid_mat: want [10, 10, 19] with"), complaint());
            assertTrue(
                    complaint().contains("distance_expansion.offset: want 0.360601 as number 18 with a cutoff of 12"),
                    complaint());
            List<Structure> want = structures(golden, "", golden.ints("inputs/atomic_numbers"), null, Map.of());
            Path imported = imported(file, config);
            assertTrue(printed().contains("skipped   6 buffers that follow from the configuration"), printed());
            List<Structure> got = predicted(imported, want);
            for (int frame = 0; frame < want.size(); frame++) {
                assertClose(
                        new double[] {want.get(frame).energy()},
                        got.get(frame).graphColumns().get("predicted_energy"));
                assertClose(
                        want.get(frame).forces(), got.get(frame).atomColumns().get("predicted_forces"));
            }
        }
    }

    private static void assertClose(double[] want, double[] got) {
        double largest = Arrays.stream(want).map(Math::abs).max().orElse(0);
        assertArrayEquals(want, got, 1e-9 * largest);
    }

    /// The graphs of a golden case, with energy and forces of the reference.
    private static List<Structure> structures(
            Hdf5File golden,
            String group,
            int[] elements,
            double @Nullable [] cell,
            Map<String, double[]> atomColumns) {
        int[] graph = golden.ints(group + "inputs/batch");
        double[] positions = golden.doubles(group + "inputs/pos");
        double[] energy = golden.doubles(group + "outputs/energy");
        double[] forces = golden.doubles(group + "outputs/forces");
        List<Structure> structures = new ArrayList<>();
        for (int g = 0; g < energy.length; g++) {
            int own = g;
            int from = (int) Arrays.stream(graph).filter(of -> of < own).count();
            int to = from + (int) Arrays.stream(graph).filter(of -> of == own).count();
            Map<String, double[]> columns = new TreeMap<>();
            atomColumns.forEach((name, values) -> columns.put(name, Arrays.copyOfRange(values, from, to)));
            int[] numbers =
                    Arrays.stream(elements, from, to).map(z -> Math.max(z, 1)).toArray();
            structures.add(new Structure(
                    numbers,
                    Arrays.copyOfRange(positions, 3 * from, 3 * to),
                    cell,
                    cell == null ? new boolean[3] : new boolean[] {true, true, true},
                    energy[g],
                    Arrays.copyOfRange(forces, 3 * from, 3 * to),
                    null,
                    columns,
                    Map.of(),
                    "graph " + g));
        }
        return structures;
    }

    private Path imported(Path file, Path config, String... settings) {
        Path imported = folder.resolve("imported.h5");
        List<Object> words = new ArrayList<>(List.of("import", file, "--config", config, "--out", imported));
        List.of(settings).forEach(setting -> words.addAll(List.of("--set", setting)));
        assertEquals(0, run(words.toArray()), complaint());
        return imported;
    }

    private List<Structure> predicted(Path imported, List<Structure> structures) {
        Path frames = folder.resolve("frames.xyz");
        try (ExtXyzWriter writer = new ExtXyzWriter(frames)) {
            structures.forEach(writer::write);
            writer.finish();
        }
        Path predictions = folder.resolve("predictions.xyz");
        assertEquals(0, run("predict", imported, frames, "-o", predictions), complaint());
        List<Structure> read = new ArrayList<>();
        try (StructureReader reader = Readers.open(predictions, ReadOptions.DEFAULT)) {
            reader.forEachRemaining(read::add);
        }
        return read;
    }

    /// Published files of EquiformerV2 have wrappers around the names, and buffers that follow from the settings.
    @Test
    void publishedEquiformersBuffersAreSkipped() {
        try (Hdf5File file = Hdf5File.open(GOLDEN.resolve("equiformer_v2/model_l4m2_gate.h5"))) {
            ReferenceCase network = ReferenceCase.open(file, "");
            Parameters parameters = network.parameters();
            Map<String, StateMatch.Found> arrays = new TreeMap<>();
            network.state()
                    .forEach((name, value) ->
                            arrays.put("module.module." + name, new StateMatch.Found(true, value.shape())));
            List<String> buffers = List.of(
                    "distance_expansion.offset",
                    "mappingReduced.to_m",
                    "SO3_grid.4.2.to_grid_mat",
                    "SO3_grid.0.0.from_grid_mat",
                    "blocks.1.ga.mappingReduced.l_harmonic",
                    "blocks.0.ga.proj.expand_index",
                    "blocks.0.norm_1.balance_degree_weight",
                    "energy_block.SO3_grid.4.4.from_grid_mat");
            buffers.forEach(name -> arrays.put("module.module." + name, new StateMatch.Found(true, new int[] {9})));
            StateMatch match = StateMatch.of(parameters, arrays, new StateMatch.Allowed(List.of(), List.of()));
            assertEquals(List.of(), match.faults());
            assertEquals(List.of("module.", "module."), match.unwrapped());
            assertEquals(buffers.size(), match.constants().size());
            assertEquals(parameters.specs().keySet(), match.taken().keySet());

            Map<String, StateMatch.Found> parts = new TreeMap<>();
            network.state().forEach((name, value) -> {
                String part = name.startsWith("energy_block")
                        ? "output_heads.energy."
                        : name.startsWith("force_block") ? "output_heads.forces." : "backbone.";
                parts.put("module." + part + name, new StateMatch.Found(true, value.shape()));
            });
            StateMatch later = StateMatch.of(parameters, parts, new StateMatch.Allowed(List.of(), List.of()));
            assertEquals(List.of(), later.faults());
            assertEquals(parameters.specs().keySet(), later.taken().keySet());
        }
    }

    /// Files that PyTorch itself wrote (bench/write_state_dicts.py says what is in them).
    @ParameterizedTest
    @ValueSource(
            strings = {
                "gin_ddp_float32.pt",
                "gin_bare_float16.pth",
                "gin_nested_bfloat16.pt",
                "gin_views_float64.pt",
                "gin_parameters.pt",
                "gin_float32.safetensors",
                "gin_mixed.safetensors"
            })
    void whatPyTorchWroteIsImported(String name) throws IOException {
        Path file = torchFile(name);
        Path imported = folder.resolve("imported.h5");
        Path config = config("GIN", "plain");
        assertEquals(
                0, run("import", file, "--config", config, "--set", "num_epoch=1", "--out", imported), complaint());
        Map<String, HostTensor> values = values(imported);
        assertEquals(golden("GIN", "plain").keySet(), values.keySet());
        values.forEach((parameter, value) -> {
            // every name has numbers of its own; all of them are whole eighths below 4, which every type holds
            int start = parameter.chars().sum();
            double[] want = new double[value.data().length];
            Arrays.setAll(want, i -> ((start + 7 * i) % 63 - 31) / 8.0);
            boolean counter = parameter.endsWith("num_batches_tracked");
            assertArrayEquals(counter ? new double[] {start} : want, value.data(), parameter);
        });
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "refused_legacy.pt got the format of PyTorch before 1.6",
                "refused_whole_model.pt want names that state dicts are made of, got",
                "refused_command.pt got posix.system",
                "refused_script.pt got TorchScript"
            })
    void whatPyTorchWroteButIsNoStateDictIsRefused(String nameAndWords) throws IOException {
        String[] words = nameAndWords.split(" ", 2);
        refused(torchFile(words[0]), config("GIN", "plain"), words[1]);
    }

    private static Path torchFile(String name) {
        Path path = Path.of("src/test/resources/torch", name);
        assertTrue(Files.exists(path), () -> path + ": bench/write_state_dicts.py writes it with PyTorch");
        return path;
    }
}
