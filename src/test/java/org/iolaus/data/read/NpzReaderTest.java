package org.iolaus.data.read;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.iolaus.atoms.Structure;
import org.iolaus.atoms.Units;
import org.iolaus.data.DataException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NpzReaderTest {
    @TempDir
    private Path folder;

    private static double[] range(int n) {
        return IntStream.range(0, n).mapToDouble(i -> i).toArray();
    }

    private List<Structure> read(NpzFile npz, ReadOptions options) throws IOException {
        return read(npz.write(folder.resolve("frames.npz")), options);
    }

    private static List<Structure> read(Path file, ReadOptions options) {
        try (StructureReader reader = Readers.open(file, options)) {
            return reader.stream().toList();
        }
    }

    @Test
    void namesOfRmd17AndUnits() throws IOException {
        NpzFile npz = new NpzFile()
                .put("nuclear_charges", "|u1", false, new int[] {2}, 6, 8)
                .put("coords", new int[] {3, 2, 3}, range(18))
                .put("energies", new int[] {3}, -1, -2, -3)
                .put("forces", new int[] {3, 2, 3}, range(18))
                .put("old_energies", new int[] {3}, 7, 7, 7)
                .put("old_forces", new int[] {3, 2, 3}, range(18));
        List<Structure> frames = read(npz, ReadOptions.DEFAULT.withUnits("energy=kcal/mol"));
        assertEquals(3, frames.size());
        Structure s = frames.get(1);
        assertArrayEquals(new int[] {6, 8}, s.atomicNumbers());
        assertArrayEquals(new double[] {6, 7, 8, 9, 10, 11}, s.positions());
        assertEquals(-2 * Units.KCAL_PER_MOL, s.energy());
        assertEquals(6 * Units.KCAL_PER_MOL, s.forces()[0]);
        assertNull(s.cell());
        assertTrue(s.atomColumns().isEmpty() && s.graphColumns().isEmpty());
        assertTrue(s.source().endsWith("frames.npz, frame 1"), s.source());
    }

    @Test
    void shortNamesCellsPaddingAndFurtherColumns() throws IOException {
        NpzFile npz = new NpzFile()
                .put("z", "<i8", false, new int[] {2, 3}, 1, 8, 1, 29, 0, 0)
                .put("R", new int[] {2, 3, 3}, range(18))
                .put("E", new int[] {2, 1}, -1, -2)
                .put("F", new int[] {2, 3, 3}, range(18))
                .put("cell", new int[] {3, 3}, 9, 0, 0, 0, 9, 0, 0, 0, 9)
                .put("pbc", "|b1", false, new int[] {3}, 1, 1, 0)
                .put("dipole", new int[] {2, 4}, range(8))
                .put("charge", new int[] {2, 3}, range(6))
                .put("tag", new int[] {3}, 5, 6, 7)
                .put("theory", "|S4", false, new int[] {}, 1);
        List<Structure> frames = read(npz, ReadOptions.DEFAULT);
        assertArrayEquals(new int[] {1, 8, 1}, frames.get(0).atomicNumbers());
        Structure s = frames.get(1);
        assertArrayEquals(new int[] {29}, s.atomicNumbers());
        assertArrayEquals(new double[] {9, 10, 11}, s.positions());
        assertArrayEquals(new double[] {9, 10, 11}, s.forces());
        assertEquals(-2, s.energy());
        assertArrayEquals(new double[] {9, 0, 0, 0, 9, 0, 0, 0, 9}, s.cell());
        assertArrayEquals(new boolean[] {true, true, false}, s.periodic());
        assertArrayEquals(new double[] {4, 5, 6, 7}, s.graphColumns().get("dipole"));
        assertArrayEquals(new double[] {3}, s.atomColumns().get("charge"));
        assertArrayEquals(new double[] {5}, s.atomColumns().get("tag"));
    }

    @Test
    void aSingleFrameNeedsNoFrameAxis() throws IOException {
        NpzFile npz = new NpzFile()
                .put("Z", "<i4", false, new int[] {3}, 1, 1, 8)
                .put("pos", new int[] {3, 3}, range(9))
                .put("energy", new int[] {}, 4)
                .put("stress", new int[] {3, 3}, range(9))
                .put("cell", new int[] {3, 3}, 9, 0, 0, 0, 9, 0, 0, 0, 9);
        Structure s = read(npz, ReadOptions.DEFAULT).getFirst();
        assertEquals(4, s.energy());
        assertArrayEquals(range(9), s.stress());
        assertArrayEquals(range(9), s.positions());
    }

    @ParameterizedTest
    @ValueSource(strings = {"<f8", ">f8", "<f4", ">f4", "<f2", "<i8", ">i4", "<i2", "|i1", "<u8", ">u4", "<u2", "|u1"})
    void allNumberTypesAndOrders(String descr) throws IOException {
        int[] shape = {2, 3, 3};
        double[] values = range(18);
        double[] turned = new double[18];
        for (int i = 0; i < 2; i++) {
            for (int j = 0; j < 3; j++) {
                for (int k = 0; k < 3; k++) {
                    turned[i + 2 * j + 6 * k] = values[9 * i + 3 * j + k];
                }
            }
        }
        for (boolean fortran : new boolean[] {false, true}) {
            NpzFile npz = new NpzFile()
                    .put("z", new int[] {3}, 1, 2, 3)
                    .put("R", descr, fortran, shape, fortran ? turned : values);
            List<Structure> frames = read(npz, ReadOptions.DEFAULT);
            assertArrayEquals(Arrays.copyOfRange(values, 0, 9), frames.get(0).positions());
            assertArrayEquals(Arrays.copyOfRange(values, 9, 18), frames.get(1).positions());
        }
    }

    @Test
    void aFlippedByteIsFoundByItsChecksum() throws IOException {
        int[] shape = {4, 2, 3};
        byte[] stored = new NpzFile()
                .put("R", shape, range(24))
                .put("z", new int[] {2}, 1, 1)
                .bytes();
        Path file = folder.resolve("frames.npz");
        for (int i = 0; i < 40; i++) {
            byte[] damaged = stored.clone();
            damaged[60 + i] ^= 4;
            Files.write(file, damaged);
            assertThrows(DataException.class, () -> read(file, ReadOptions.DEFAULT), "byte " + (60 + i));
        }
    }

    @Test
    void whatIsMissingOrMisshapenIsNamed() throws IOException {
        int[] two = {2};
        int[] frames = {3, 2, 3};
        assertRefused("want positions under one of coords", new NpzFile().put("z", two, 1, 1));
        assertRefused("want atomic numbers under one of", new NpzFile().put("R", frames, range(18)));
        assertRefused(
                "array R: want shape (frames, atoms, 3), got [2, 2]",
                new NpzFile().put("R", new int[] {2, 2}, range(4)).put("z", two, 1, 1));
        assertRefused(
                "frame 0, z: want [2] values per frame, got 3",
                new NpzFile().put("R", frames, range(18)).put("z", new int[] {3}, 1, 1, 1));
        assertRefused(
                "frame 0, atom 1 of z: want an atomic number 1..118, got 1.5",
                new NpzFile().put("R", frames, range(18)).put("z", two, 1, 1.5));
        double[] positions = range(18);
        positions[7] = Double.NaN;
        assertRefused(
                "frame 1: want finite numbers under R, got NaN",
                new NpzFile().put("R", frames, positions).put("z", two, 1, 1));
        assertRefused(
                "frame 2: want finite numbers under E, got Infinity",
                new NpzFile()
                        .put("R", frames, range(18))
                        .put("z", two, 1, 1)
                        .put("E", new int[] {3}, 1, 2, Double.POSITIVE_INFINITY));
    }

    private void assertRefused(String message, NpzFile npz) {
        var e = assertThrows(DataException.class, () -> read(npz, ReadOptions.DEFAULT));
        assertTrue(e.toString().contains(message), e.toString());
    }
}
