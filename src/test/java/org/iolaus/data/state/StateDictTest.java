package org.iolaus.data.state;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
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
import java.util.Set;
import org.iolaus.data.DataException;
import org.iolaus.data.Hdf5Writer;
import org.iolaus.data.state.TorchArchive.Call;
import org.iolaus.data.state.TorchArchive.Storage;
import org.iolaus.data.state.TorchArchive.View;
import org.iolaus.tensor.HostTensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// Files of other programs: what is in them comes out, and what is wrong with them is said.
final class StateDictTest {
    /// Numbers that all formats hold exactly.
    private static final double[] NUMBERS = {0, 1, -2, 0.5, -0.375, 96};

    private static final double[] WHOLE = {0, 1, -2, 5, 127, -128};

    @TempDir
    private Path folder;

    private static StateDict open(Path path) {
        return StateDicts.open(path);
    }

    private static double[] values(NumberType type) {
        return switch (type) {
            case F64, F32, F16, BF16, C64, C128 -> NUMBERS;
            case I64, I32, I16, I8 -> WHOLE;
            case U8 -> new double[] {0, 1, 2, 5, 127, 255};
            case BOOL -> new double[] {0, 1, 1, 0, 1, 0};
        };
    }

    @ParameterizedTest
    @EnumSource
    void everyTypeOfNumberIsRead(NumberType type) throws IOException {
        double[] values = values(type);
        View view = View.of(type, new HostTensor(new int[] {2, 3}, values));
        List<Path> files = List.of(
                TorchArchive.write(folder.resolve("little.pt"), Map.of("w", view)),
                TorchArchive.write(folder.resolve("big.pt"), Map.of("w", view), ByteOrder.BIG_ENDIAN),
                safeTensors(
                        "{\"w\": {\"dtype\": \"" + type.name() + "\", \"shape\": [2, 3], \"data_offsets\": [0, "
                                + 6 * type.bytes() + "]}}",
                        TorchArchive.bytes(type, values, ByteOrder.LITTLE_ENDIAN)));
        for (Path file : files) {
            try (StateDict dict = open(file)) {
                assertEquals(type + " [2, 3]", dict.arrays().get("w").toString(), file.toString());
                if (type.real()) {
                    assertArrayEquals(values, dict.read("w").data(), file.toString());
                } else {
                    says(() -> dict.read("w"), "w: want real numbers, got " + type);
                }
            }
        }
    }

    @Test
    void dictionariesBecomePartsOfNamesAndTheRestIsToldApart() {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("epoch", 3);
        tree.put("note", "text");
        tree.put("loss", 0.25);
        tree.put("nothing", null);
        View w = View.of(NumberType.F32, HostTensor.of(new int[] {2}, 1, 2));
        tree.put("state_dict", new TorchArchive.StateOf(Map.of("module.w", w, "module.b", w)));
        tree.put("optimizer", Map.of("state", Map.of(0, Map.of("exp_avg", w)), "groups", List.of(1, List.of(true))));
        tree.put("metric", new Call("numpy.core.multiarray", "scalar", List.of(1)));
        tree.put("given", new TorchArchive.Parameter(w));
        try (StateDict dict = open(TorchArchive.write(folder.resolve("a.pt"), tree))) {
            assertEquals(
                    Set.of("state_dict.module.w", "state_dict.module.b", "optimizer.state.0.exp_avg", "given"),
                    dict.arrays().keySet());
            assertEquals(Set.of("", "state_dict", "optimizer.state.0"), dict.dictionaries());
            assertEquals("int", dict.others().get("epoch"));
            assertEquals("None", dict.others().get("nothing"));
            assertEquals("bool", dict.others().get("optimizer.groups.1.0"));
            assertEquals("numpy scalar", dict.others().get("metric"));
            assertArrayEquals(
                    new double[] {1, 2}, dict.read("optimizer.state.0.exp_avg").data());
        }
    }

    @Test
    void viewsOfASharedStorageAreGathered() {
        Storage storage = new Storage(NumberType.F32, new double[] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("transposed", new View(storage, 0, new int[] {4, 3}, new int[] {1, 4}));
        tree.put("column", new View(storage, 5, new int[] {2}, new int[] {4}));
        tree.put("scalar", new View(storage, 7, new int[0], new int[0]));
        tree.put("repeated", new View(storage, 3, new int[] {2, 2}, new int[] {0, 1}));
        tree.put("one", new View(storage, 2, new int[] {1, 2, 1}, new int[] {99, 1, 77}));
        tree.put("empty", new View(storage, 12, new int[] {0, 3}, new int[] {3, 1}));
        try (StateDict dict = open(TorchArchive.write(folder.resolve("a.pt"), tree))) {
            assertArrayEquals(
                    new double[] {0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11},
                    dict.read("transposed").data());
            assertArrayEquals(new double[] {5, 9}, dict.read("column").data());
            assertArrayEquals(new double[] {7}, dict.read("scalar").data());
            assertEquals(0, dict.read("scalar").shape().length);
            assertArrayEquals(new double[] {3, 4, 3, 4}, dict.read("repeated").data());
            assertArrayEquals(new double[] {2, 3}, dict.read("one").data());
            assertEquals(0, dict.read("empty").data().length);
        }
    }

    @Test
    void datasetsOfHdf5AreRead() {
        Path file = folder.resolve("a.h5");
        new Hdf5Writer(file)
                .doubles("case/params/a.w", new double[] {1, 2, 3}, 3)
                .longs("case/params/a.n", new long[] {7}, 1)
                .string("case/config_json", "{}")
                .commit();
        try (StateDict dict = open(file)) {
            assertEquals(
                    Set.of("case.params.a.w", "case.params.a.n"), dict.arrays().keySet());
            assertEquals(Set.of("case.params"), dict.dictionaries());
            assertArrayEquals(new double[] {7}, dict.read("case.params.a.n").data());
            says(() -> dict.read("case.params.b"), "want one of its 2 arrays, got case.params.b");
        }
    }

    /// A pickle names what it wants called; that the command was not run shows in the file that it does not leave.
    @ParameterizedTest
    @CsvSource({"posix, system", "os, system", "builtins, eval", "subprocess, Popen", "torch, load", "nt, system"})
    void namesThatAreNotKnownAreNeverRun(String module, String name) {
        Path trace = folder.resolve("trace");
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("w", View.of(NumberType.F32, HostTensor.of(new int[] {1}, 1)));
        tree.put("x", new Call(module, name, List.of("touch " + trace)));
        Path file = TorchArchive.write(folder.resolve("evil.pt"), tree);
        says(
                () -> open(file),
                "evil.pt, data.pkl: want names that state dicts are made of, got " + module + "." + name);
        assertFalse(Files.exists(trace));
    }

    @Test
    void otherWaysToMakeObjectsAreRefused() {
        for (String text : List.of("(S'touch x'\nios\nsystem\n.", "(cos\nsystem\nS'x'\no.", "\u0082\u0001.")) {
            Path file = TorchArchive.write(folder.resolve("evil.pt"), Map.of("data.pkl", latin(text)));
            says(() -> open(file), "evil.pt, data.pkl: want");
        }
    }

    @Test
    void whatCannotBeAPickleOfTensorsIsDamage() {
        Map<String, byte[]> pickles = new LinkedHashMap<>();
        pickles.put("empty", new byte[0]);
        pickles.put("ends in a text", new byte[] {(byte) 0x80, 2, 'X', 127, 127, 127, 127, 'a', '.'});
        pickles.put("ends in a long text", new byte[] {(byte) 0x80, 4, (byte) 0x8d, -1, -1, -1, -1, -1, -1, -1, 127});
        pickles.put("nothing to end with", new byte[] {(byte) 0x80, 2, '.'});
        pickles.put("a number that is called", latin("\u0080\u0002K\u0001)R."));
        pickles.put("a type that is called", latin("ctorch\nFloatStorage\n)R."));
        pickles.put("a tensor in nothing", latin("ctorch._utils\n_rebuild_tensor_v2\n(NI0\n))tR."));
        pickles.put("a storage of nothing", latin("(NNNNNtQ."));
        pickles.put("a memo that is not there", new byte[] {(byte) 0x80, 2, 'h', 9, '.'});
        pickles.forEach((name, pickle) -> {
            Path file = TorchArchive.write(folder.resolve("bad.pt"), Map.of("data.pkl", pickle));
            assertTrue(says(() -> open(file), "bad.pt").contains("damaged"), name);
        });
    }

    @Test
    void dictionariesWithoutEndAreRefused() {
        // d = {}; d[''] = d
        byte[] itself = {(byte) 0x80, 2, '}', 'q', 0, 'X', 0, 0, 0, 0, 'h', 0, 's', '.'};
        Path file = TorchArchive.write(folder.resolve("bad.pt"), Map.of("data.pkl", itself));
        says(() -> open(file), "want dictionaries at most 64 deep");
        // thirty lists, each of ten times the one before
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(new byte[] {(byte) 0x80, 2, ']', 'q', 0, 'K', 1, 'a'});
        for (int depth = 1; depth < 30; depth++) {
            out.writeBytes(new byte[] {']', 'q', (byte) depth, '('});
            for (int i = 0; i < 10; i++) {
                out.writeBytes(new byte[] {'h', (byte) (depth - 1)});
            }
            out.write('e');
        }
        out.write('.');
        Path laughs = TorchArchive.write(folder.resolve("laughs.pt"), Map.of("data.pkl", out.toByteArray()));
        says(() -> open(laughs), "names, got more");
    }

    @Test
    void archivesOfOtherKindsAndDamagedOnesAreRefused() throws IOException {
        Map<String, ?> tree = Map.of("w", View.of(NumberType.F32, HostTensor.of(new int[] {4}, 1, 2, 3, 4)));
        Path whole = TorchArchive.write(folder.resolve("whole.pt"), tree);
        byte[] bytes = Files.readAllBytes(whole);
        for (int length : new int[] {5, 40, bytes.length / 2, bytes.length - 1}) {
            Path cut = Files.write(folder.resolve("cut.pt"), Arrays.copyOf(bytes, length));
            says(() -> open(cut), "cut.pt: want a whole zip archive of torch.save, got a damaged or truncated one");
        }
        int at = index(bytes, TorchArchive.bytes(NumberType.F32, new double[] {1, 2, 3, 4}, ByteOrder.LITTLE_ENDIAN));
        byte[] flipped = bytes.clone();
        flipped[at + 5] ^= 1;
        Path damaged = Files.write(folder.resolve("flipped.pt"), flipped);
        try (StateDict dict = open(damaged)) {
            says(() -> dict.read("w"), "flipped.pt, data/0: want CRC-32");
        }
        byte[] legacy = {(byte) 0x80, 2, (byte) 0x8a, 10, 0x6c, (byte) 0xfc, (byte) 0x9c, 0x46, (byte) 0xf9, 0x20};
        says(() -> open(Files.write(folder.resolve("old.pt"), legacy)), "got the format of PyTorch before 1.6");
        says(
                () -> open(TorchArchive.write(folder.resolve("other.zip"), Map.of("readme", new byte[1]))),
                "want an archive of torch.save with one data.pkl, got 0");
        says(
                () -> open(TorchArchive.write(
                        folder.resolve("script.pt"), Map.of("data.pkl", new byte[1], "constants.pkl", new byte[1]))),
                "got TorchScript");
        says(() -> open(Files.writeString(folder.resolve("a.txt"), "hello")), "got one that begins with 68656c6c6f");
        says(() -> open(folder.resolve("none")), "want a file of arrays, got nothing");
        says(() -> open(folder), "want a file of arrays, got no file");
    }

    @Test
    void viewsBeyondTheirStorageAreRefused() {
        Storage storage = new Storage(NumberType.F32, new double[] {0, 1, 2, 3});
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("long", new View(storage, 1, new int[] {4}, new int[] {1}));
        tree.put("wide", new View(storage, 0, new int[] {2, 2}, new int[] {3, 1}));
        tree.put("before", new View(storage, -1, new int[] {2}, new int[] {1}));
        tree.put("backwards", new View(storage, 3, new int[] {2}, new int[] {-1}));
        tree.put("far", new View(storage, 0, new int[] {2}, new int[] {Integer.MAX_VALUE}));
        Path file = TorchArchive.write(folder.resolve("a.pt"), tree);
        try (StateDict dict = open(file)) {
            for (String name : tree.keySet()) {
                says(() -> dict.read(name), "a.pt, " + name + ": want numbers", "got a record of 4 numbers");
            }
        }
        says(
                () -> open(TorchArchive.write(
                        folder.resolve("b.pt"),
                        Map.of("w", new View(storage, 0, new int[] {1 << 20, 1 << 20}, new int[] {0, 0})))),
                "want a shape of at most 2147483647 numbers");
    }

    @Test
    void safeTensorsMustFillTheFile() throws IOException {
        byte[] numbers = TorchArchive.bytes(NumberType.F32, new double[] {1, 2, 3}, ByteOrder.LITTLE_ENDIAN);
        String good = "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":"
                + "[8,12]},\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                + "\"c\":{\"dtype\":\"F32\",\"shape\":[0,4],\"data_offsets\":[8,8]}}   ";
        try (StateDict dict = open(safeTensors(good, numbers))) {
            assertArrayEquals(new double[] {3}, dict.read("a").data());
            assertArrayEquals(new double[] {1, 2}, dict.read("b").data());
            assertEquals(0, dict.read("c").data().length);
        }
        bad(good.replace("[8,12]", "[4,8]"), numbers, ": arrays overlap");
        bad(good.replace("[0,8]", "[4,12]"), numbers, ": there is a gap");
        bad(good.replace("[8,12]", "[8,13]"), numbers, "a: want 4 bytes for float32 [], got offsets 8 to 13");
        bad(good.replace("[2]", "[2000000000, 2000000000]"), numbers, "want a shape of at most");
        bad(good.replace("[2]", "[-2]"), numbers, "want a shape of at most");
        bad(good.replace("[2]", "[2.5]"), numbers, "shape: want a list of whole numbers");
        bad(good.replace("[8,12]", "[8]"), numbers, "a, data_offsets: want two numbers");
        bad(good.replace("F32\",\"shape\":[]", "F8_E4M3\",\"shape\":[]"), numbers, "got F8_E4M3");
        bad(good.replace("F32\",\"shape\":[]", "F32\",\"form\":[]"), numbers, "a, shape: want a list");
        bad(good.replace("\"b\"", "\"a\""), numbers, "Duplicate");
        bad(good, Arrays.copyOf(numbers, 11), "a: want bytes up to 12 after the header, got 11", "truncated");
        bad(good, Arrays.copyOf(numbers, 16), "want 12 bytes after the header, got 16");
        bad("{", new byte[0], "a.safetensors");
        byte[] cut = Arrays.copyOf(Files.readAllBytes(safeTensors(good, numbers)), 30);
        says(() -> open(Files.write(folder.resolve("cut.safetensors"), cut)), "the file is truncated");
    }

    private void bad(String header, byte[] numbers, String... words) throws IOException {
        Path file = safeTensors(header, numbers);
        RuntimeException thrown = assertThrows(RuntimeException.class, () -> open(file), header);
        for (String word : words) {
            assertTrue(String.valueOf(thrown.getMessage()).contains(word), thrown.toString());
        }
    }

    private Path safeTensors(String header, byte[] numbers) throws IOException {
        byte[] json = TorchArchive.text(header);
        ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES + json.length + numbers.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(json.length)
                .put(json)
                .put(numbers);
        return Files.write(folder.resolve("a.safetensors"), bytes.array());
    }

    private static String says(Supplying open, String... words) {
        DataException thrown = assertThrows(DataException.class, open::get);
        List<String> missing = new ArrayList<>(List.of(words));
        missing.removeIf(word -> String.valueOf(thrown.getMessage()).contains(word));
        assertEquals(List.of(), missing, thrown.getMessage());
        return String.valueOf(thrown.getMessage());
    }

    private interface Supplying {
        Object get() throws IOException;
    }

    private static byte[] latin(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    private static int index(byte[] bytes, byte[] part) {
        for (int i = 0; i + part.length <= bytes.length; i++) {
            if (Arrays.equals(bytes, i, i + part.length, part, 0, part.length)) {
                return i;
            }
        }
        throw new AssertionError("not found");
    }
}
