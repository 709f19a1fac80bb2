package org.iolaus.data.read;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import org.iolaus.atoms.Structure;
import org.iolaus.atoms.Units;
import org.iolaus.data.DataException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExtXyzTest {
    private static final String WATER = """
            3
            Lattice="10 0 0 0 11 0 1 0 12" Properties=species:S:1:pos:R:3:tag:I:1:forces:R:3:fixed:L:1 energy=-1.5 \
            pbc="T F T" dipole="0.1 0.2 0.3" matrix=[[1, 2], [3, 4]] old={5 6} json="_JSON [7.0]" \
            name="a \\"b\\" = c" flag
            O 0.0 0.0 0.0 7 1 2 3 T
            H 0.9 0.0 0.0 8 4 5 6 F
            H 0.0 0.9 0.0 9 7 8 9D-1 F
            """;

    @TempDir
    private Path folder;

    private Path file(String text) throws IOException {
        return Files.writeString(folder.resolve("frames.xyz"), text);
    }

    private List<Structure> read(String text, ReadOptions options) throws IOException {
        try (StructureReader reader = Readers.open(file(text), options)) {
            return reader.stream().toList();
        }
    }

    private Structure first(String text) throws IOException {
        return read(text, ReadOptions.DEFAULT).getFirst();
    }

    @Test
    void everyPartOfAFrameIsRead() throws IOException {
        List<Structure> frames = read(WATER + WATER, ReadOptions.DEFAULT);
        assertEquals(2, frames.size());
        Structure s = frames.get(1);
        assertTrue(s.source().endsWith("frames.xyz, frame 1, line 7"), s.source());
        assertArrayEquals(new int[] {8, 1, 1}, s.atomicNumbers());
        assertArrayEquals(new double[] {0, 0, 0, 0.9, 0, 0, 0, 0.9, 0}, s.positions());
        assertArrayEquals(new double[] {10, 0, 0, 0, 11, 0, 1, 0, 12}, s.cell());
        assertArrayEquals(new boolean[] {true, false, true}, s.periodic());
        assertEquals(-1.5, s.energy());
        assertArrayEquals(new double[] {1, 2, 3, 4, 5, 6, 7, 8, 0.9}, s.forces());
        assertNull(s.stress());
        assertEquals(List.of("tag", "fixed"), List.copyOf(s.atomColumns().keySet()));
        assertArrayEquals(new double[] {7, 8, 9}, s.atomColumns().get("tag"));
        assertArrayEquals(new double[] {1, 0, 0}, s.atomColumns().get("fixed"));
        assertEquals(
                List.of("dipole", "matrix", "old", "json"),
                List.copyOf(s.graphColumns().keySet()));
        assertArrayEquals(new double[] {1, 2, 3, 4}, s.graphColumns().get("matrix"));
        assertArrayEquals(new double[] {5, 6}, s.graphColumns().get("old"));
        assertArrayEquals(new double[] {7}, s.graphColumns().get("json"));
    }

    @Test
    void plainXyzIsReadToo() throws IOException {
        List<Structure> frames = read("""
                2
                any text, "even with an open quote
                Cu 0 0 0
                29 1.5 0 0

                1

                H 1 2 3 0.25 nan
                """, ReadOptions.DEFAULT);
        assertArrayEquals(new int[] {29, 29}, frames.getFirst().atomicNumbers());
        assertNull(frames.getFirst().energy());
        assertNull(frames.getFirst().cell());
        assertArrayEquals(new boolean[3], frames.getFirst().periodic());
        assertArrayEquals(
                new double[] {0.25, Double.NaN}, frames.get(1).atomColumns().get("extra"));
        assertEquals(-2.5, first("1\nenergy=-2.5\nH 0 0 0\n").energy());
    }

    @Test
    void gzipIsKnownByContentAndMayHaveMembers() throws IOException {
        var bytes = new ByteArrayOutputStream();
        for (int member = 0; member < 2; member++) {
            try (var gzip = new GZIPOutputStream(bytes)) {
                gzip.write(WATER.getBytes(StandardCharsets.UTF_8));
            }
        }
        Path file = folder.resolve("frames.extxyz");
        Files.write(file, bytes.toByteArray());
        try (StructureReader reader = Readers.open(file, ReadOptions.DEFAULT)) {
            assertEquals(2, reader.stream().count());
        }
        Files.write(file, Arrays.copyOf(bytes.toByteArray(), bytes.size() - 20));
        try (StructureReader reader = Readers.open(file, ReadOptions.DEFAULT)) {
            DataException e =
                    assertThrows(DataException.class, () -> reader.stream().count());
            assertTrue(e.toString().contains("truncated"), e.toString());
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    energy=1                              | 1
                    free_energy=2                         | 2
                    Energy=3                              | 3
                    free_energy=2 energy=1                | 1
                    energy=1 REF_energy=4 free_energy=2   | 4
                    energy=1 dft_energy=5                 | 5
                    energy=1 REF_energy=4 dft_energy=5    | 4
                    """)
    void theEnergyIsTakenInTheDocumentedOrder(String comment, double want) throws IOException {
        Structure s = first("1\n" + comment + "\nH 0 0 0\n");
        assertEquals(want, s.energy());
        assertEquals(comment.split(" ").length - 1, s.graphColumns().size());
    }

    @Test
    void forcesAndKeysByChoice() throws IOException {
        String text = """
                1
                Properties=species:S:1:pos:R:3:force:R:3:REF_forces:R:3:mine:R:3 E_mine=7 energy=1
                H 0 0 0 1 1 1 2 2 2 3 3 3
                """;
        assertArrayEquals(new double[] {2, 2, 2}, first(text).forces());
        Structure s = read(text, ReadOptions.DEFAULT.withKeys("energy=E_mine, forces=mine"))
                .getFirst();
        assertEquals(7, s.energy());
        assertArrayEquals(new double[] {3, 3, 3}, s.forces());
        assertTrue(s.graphColumns().containsKey("energy"));
        var e = assertThrows(DataException.class, () -> read(text, ReadOptions.DEFAULT.withKeys("forces=nine")));
        assertTrue(e.toString().contains("want forces under the name nine, got only species, pos"), e.toString());
    }

    @Test
    void unitsAreConverted() throws IOException {
        String text = """
                1
                Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3:forces:R:3 energy=2 stress="1 2 3 4 5 6"
                H 1 0 0 3 0 0
                """;
        Structure s = read(text, ReadOptions.DEFAULT.withUnits("energy=Ha,length=bohr,stress=-kbar"))
                .getFirst();
        assertEquals(2 * Units.HARTREE, s.energy());
        assertEquals(Units.BOHR, s.positions()[0]);
        assertEquals(4 * Units.BOHR, s.cell()[4]);
        assertEquals(3 * Units.HARTREE / Units.BOHR, s.forces()[0], 1e-12);
        double[] xxToXy = {1, 6, 5, 6, 2, 4, 5, 4, 3};
        for (int k = 0; k < 9; k++) {
            assertEquals(-xxToXy[k] * 0.1 / 160.2176634, s.stress()[k], 1e-15);
        }
        assertThrows(DataException.class, () -> ReadOptions.DEFAULT.withUnits("energy=calories"));
        assertThrows(DataException.class, () -> ReadOptions.DEFAULT.withUnits("energies=eV"));
    }

    @Test
    void aVirialIsMinusTheStressTimesTheVolume() throws IOException {
        String lattice = "Lattice=\"2 0 0 0 2 0 0 0 2\" ";
        Structure s = first("1\n" + lattice + "virial=\"8 0 0 0 16 0 0 0 24\"\nH 0 0 0\n");
        assertArrayEquals(new double[] {-1, 0, 0, 0, -2, 0, 0, 0, -3}, s.stress(), 1e-15);
        Structure both = first("1\n" + lattice + "virial=\"8 0 0 0 16 0 0 0 24\" stress=\"1 1 1 0 0 0\"\nH 0 0 0\n");
        assertArrayEquals(new double[] {1, 0, 0, 0, 1, 0, 0, 0, 1}, both.stress());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    ''                                          | : want at least one frame, got an empty file
                    x;;H 0 0 0                                  | frame 0, line 1: want the number of atoms, got 'x'
                    0;                                          | frame 0, line 1: want the number of atoms, got '0'
                    1 | frame 0, line 2: want a comment line, got the end of the file
                    2;;H 0 0 0 | frame 0, line 4: want atom 1 of 2, got the end of the file
                    1;;H 0 0 0;1;;H 0 0 | frame 1, line 6: want 4 columns for atom 0 of 1, got '3 columns'
                    1;;Hx 0 0 0 | line 3: want a chemical symbol or an atomic number, got 'Hx'
                    1;;119 0 0 0 | line 3: want a chemical symbol or an atomic number, got '119'
                    1;;H 0 0 0x1                                | line 3: want a number under pos, got '0x1'
                    1;;H 0 0 1f                                 | line 3: want a number under pos, got '1f'
                    1;;H 0 NaN 0                                | line 3: want finite numbers under pos, got 'NaN'
                    1;energy=nan;H 0 0 0                        | line 2: want finite numbers under energy, got NaN
                    1;energy=1 energy=2;H 0 0 0                 | want each key once, got 'energy' again
                    1;energy="1 2";H 0 0 0                      | line 2: want [1] numbers under energy, got 2
                    1;Properties=species:S:1;H                  | want pos among the Properties, got 'species'
                    1;Properties=species:S:1:pos:R:3:a:X:1;H | WIDTH with a type out of S, R, I, L, got 'a:X:1'
                    1;Properties=species:S:1:pos:R:3:pos:R:3;H  | want each name in Properties once, got 'pos'
                    1;Properties=species:S:1:pos:R:3:F:R:3;H 0 0 0 1 inf 2 | want finite numbers under F, got 'inf'
                    1;Properties=species:S:1:pos:R:3:forces:R:1;H 0 0 0 1  | want [3] numbers under forces, got 1
                    1;Lattice="1 2 3";H 0 0 0                   | want 9 numbers for Lattice, got '1 2 3'
                    1;Lattice="1 0 0 0 1 0 1 1 0";H 0 0 0       | line 2: cell: want three linearly independent
                    1;Lattice="1 2;H 0 0 0                      | want a closing "
                    1;Lattice={1 2;H 0 0 0                      | want a closing bracket
                    1;pbc="T T T";H 0 0 0 | line 2: want a lattice for periodic directions, got none
                    1;pbc="T T";H 0 0 0                         | line 2: want pbc of three T or F, got 'T T'
                    1;stress="1 2 3";H 0 0 0                    | want [6, 9] numbers under stress, got 3
                    """)
    void malformedInputIsNamedWithItsLine(String lines, String message) {
        String text = lines.isEmpty() ? "" : lines.replace(';', '\n') + "\n";
        var e = assertThrows(DataException.class, () -> read(text, ReadOptions.DEFAULT));
        assertTrue(e.toString().contains(message), e.toString());
        assertTrue(e.toString().contains("frames.xyz"), e.toString());
    }

    @Test
    void whatIsWrittenIsReadBackToTheLastBit() throws IOException {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        List<Structure> written = new ArrayList<>();
        for (int frame = 0; frame < 20; frame++) {
            int atoms = 1 + random.nextInt(5);
            boolean cell = random.nextBoolean();
            written.add(new Structure(
                    random.ints(atoms, 1, 119).toArray(),
                    doubles(random, 3 * atoms),
                    cell ? doubles(random, 9) : null,
                    new boolean[] {cell, false, cell},
                    random.nextBoolean() ? random.nextGaussian() : null,
                    random.nextBoolean() ? doubles(random, 3 * atoms) : null,
                    cell ? doubles(random, 9) : null,
                    Map.of("charge", doubles(random, atoms), "wide", doubles(random, 4 * atoms)),
                    Map.of("single", doubles(random, 1), "several", doubles(random, 3)),
                    ""));
        }
        for (String name : List.of("out.xyz", "out.xyz.gz")) {
            Path file = folder.resolve(name);
            try (ExtXyzWriter writer = new ExtXyzWriter(file)) {
                written.forEach(writer::write);
                assertFalse(Files.exists(file));
                writer.finish();
            }
            try (StructureReader reader = Readers.open(file, ReadOptions.DEFAULT)) {
                for (Structure want : written) {
                    assertSame(want, reader.next(), "seed " + seed);
                }
                assertFalse(reader.hasNext());
            }
        }
    }

    @Test
    void aFileThatIsNotFinishedLeavesNothing() throws IOException {
        Path file = folder.resolve("out.xyz");
        try (ExtXyzWriter writer = new ExtXyzWriter(file)) {
            writer.write(first(WATER));
        }
        try (var files = Files.list(folder)) {
            assertEquals(List.of(folder.resolve("frames.xyz")), files.toList());
        }
    }

    private static double[] doubles(Random random, int length) {
        return random.doubles(length).map(x -> 10 * Math.exp(20 * x - 10)).toArray();
    }

    private static void assertSame(Structure want, Structure got, String seed) {
        assertArrayEquals(want.atomicNumbers(), got.atomicNumbers(), seed);
        assertArrayEquals(want.positions(), got.positions(), seed);
        assertArrayEquals(want.cell(), got.cell(), seed);
        assertArrayEquals(want.periodic(), got.periodic(), seed);
        assertEquals(want.energy(), got.energy(), seed);
        assertArrayEquals(want.forces(), got.forces(), seed);
        assertArrayEquals(want.stress(), got.stress(), seed);
        assertEquals(want.atomColumns().keySet(), got.atomColumns().keySet(), seed);
        assertEquals(want.graphColumns().keySet(), got.graphColumns().keySet(), seed);
        want.atomColumns()
                .forEach((k, v) -> assertArrayEquals(v, got.atomColumns().get(k), seed));
        want.graphColumns()
                .forEach((k, v) -> assertArrayEquals(v, got.graphColumns().get(k), seed));
    }
}
