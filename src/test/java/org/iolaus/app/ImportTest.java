package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
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
import org.iolaus.comm.SoloComm;
import org.iolaus.data.read.ExtXyzWriter;
import org.iolaus.data.state.NumberType;
import org.iolaus.data.state.TorchArchive;
import org.iolaus.data.state.TorchArchive.StateOf;
import org.iolaus.data.state.TorchArchive.View;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.engine.ModelState;
import org.junit.jupiter.api.Test;

/// From files of other programs to checkpoints that are evaluated and trained.
final class ImportTest extends ImportRuns {
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

    private static void assertSame(Map<String, HostTensor> want, Map<String, HostTensor> got) {
        assertEquals(want.keySet(), got.keySet());
        want.forEach((name, value) -> {
            assertArrayEquals(value.shape(), got.get(name).shape(), name);
            assertArrayEquals(value.data(), got.get(name).data(), name);
        });
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
}
