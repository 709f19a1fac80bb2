package org.iolaus.data.read;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import org.iolaus.atoms.Structure;
import org.iolaus.data.DataException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Damages good files at random: what comes out is sound structures or a [DataException], never anything else.
@Timeout(value = 120, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class DamagedInputTest {
    private static final int TRIALS = 2000;
    private static final String XYZ = """
            3
            Lattice="10 0 0 0 11 0 1 0 12" Properties=species:S:1:pos:R:3:tag:I:1:forces:R:3 energy=-1.5 pbc="T F T"
            O 0.0 0.0 0.0 7 1 2 3
            H 0.9 0.0 0.0 8 4 5 6
            H 0.0 0.9 0.0 9 7 8 9e-1
            2
            Properties=species:S:1:pos:R:3 energy=2 stress="1 2 3 4 5 6" dipole={1 2 3} matrix=[[1, 2], [3, 4]]
            Cu 0 0 0
            Kr 3 0 0
            """;

    @TempDir
    private Path folder;

    private int good;
    private int refused;

    @Test
    void extendedXyz() throws IOException {
        damage("a.xyz", XYZ.getBytes(StandardCharsets.UTF_8), true);
    }

    @Test
    void gzippedXyz() throws IOException {
        var bytes = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(bytes)) {
            gzip.write(XYZ.repeat(4).getBytes(StandardCharsets.UTF_8));
        }
        damage("a.xyz.gz", bytes.toByteArray(), false);
    }

    @Test
    void lsms() throws IOException {
        damage("a.txt", HydraGnnFormatsTest.LSMS.getBytes(StandardCharsets.UTF_8), true);
    }

    @Test
    void cfg() throws IOException {
        damage("a.cfg", HydraGnnFormatsTest.CFG.getBytes(StandardCharsets.UTF_8), true);
    }

    @Test
    void npz() throws IOException {
        double[] values = IntStream.range(0, 36).mapToDouble(i -> 0.1 * i * i).toArray();
        NpzFile npz = new NpzFile()
                .put("z", "<i4", false, new int[] {3}, 1, 8, 1)
                .put("R", new int[] {4, 3, 3}, values)
                .put("E", "<f4", false, new int[] {4}, 1, 2, 3, 4)
                .put("F", "<f8", true, new int[] {4, 3, 3}, values);
        damage("a.npz", npz.bytes(), false);
    }

    private void damage(String name, byte[] original, boolean text) throws IOException {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        Path file = folder.resolve(name);
        Files.write(file, original);
        read(file, "undamaged");
        assertEquals(1, good);
        for (int trial = 0; trial < TRIALS; trial++) {
            byte[] damaged = original;
            for (int n = random.nextInt(3); n >= 0; n--) {
                damaged = text && random.nextBoolean() ? shuffled(damaged, random) : flipped(damaged, random);
            }
            Files.write(file, damaged);
            read(file, "seed " + seed + ", trial " + trial);
        }
        assertTrue(refused > TRIALS / 5, "seed " + seed + ": only " + refused + " of " + TRIALS + " refused");
    }

    private void read(Path file, String where) {
        try (StructureReader reader = Readers.open(file, ReadOptions.DEFAULT)) {
            while (reader.hasNext()) {
                requireSound(reader.next(), where);
            }
            good++;
        } catch (DataException e) {
            assertTrue(e.toString().contains(file.toString()), where + ": " + e);
            refused++;
        } catch (RuntimeException e) {
            fail(where, e);
        }
    }

    private static void requireSound(Structure s, String where) {
        assertTrue(s.atoms() > 0, where);
        assertTrue(Arrays.stream(s.atomicNumbers()).allMatch(z -> z >= 1 && z <= 118), where);
        assertEquals(3 * s.atoms(), s.positions().length, where);
        assertTrue(Arrays.stream(s.positions()).allMatch(Double::isFinite), where);
        double[] forces = s.forces();
        assertTrue(forces == null || forces.length == 3 * s.atoms(), where);
        assertTrue(forces == null || Arrays.stream(forces).allMatch(Double::isFinite), where);
        assertTrue(s.energy() == null || Double.isFinite(s.energy()), where);
        s.atomColumns().forEach((k, v) -> assertEquals(0, v.length % s.atoms(), where));
    }

    /// Cuts the end off, or changes, adds or removes a few bytes.
    private static byte[] flipped(byte[] bytes, Random random) {
        int at = random.nextInt(Math.max(1, bytes.length));
        byte[] damaged = bytes.clone();
        if (bytes.length == 0) {
            return damaged;
        }
        switch (random.nextInt(5)) {
            case 0 -> damaged = Arrays.copyOf(bytes, at);
            case 1 -> damaged[at] = (byte) random.nextInt(256);
            case 2 -> damaged[at] ^= (byte) (1 << random.nextInt(8));
            case 3 -> System.arraycopy(bytes, at, damaged, at / 2, Math.min(20, bytes.length - at));
            default -> {
                damaged = new byte[bytes.length + 1];
                System.arraycopy(bytes, 0, damaged, 0, at);
                damaged[at] = (byte) (32 + random.nextInt(95));
                System.arraycopy(bytes, at, damaged, at + 1, bytes.length - at);
            }
        }
        return damaged;
    }

    /// Deletes, repeats or swaps lines, or exchanges words.
    private static byte[] shuffled(byte[] bytes, Random random) {
        List<String> lines = new ArrayList<>(List.of(new String(bytes, StandardCharsets.UTF_8).split("\n", -1)));
        int i = random.nextInt(lines.size());
        int j = random.nextInt(lines.size());
        switch (random.nextInt(4)) {
            case 0 -> lines.remove(i);
            case 1 -> lines.add(j, lines.get(i));
            case 2 -> lines.set(i, lines.set(j, lines.get(i)));
            default -> {
                String[] words = lines.get(i).split(" ", -1);
                String[] others = lines.get(j).split(" ", -1);
                words[random.nextInt(words.length)] = List.of(
                                others[random.nextInt(others.length)],
                                "nan",
                                "-1",
                                "1e999",
                                "999999999",
                                "0",
                                "",
                                "{",
                                "\"")
                        .get(random.nextInt(9));
                lines.set(i, String.join(" ", words));
            }
        }
        return String.join("\n", lines).getBytes(StandardCharsets.UTF_8);
    }
}
