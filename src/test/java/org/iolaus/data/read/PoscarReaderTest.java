package org.iolaus.data.read;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.iolaus.atoms.Structure;
import org.iolaus.data.DataException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PoscarReaderTest {
    private static final String DIRECT = """
            rock salt
            2.0
            1 0 0
            0 2 0
            0.5 0 3
            Na_pv Cl
            1 2
            Selective dynamics
            Direct
            0 0 0 T T F
            0.5 0.25 0.5 T T T Cl2
            -1 0 0.5 F F F
            """;

    @TempDir
    private Path folder;

    @Test
    void multiplesOfTheLatticeAreScaled() throws IOException {
        Structure read = read("POSCAR", DIRECT);
        assertArrayEquals(new int[] {11, 17, 17}, read.atomicNumbers());
        assertArrayEquals(new double[] {2, 0, 0, 0, 4, 0, 1, 0, 6}, read.cell());
        assertArrayEquals(new boolean[] {true, true, true}, read.periodic());
        assertArrayEquals(new double[] {0, 0, 0, 1.5, 1, 3, -1.5, 0, 3}, read.positions());
    }

    @Test
    void cartesianPositionsAreScaledTooAndBelowZeroTheScaleIsTheVolume() throws IOException {
        // the volume without scale is 6, so -48 doubles all lengths
        String text = DIRECT.replace("2.0\n", "-48\n").replace("Direct", "Cartesian");
        Structure read = read("frame.vasp", text);
        assertArrayEquals(new double[] {2, 0, 0, 0, 4, 0, 1, 0, 6}, read.cell(), 1e-14);
        assertArrayEquals(new double[] {0, 0, 0, 1, 0.5, 1, -2, 0, 1}, read.positions(), 1e-14);
    }

    @Test
    void theContentTellsTheFormat() throws IOException {
        assertEquals(3, read("relaxed.txt", DIRECT).atoms());
    }

    @Test
    void malformedLinesAreNamed() {
        assertRefused("line 2: want the scale of the lattice (1 number), got 'two'", "2.0\n", "two\n");
        assertRefused("line 4: want a lattice vector (3 numbers), got '0 2'", "0 2 0", "0 2");
        assertRefused("line 6: want the symbols of elements, got 'Na Qq'", "Na_pv Cl", "Na Qq");
        assertRefused("line 7: want a number of atoms for each element (2 numbers), got '1'", "1 2\n", "1\n");
        assertRefused("line 7: want a number of atoms for each element, got '1 2.5'", "1 2\n", "1 2.5\n");
        assertRefused("line 12: want a position (3 numbers), got '-1 nan 0.5 F F F'", "-1 0 0.5", "-1 nan 0.5");
        assertRefused("line 11: want a position (3 numbers), got 'the end of the file'", "-1 0 0.5 F F F\n", "");
        assertRefused("cell: want three linearly independent lattice vectors", "0.5 0 3\n", "0.5 0 0\n");
    }

    private void assertRefused(String message, String from, String to) {
        var e = assertThrows(DataException.class, () -> read("POSCAR", DIRECT.replace(from, to)));
        assertTrue(e.getMessage().contains(message), e.getMessage());
    }

    private Structure read(String name, String text) throws IOException {
        Path file = folder.resolve(name);
        Files.writeString(file, text);
        try (StructureReader reader = Readers.open(file, ReadOptions.DEFAULT)) {
            Structure structure = reader.next();
            assertTrue(!reader.hasNext());
            return structure;
        }
    }
}
