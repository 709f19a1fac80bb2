package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.iolaus.data.Batch;
import org.iolaus.data.ShardSet;
import org.iolaus.data.Split;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConvertFramesTest {
    @TempDir
    Path folder;

    private final CommandRun command = new CommandRun();
    private String config = "";
    private Path raw = Path.of("");
    private Path shards = Path.of("");

    @BeforeEach
    void writeConfiguration() throws IOException {
        raw = folder.resolve("raw.xyz");
        shards = folder.resolve("shards");
        config = Files.writeString(folder.resolve("config.json"), """
                {"Dataset": {"name": "dimers", "format": "extxyz", "path": {"total": "RAW"}, "shards": "SHARDS",
                             "split": {"fractions": [0.8, 0.1, 0.1]}},
                 "NeuralNetwork": {
                   "Architecture": {"mpnn_type": "PAINN", "radius": 3.0, "num_radial": 4, "hidden_dim": 4,
                     "num_conv_layers": 1, "element_embedding": true, "enable_interatomic_potential": true, "force_weight": 1.0,
                     "output_heads": {"node": {"num_headlayers": 1, "dim_headlayers": [4], "type": "mlp"}}},
                   "Variables_of_interest": {"output_names": ["energy"], "output_index": [0], "type": ["node"]},
                   "Training": {"num_epoch": 1, "batch_size": 2, "loss_function_type": "mse",
                     "Optimizer": {"type": "AdamW", "learning_rate": 1e-3}}}}
                """.replace("RAW", raw.toString())
                        .replace("SHARDS", shards.toString()))
                .toString();
        Files.write(raw, dimers());
    }

    /// Twenty pairs of hydrogen atoms.
    private static List<String> dimers() {
        List<String> lines = new ArrayList<>();
        for (int f = 0; f < 20; f++) {
            lines.add("2");
            lines.add("Properties=species:S:1:pos:R:3:forces:R:3 energy=" + (-1.0 - f));
            lines.add("H 0 0 0  0 0 " + 0.1 * f);
            lines.add(String.format(Locale.ROOT, "H 0 0 %.2f  0 0 %.2f", 0.7 + 0.01 * f, -0.1 * f));
        }
        return lines;
    }

    @Test
    void convertsAndInspects() {
        assertEquals(0, run("convert", config), err());
        assertTrue(out().contains("20 frames"), out());
        assertTrue(out().contains("train       16 frames, 32 atoms, 32 edges"), out());
        assertEquals(0, run("inspect", shards.toString(), "--verify"), err());
        assertTrue(out().contains("no damage"), out());
        assertTrue(out().contains("20 frames, " + raw.toFile().length() + " bytes"), out());
        assertEquals(0, run("inspect", shards.toString(), "--json"), err());
        assertTrue(out().contains("\"elements\":[1]"), out());
        try (ShardSet set = ShardSet.open(shards)) {
            assertEquals(2, set.index().table().size(Split.VALIDATION));
            Batch batch = set.batch(new int[] {3}, 1, 2);
            assertArrayEquals(new double[] {-4}, batch.energy());
            assertArrayEquals(new double[] {0, 0, 0, 0, 0, 0.73}, batch.positions());
        }
    }

    @Test
    void takesUnitsAndCountsFromTheCommandLine() {
        assertEquals(
                0, run("convert", config, "--units", "energy=Hartree,length=bohr", "--split-counts", "5,4,3"), err());
        try (ShardSet set = ShardSet.open(shards)) {
            assertEquals(8, set.index().table().size(Split.UNUSED));
            Batch batch = set.batch(new int[] {0}, 1, 2);
            double[] energy = batch.energy();
            assertTrue(energy != null);
            assertEquals(-27.211386, energy[0], 1e-6);
            assertEquals(0.7 * 0.529177, batch.positions()[5], 1e-6);
        }
    }

    @Test
    void doesNotOverwriteUntold() {
        assertEquals(0, run("convert", config), err());
        assertEquals(2, run("convert", config));
        assertTrue(err().contains("--force"), err());
        assertEquals(0, run("convert", config, "--if-missing"));
        assertTrue(out().contains("there already"), out());
        assertEquals(2, run("convert", config, "--if-missing", "--set", "NeuralNetwork.Architecture.radius=4"));
        assertEquals(0, run("convert", config, "--force", "--set", "NeuralNetwork.Architecture.radius=4"), err());
    }

    @Test
    void namesTheFrameThatIsWrong() throws IOException {
        assertRefuses(1 + 4 * 7, "Properties=species:S:1:pos:R:3:forces:R:3 energy=nan", "frame 7", "energy");
        assertRefuses(1 + 4 * 7, "Properties=species:S:1:pos:R:3:forces:R:3", "frame 7", "energy", "got none");
        assertRefuses(
                1 + 4 * 5, "Properties=species:S:1:pos:R:3:dipoles:R:3 energy=1", "frame 5", "forces", "got none");
        assertRefuses(3 + 4 * 2, "H 0 0 0.0001  0 0 0", "frame 2", "atoms 0 and 1");
        assertRefuses(3 + 4 * 2, "H 0 0", "frame 2", "line 12");
    }

    private void assertRefuses(int line, String text, String... parts) throws IOException {
        List<String> lines = dimers();
        lines.set(line, text);
        Files.write(raw, lines);
        assertEquals(2, run("convert", config));
        for (String part : parts) {
            assertTrue(err().contains(part), () -> part + " in " + err());
        }
        assertEquals(1, err().strip().lines().count(), err());
        assertFalse(Files.exists(shards));
        assertFalse(Files.exists(shards.resolveSibling("shards.partial")));
    }

    @Test
    void inspectSaysWhatIsDamaged() throws IOException {
        assertEquals(0, run("convert", config), err());
        Path shard = shards.resolve("shard-00000.h5");
        byte[] whole = Files.readAllBytes(shard);
        byte[] flipped = whole.clone();
        flipped[indexOf(whole, 0.73) + 3] ^= 1;
        Files.write(shard, flipped);
        assertEquals(1, run("inspect", shards.toString(), "--verify"));
        assertTrue(out().contains("shard-00000.h5, atoms/pos: want CRC-32C"), out());
        Files.write(shard, Arrays.copyOf(whole, whole.length - 9));
        assertEquals(1, run("inspect", shards.toString(), "--verify"));
        assertTrue(out().contains("truncated"), out());
        assertEquals(2, run("inspect", folder.toString()));
        assertTrue(err().contains("index.h5"), err());
    }

    private static int indexOf(byte[] bytes, double value) {
        java.nio.ByteBuffer buffer = java.nio.ByteBuffer.wrap(bytes).order(java.nio.ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at + 8 <= bytes.length; at++) {
            if (buffer.getDouble(at) == value) {
                return at;
            }
        }
        throw new AssertionError(value + " is not there");
    }

    private int run(String... args) {
        return command.run((Object[]) args);
    }

    private String out() {
        return command.out();
    }

    private String err() {
        return command.err();
    }
}
