package org.iolaus.data.read;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.iolaus.atoms.Structure;
import org.iolaus.data.DataException;
import org.iolaus.data.DatasetConfig.Features;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HydraGnnFormatsTest {
    static final String LSMS = """
            -101.5 3.0
            26 0 0.0 0.0 0.0 26.25 2.1
            78 1 1.9 0.0 0.0 77.75 0.3
            """;
    static final String CFG = """
            Number of particles = 2
            A = 2.0 Angstrom (basic length-scale)
            # a comment
            H0(1,1) = 1.5 A
            H0(1,2) = 0 A
            H0(1,3) = 0 A
            H0(2,1) = 0.5 A
            H0(2,2) = 2 A
            H0(2,3) = 0 A
            H0(3,1) = 0 A
            H0(3,2) = 0 A
            H0(3,3) = 3 A
            .NO_VELOCITY.
            entry_count = 7
            auxiliary[0] = c_peratom [eV]
            auxiliary[1] = fx [eV/A]
            auxiliary[2] = fy [eV/A]
            auxiliary[3] = fz [eV/A]
            58.69
            Ni
            0 0 0 -4.4 0.1 0.2 0.3
            92.90
            Nb
            0.5 0.5 0.5 -9.9 -0.1 -0.2 -0.3
            """;

    @TempDir
    private Path folder;

    private List<Structure> read(String name, String text, ReadOptions options) throws IOException {
        return read(Files.writeString(folder.resolve(name), text), options);
    }

    private static List<Structure> read(Path path, ReadOptions options) {
        try (StructureReader reader = Readers.open(path, options)) {
            return reader.stream().toList();
        }
    }

    private static ReadOptions with(Features nodes, Features graphs) {
        return new ReadOptions(null, ReadOptions.Factors.OURS, Map.of(), nodes, graphs);
    }

    @Test
    void lsmsWithTheUsualColumns() throws IOException {
        Structure s = read("FePt.txt", LSMS, ReadOptions.DEFAULT).getFirst();
        assertArrayEquals(new int[] {26, 78}, s.atomicNumbers());
        assertArrayEquals(new double[] {0, 0, 0, 1.9, 0, 0}, s.positions());
        assertEquals(-101.5, s.energy());
        assertNull(s.cell());
        assertArrayEquals(new double[] {0.25, -0.25}, s.atomColumns().get("charge_density"));
        assertArrayEquals(new double[] {2.1, 0.3}, s.atomColumns().get("magnetic_moment"));
    }

    @Test
    void lsmsWithConfiguredColumns() throws IOException {
        Features nodes =
                new Features(List.of("num_of_protons", "charge_density", "pair"), List.of(1, 1, 2), List.of(0, 5, 5));
        Features graphs = new Features(List.of("free_energy_scaled_num_nodes", "other"), List.of(1, 1), List.of(0, 1));
        Structure s = read("FePt.txt", LSMS, with(nodes, graphs)).getFirst();
        assertArrayEquals(new double[] {26, 78}, s.atomColumns().get("num_of_protons"));
        assertArrayEquals(new double[] {0.25, -0.25}, s.atomColumns().get("charge_density"));
        assertArrayEquals(new double[] {26.25, 2.1, 77.75, 0.3}, s.atomColumns().get("pair"));
        assertArrayEquals(new double[] {-101.5 / 2}, s.graphColumns().get("free_energy_scaled_num_nodes"));
        assertArrayEquals(new double[] {3}, s.graphColumns().get("other"));
        Features beyond = new Features(List.of("x"), List.of(1), List.of(7));
        var e = assertThrows(DataException.class, () -> read("FePt.txt", LSMS, with(beyond, graphs)));
        assertTrue(e.toString().contains("want column 7 for x, got 7 columns"), e.toString());
    }

    @Test
    void malformedLsmsIsNamedWithItsLine() {
        assertRefused("line 3: want 7 columns for an atom, got 6", "a.txt", LSMS.replace(" 0.3", ""));
        assertRefused("line 2: want a number, got '2x'", "a.txt", LSMS.replace("26.25 2.1", "26.25 2x"), Format.LSMS);
        assertRefused("line 3: want an atomic number 1..118", "a.txt", LSMS.replace("78 1", "0 1"));
        assertRefused("line 2: want a line per atom", "a.txt", "1.5\n", Format.LSMS);
    }

    @Test
    void extendedCfg() throws IOException {
        Files.writeString(folder.resolve("a.bulk"), "151.5 7\n");
        Structure s = read("a.cfg", CFG, ReadOptions.DEFAULT).getFirst();
        assertArrayEquals(new int[] {28, 41}, s.atomicNumbers());
        assertArrayEquals(new double[] {3, 0, 0, 1, 4, 0, 0, 0, 6}, s.cell());
        assertArrayEquals(new double[] {0, 0, 0, 2, 2, 3}, s.positions());
        assertArrayEquals(new boolean[] {true, true, true}, s.periodic());
        assertArrayEquals(new double[] {0.1, 0.2, 0.3, -0.1, -0.2, -0.3}, s.forces());
        assertArrayEquals(new double[] {58.69, 92.90}, s.atomColumns().get("mass"));
        assertArrayEquals(new double[] {-4.4, -9.9}, s.atomColumns().get("c_peratom"));
        assertArrayEquals(new double[] {151.5, 7}, s.graphColumns().get("bulk"));
        assertNull(s.energy());

        Features graphs = new Features(List.of("bulk_modulus"), List.of(1), List.of(0));
        Features nodes = new Features(List.of("protons", "energy_of_atom"), List.of(1, 1), List.of(0, 2));
        Structure configured = read("a.cfg", CFG, with(nodes, graphs)).getFirst();
        assertArrayEquals(new double[] {151.5}, configured.graphColumns().get("bulk_modulus"));
        assertArrayEquals(new double[] {28, 41}, configured.atomColumns().get("protons"));
        assertArrayEquals(new double[] {-4.4, -9.9}, configured.atomColumns().get("energy_of_atom"));
    }

    @Test
    void standardCfg() throws IOException {
        String text =
                CFG.substring(0, CFG.indexOf(".NO_VELOCITY.")) + "58.69 Ni 0 0 0 1 2 3\n92.9 Nb 0.5 0.5 0.5 4 5 6\n";
        Structure s = read("a.cfg", text, ReadOptions.DEFAULT).getFirst();
        assertArrayEquals(new int[] {28, 41}, s.atomicNumbers());
        assertArrayEquals(new double[] {1, 2, 3, 4, 5, 6}, s.atomColumns().get("velocities"));
    }

    @Test
    void malformedCfgIsNamedWithItsLine() {
        assertRefused("to be the atoms in the file, got 3 and 2 atoms", "a.cfg", CFG.replace("= 2\n", "= 3\n"));
        assertRefused("line 4: want a number for H0(1,1), got 'x'", "a.cfg", CFG.replace("1.5 A", "x A"));
        assertRefused("line 24: want 7 columns for an atom, got '6 columns'", "a.cfg", CFG.replace(" -0.3", ""));
        assertRefused("want a chemical symbol, got 'Nx'", "a.cfg", CFG.replace("Nb", "Nx"));
        assertRefused("want three linearly independent", "a.cfg", CFG.replace("(3,3) = 3", "(3,3) = 0"));
        assertRefused(
                "want an entry_count of at least 6",
                "a.cfg",
                CFG.replace(".NO_VELOCITY.", "")
                        .replace("= 7", "= 4")
                        .replaceAll("( -?\\S+){3}\n(?=92|$)", "\n")
                        .replaceAll(" -0.1 -0.2 -0.3", ""));
    }

    @Test
    void foldersAreReadInTheOrderOfTheirNames() throws IOException {
        for (int i : new int[] {2, 0, 1}) {
            Files.writeString(
                    folder.resolve("f" + i + ".cfg"),
                    CFG.replace("Nb", List.of("Al", "Fe", "Cu").get(i)));
        }
        Files.writeString(folder.resolve("f0.bulk"), "1\n");
        Files.writeString(folder.resolve(".hidden"), "nothing\n");
        assertEquals(
                List.of(13, 26, 29),
                read(folder, ReadOptions.DEFAULT).stream()
                        .map(s -> s.atomicNumbers()[1])
                        .toList());
        Path sub = Files.createDirectory(folder.resolve("g"));
        Files.writeString(sub.resolve("h.txt"), LSMS);
        assertEquals(4, read(folder, ReadOptions.DEFAULT).size());
        assertEquals(3, read(folder, ReadOptions.DEFAULT.withFormat(Format.CFG)).size());
        Path empty = Files.createDirectory(folder.resolve("g/empty"));
        assertThrows(DataException.class, () -> read(empty, ReadOptions.DEFAULT));
    }

    @Test
    void xyzWithItsEnergyBesideIt() throws IOException {
        Files.writeString(folder.resolve("m_energy.txt"), "-7.5\n");
        String text = "1\n\nH 0 0 0\n";
        assertEquals(
                -7.5,
                read("m.xyz", text, ReadOptions.DEFAULT.withFormat(Format.XYZ))
                        .getFirst()
                        .energy());
        assertNull(read("m.xyz", text, ReadOptions.DEFAULT).getFirst().energy());
        Files.writeString(folder.resolve("m_energy.txt"), "nan\n");
        assertRefused("want finite numbers under energy", "m.xyz", text, Format.XYZ);
    }

    @Test
    void whatCannotBeReadIsAnsweredWithWhatCan() throws IOException {
        assertRefused("want NumPy .npz, AtomEye .cfg, VASP POSCAR, LSMS text, extended", "a.pkl", "\0\1\2");
        assertRefused("got a file that starts with 'hello world'", "a.txt", "hello world\n1\n");
        assertRefused("got pickle", "a.pkl", "x", Format.PICKLE);
        assertThrows(DataException.class, () -> read(folder.resolve("nothing"), ReadOptions.DEFAULT));
    }

    private void assertRefused(String message, String name, String text, Format... format) {
        ReadOptions options = format.length == 0 ? ReadOptions.DEFAULT : ReadOptions.DEFAULT.withFormat(format[0]);
        var e = assertThrows(DataException.class, () -> read(name, text, options));
        assertTrue(e.toString().contains(message), e.toString());
        assertTrue(e.toString().contains(name), e.toString());
    }
}
