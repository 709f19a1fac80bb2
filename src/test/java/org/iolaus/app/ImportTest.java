package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.iolaus.atoms.Structure;
import org.iolaus.comm.SoloComm;
import org.iolaus.config.JsonSettings;
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
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.engine.ModelState;
import org.iolaus.verify.GoldenCase;
import org.iolaus.verify.ReferenceCase;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// From files of other programs to checkpoints that are evaluated and trained.
final class ImportTest {
    private static final Path GOLDEN = Path.of("src/test/resources/golden");

    private final PrintStream out = System.out;
    private final PrintStream err = System.err;
    private final ByteArrayOutputStream printed = new ByteArrayOutputStream();
    private final ByteArrayOutputStream complaints = new ByteArrayOutputStream();

    @TempDir
    private Path folder;

    @BeforeEach
    void listen() {
        System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(complaints, true, StandardCharsets.UTF_8));
    }

    @AfterEach
    void speak() {
        System.setOut(out);
        System.setErr(err);
    }

    private int run(Object... words) {
        printed.reset();
        complaints.reset();
        return Main.run(Stream.of(words).map(String::valueOf).toArray(String[]::new));
    }

    private String printed() {
        return printed.toString(StandardCharsets.UTF_8);
    }

    private String complaint() {
        return complaints.toString(StandardCharsets.UTF_8);
    }

    /// The tiny run's configuration, with a checkpoint of two epochs as `logs/run/best.h5`.
    private Path trained() {
        TinyRun.shards(folder);
        Path config = TinyRun.config(folder);
        try (SoloComm comm = new SoloComm()) {
            TinyRun.train(comm, config, "num_epoch=2");
        }
        return config;
    }

    private Path best() {
        return folder.resolve("logs/run/best.h5");
    }

    /// What PyTorch would save of a model.
    private static Map<String, View> views(Map<String, HostTensor> values, NumberType type, String prefix) {
        Map<String, View> views = new TreeMap<>();
        values.forEach((name, value) -> views.put(prefix + name, View.of(type, value)));
        return views;
    }

    private static void assertSame(Map<String, HostTensor> want, Map<String, HostTensor> got) {
        assertEquals(want.keySet(), got.keySet());
        want.forEach((name, value) -> {
            assertArrayEquals(value.shape(), got.get(name).shape(), name);
            assertArrayEquals(value.data(), got.get(name).data(), name);
        });
    }

    private static Map<String, HostTensor> values(Path checkpoint) {
        return ModelState.values(Checkpoint.read(checkpoint).model());
    }

    @Test
    void anImportedModelPredictsAndEvaluatesAsTheOneThatWasSaved() throws IOException {
        Path config = trained();
        Map<String, Object> saved = new LinkedHashMap<>();
        saved.put("epoch", 7);
        saved.put("model_state_dict", new StateOf(views(values(best()), NumberType.F64, "module.model.")));
        saved.put("optimizer_state_dict", Map.of("state", Map.of(0, views(values(best()), NumberType.F32, ""))));
        Path file = TorchArchive.write(folder.resolve("tiny.pt"), saved);
        Path imported = folder.resolve("imported.h5");
        assertEquals(0, run("import", file, "--config", config, "--out", imported), complaint());
        assertTrue(printed().contains("names without model_state_dict.module.model."), printed());
        assertTrue(printed().contains("entries that are no arrays"), printed());
        assertSame(values(best()), values(imported));

        Path frames = folder.resolve("frames.xyz");
        try (ExtXyzWriter writer = new ExtXyzWriter(frames)) {
            TinyRun.frames(3, 11).forEach(writer::write);
            writer.finish();
        }
        assertEquals(0, run("predict", best(), frames, "-o", folder.resolve("want.xyz")), complaint());
        assertEquals(0, run("predict", imported, frames, "-o", folder.resolve("got.xyz")), complaint());
        assertEquals(-1, Files.mismatch(folder.resolve("want.xyz"), folder.resolve("got.xyz")));
        assertEquals(0, run("evaluate", best(), folder.resolve("shards")), complaint());
        String want = printed();
        assertEquals(0, run("evaluate", imported, folder.resolve("shards")), complaint());
        assertEquals(want, printed());
    }

    @Test
    void aRunBeginsWithAnImportedModelAndAFreshOptimizer() {
        Path config = trained();
        Path imported = folder.resolve("imported.h5");
        assertEquals(0, run("import", best(), "--config", config, "--out", imported), complaint());
        assertSame(values(best()), values(imported));
        try (SoloComm comm = new SoloComm()) {
            // steps too small to change a number
            TinyRun.train(
                    comm, config, "init_from=" + imported, "log_name=tuned", "num_epoch=1", "learning_rate=1e-300");
        }
        Checkpoint tuned = Checkpoint.read(folder.resolve("logs/tuned/best.h5"));
        assertSame(values(imported), ModelState.values(tuned.model()));
        assertEquals(5, tuned.optimizer().steps());
        assertEquals(5, tuned.position().globalStep());
        assertEquals(
                2, run("train", config, "--set", "init_from=" + imported, "--set", "hidden_dim=12"), "another model");
        assertTrue(complaint().contains("imported.h5, model values: want"), complaint());
        assertEquals(2, run("train", config, "--set", "init_from=" + folder.resolve("none.h5")));
        assertTrue(complaint().contains("none.h5: want a checkpoint, got nothing"), complaint());
    }

    @Test
    void anImportedModelHasNoRunToGoOnWith() throws IOException {
        Path config = trained();
        Path run = Files.createDirectories(folder.resolve("logs/again"));
        assertEquals(
                0, run("import", best(), "--config", config, "--out", run.resolve("checkpoint-0.h5")), complaint());
        assertEquals(2, run("train", config, "--set", "log_name=again", "--set", "continue=1"));
        assertTrue(complaint().contains("want Training.init_from to begin a run with it"), complaint());
    }

    @Test
    void allThatDiffersIsSaidAtOnceAndNothingIsWritten() {
        Path config = config("EGNN", "plain");
        Map<String, HostTensor> values = new TreeMap<>(golden("EGNN", "plain"));
        String shape = "graph_shared.branch-0.0.bias";
        String type = "graph_shared.branch-0.2.bias";
        String missing = "heads_NN.0.branch-0.0.weight";
        values.remove(missing);
        values.put("unheard.of", HostTensor.of(new int[] {2}, 1, 2));
        values.put(shape, HostTensor.of(new int[] {2}, 1, 2));
        Map<String, View> views = views(values, NumberType.F32, "");
        views.put(type, View.of(NumberType.I64, HostTensor.of(new int[] {6}, 1, 2, 3, 4, 5, 6)));
        Path file = TorchArchive.write(folder.resolve("a.pt"), new StateOf(views));
        Path imported = folder.resolve("imported.h5");
        assertEquals(2, run("import", file, "--config", config, "--set", "num_epoch=1", "--out", imported));
        assertEquals(
                List.of(
                        "iolaus: " + file + ": want the names and shapes of " + config + "'s model, got 4 that differ:",
                        "  " + shape + ": want [6], got [2]",
                        "  " + type + ": want fractions, got integers, booleans or complex numbers",
                        "  " + missing + ": want [7, 6], got nothing",
                        "  unheard.of: want nothing of this name, got [2]"),
                complaint().lines().toList());
        assertFalse(Files.exists(imported));
        views.put(type, View.of(NumberType.F32, HostTensor.of(new int[] {6}, 1, 2, 3, 4, 5, Double.NaN)));
        views.put(shape, View.of(NumberType.F32, HostTensor.of(new int[] {6}, 1, 2, 3, 4, 5, 6)));
        TorchArchive.write(file, views);
        List<Object> words =
                new ArrayList<>(List.of("import", file, "--config", config, "--set", "num_epoch=1", "--out", imported));
        words.addAll(List.of("--ignore", "unheard", "--fresh", "heads_NN.0."));
        assertEquals(2, run(words.toArray()), "the other weights of the head are there");
        words.addAll(List.of("--ignore", "heads_NN.0."));
        assertEquals(2, run(words.toArray()));
        assertTrue(complaint().contains(type + ": want finite numbers, got NaN"), complaint());
        assertFalse(Files.exists(imported));
        views.put(type, View.of(NumberType.F32, HostTensor.of(new int[] {6}, 1, 2, 3, 4, 5, 6)));
        TorchArchive.write(file, views);
        assertEquals(0, run(words.toArray()), complaint());
        assertTrue(printed().contains("fresh     6 names"), printed());
        assertTrue(printed().contains("ignored   6 arrays"), printed());
        assertArrayEquals(
                new double[] {1, 2, 3, 4, 5, 6}, values(imported).get(type).data());
    }

    @Test
    void badFilesAreOneMessage() throws IOException {
        Path config = config("EGNN", "plain");
        Map<String, Object> evil = new LinkedHashMap<>(views(golden("EGNN", "plain"), NumberType.F32, ""));
        Path good = TorchArchive.write(folder.resolve("good.pt"), new StateOf(evil));
        byte[] bytes = Files.readAllBytes(good);
        Path cut = Files.write(folder.resolve("cut.pt"), Arrays.copyOf(bytes, bytes.length / 2));
        Path trace = folder.resolve("trace");
        evil.put("zzz", new TorchArchive.Call("posix", "system", List.of("touch " + trace)));
        Path run = TorchArchive.write(folder.resolve("evil.pt"), evil);
        refused(cut, config, "cut.pt: want a whole zip archive of torch.save, got a damaged or truncated one");
        refused(run, config, "got posix.system; nothing in a file is ever run");
        refused(folder.resolve("none.pt"), config, "none.pt: want a file of arrays, got nothing");
        assertFalse(Files.exists(trace));
        assertEquals(2, run("import", good, "--config", config, "--set", "num_epoch=1", "--out", good));
        assertTrue(complaint().contains("want a file to write that is not the one to read"), complaint());
        assertArrayEquals(bytes, Files.readAllBytes(good));
        assertEquals(2, run("import", good, "--config", config, "--set", "num_epoch=1", "--key", "ema"));
        assertTrue(complaint().contains("want arrays whose names begin with ema., got"), complaint());
        Path two = TorchArchive.write(
                folder.resolve("two.pt"),
                Map.of(
                        "net",
                        Map.of("a", evil.values().iterator().next()),
                        "ema",
                        Map.of(
                                "b",
                                evil.get("zzz") == null
                                        ? 0
                                        : evil.values().iterator().next())));
        assertEquals(2, run("import", two, "--config", config, "--set", "num_epoch=1"));
        assertTrue(complaint().contains("want --key to say which dictionary holds the model, one of ema, net"));
    }

    private void refused(Path file, Path config, String words) {
        Path imported = folder.resolve("imported.h5");
        assertEquals(2, run("import", file, "--config", config, "--set", "num_epoch=1", "--out", imported));
        assertTrue(complaint().contains(words), complaint());
        assertFalse(Files.exists(imported));
    }

    /// Shared modules have several names; PyTorch saves all of them, safetensors drops the further ones.
    @Test
    void furtherNamesOfAParameterAreOneParameter() throws IOException {
        Path config = config("SchNet", "node_conv_head");
        Map<String, HostTensor> all = golden("SchNet", "node_conv_head");
        Path imported = folder.resolve("imported.h5");
        Path whole = TorchArchive.write(folder.resolve("whole.pt"), new StateOf(views(all, NumberType.F64, "")));
        List<Object> words = new ArrayList<>(List.of("--config", config, "--set", "num_epoch=1", "--out", imported));
        assertEquals(0, runWith(words, "import", whole), complaint());
        assertTrue(printed().contains("of them under further names"), printed());
        Map<String, HostTensor> values = values(imported);
        values.forEach((name, value) -> assertArrayEquals(all.get(name).data(), value.data(), name));

        Map<String, HostTensor> once = new TreeMap<>(all);
        once.keySet().removeIf(name -> !values.containsKey(name));
        assertTrue(once.size() < all.size());
        assertEquals(0, runWith(words, "import", safeTensors(once)), complaint());
        assertSame(values, values(imported));

        Map<String, HostTensor> torn = new TreeMap<>(all);
        String further = all.keySet().stream()
                .filter(name -> !values.containsKey(name))
                .findFirst()
                .orElseThrow();
        HostTensor before = all.get(further);
        torn.put(
                further,
                new HostTensor(
                        before.shape(),
                        Arrays.stream(before.data()).map(x -> x + 1).toArray()));
        TorchArchive.write(whole, new StateOf(views(torn, NumberType.F64, "")));
        assertEquals(2, runWith(words, "import", whole));
        assertTrue(complaint().contains("which is the same parameter, got others"), complaint());
    }

    private int runWith(List<Object> words, Object... first) {
        List<Object> all = new ArrayList<>(List.of(first));
        all.addAll(words);
        return run(all.toArray());
    }

    private Path safeTensors(Map<String, HostTensor> values) throws IOException {
        List<String> entries = new ArrayList<>();
        ByteArrayOutputStream numbers = new ByteArrayOutputStream();
        for (Map.Entry<String, HostTensor> entry : values.entrySet()) {
            int begin = numbers.size();
            double[] data = entry.getValue().data();
            ByteBuffer bytes = ByteBuffer.allocate(Double.BYTES * data.length).order(ByteOrder.LITTLE_ENDIAN);
            Arrays.stream(data).forEach(bytes::putDouble);
            numbers.writeBytes(bytes.array());
            entries.add("\"%s\":{\"dtype\":\"F64\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
                    .formatted(entry.getKey(), Arrays.toString(entry.getValue().shape()), begin, numbers.size()));
        }
        byte[] header = ("{" + String.join(",", entries) + "}").getBytes(StandardCharsets.UTF_8);
        ByteBuffer all = ByteBuffer.allocate(Long.BYTES + header.length + numbers.size())
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(header.length)
                .put(header)
                .put(numbers.toByteArray());
        return Files.write(folder.resolve("a.safetensors"), all.array());
    }

    @Test
    void aGoldenCaseIsImported() {
        Path imported = folder.resolve("imported.h5");
        assertEquals(
                0,
                run(
                        "import",
                        GOLDEN.resolve("hydragnn/EGNN.h5"),
                        "--key",
                        "plain.params",
                        "--config",
                        config("EGNN", "plain"),
                        "--set",
                        "num_epoch=1",
                        "--out",
                        imported),
                complaint());
        assertSame(golden("EGNN", "plain"), values(imported));
    }

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
            List<Structure> got = predicted(file, config, want, "num_epoch=1", "compatibility=hydragnn");
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
            JsonSettings settings = JsonSettings.of(golden.string("config_json"));
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
            assertEquals(8, settings.number("max_radius"));
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
            List<Structure> got = predicted(file, config, want);
            assertTrue(printed().contains("skipped   6 buffers that follow from the configuration"), printed());
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

    /// What an imported model predicts.
    private List<Structure> predicted(Path file, Path config, List<Structure> structures, String... settings)
            throws IOException {
        Path imported = folder.resolve("imported.h5");
        List<Object> words = new ArrayList<>(List.of("import", file, "--config", config, "--out", imported));
        List.of(settings).forEach(setting -> words.addAll(List.of("--set", setting)));
        assertEquals(0, run(words.toArray()), complaint());
        String summary = printed();
        Path frames = folder.resolve("frames.xyz");
        try (ExtXyzWriter writer = new ExtXyzWriter(frames)) {
            structures.forEach(writer::write);
            writer.finish();
        }
        Path predictions = folder.resolve("predictions.xyz");
        assertEquals(0, run("predict", imported, frames, "-o", predictions), complaint());
        printed.write(summary.getBytes(StandardCharsets.UTF_8));
        List<Structure> read = new ArrayList<>();
        try (StructureReader reader = Readers.open(predictions, ReadOptions.DEFAULT)) {
            reader.forEachRemaining(read::add);
        }
        return read;
    }

    /// Published files of EquiformerV2 have wrappers around the names, and buffers that follow from the
    /// settings.
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
            StateMatch match = StateMatch.of(parameters, arrays, new StateMatch.Leeway(List.of(), List.of()));
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
            StateMatch later = StateMatch.of(parameters, parts, new StateMatch.Leeway(List.of(), List.of()));
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

    private static Map<String, HostTensor> golden(String model, String group) {
        try (Hdf5File file = Hdf5File.open(GOLDEN.resolve("hydragnn").resolve(model + ".h5"))) {
            return new GoldenCase(file, group).state();
        }
    }

    /// A configuration file of a golden case's model, with the columns that the case has.
    private Path config(String model, String group) {
        try (Hdf5File file = Hdf5File.open(GOLDEN.resolve("hydragnn").resolve(model + ".h5"))) {
            String json = file.string(group + "/config_json");
            String dataset = """
                    {"Dataset": {"name": "t", "shards": "none", "path": {},
                                 "node_features": {"name": ["x", "y"], "dim": [1, 2]},
                                 "graph_features": {"name": ["e"], "dim": [1]}},""";
            return Files.writeString(
                    folder.resolve(model + ".json"), dataset + json.strip().substring(1));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
