package org.iolaus.data.generate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.LongStream;
import org.iolaus.atoms.Cell;
import org.iolaus.atoms.NeighbourList;
import org.iolaus.atoms.Structure;
import org.junit.jupiter.api.Test;

class GeneratorTest {
    private static final double STEP = 1e-5;
    private static final List<Structure> FRAMES =
            LongStream.range(0, 60).mapToObj(k -> Generator.frame(7, k)).toList();

    private static double energy(Structure s, double[] positions) {
        return ForceField.evaluate(s.atomicNumbers(), positions, s.cell(), s.periodic())
                .energy();
    }

    @Test
    void forcesAreMinusTheGradientOfTheEnergy() {
        for (Structure s : FRAMES) {
            for (int i = 0; i < s.positions().length; i++) {
                double[] moved = s.positions().clone();
                moved[i] += STEP;
                double up = energy(s, moved);
                moved[i] -= 2 * STEP;
                double down = energy(s, moved);
                assertEquals((down - up) / (2 * STEP), s.forces()[i], 1e-6 * (1 + Math.abs(s.forces()[i])));
            }
        }
    }

    @Test
    void theStressIsTheDerivativeByStrainOverTheVolume() {
        int checked = 0;
        for (Structure s : FRAMES) {
            if (s.stress() == null) {
                continue;
            }
            for (int k = 0; k < 9; k++) {
                double slope = (strained(s, k, STEP) - strained(s, k, -STEP)) / (2 * STEP);
                double volume = new Cell(s.cell()).volume();
                assertEquals(slope / volume, s.stress()[k], 1e-7);
            }
            checked++;
        }
        assertTrue(checked > 5, "frames with stress: " + checked);
    }

    private static double strained(Structure s, int k, double by) {
        double[] strain = {1, 0, 0, 0, 1, 0, 0, 0, 1};
        strain[k] += by;
        Cell deformation = new Cell(strain);
        return ForceField.evaluate(
                        s.atomicNumbers(),
                        deformation.cartesian(s.positions()),
                        deformation.cartesian(s.cell()),
                        s.periodic())
                .energy();
    }

    @Test
    void potentialsHaveTheirMinimumAndEndSmoothly() {
        for (int z : new int[] {ForceField.COPPER, ForceField.GOLD, ForceField.LEAD}) {
            int[] pair = {z, z};
            double before = pairEnergy(pair, ForceField.CUTOFF_ANGSTROM - 1e-4);
            assertEquals(0, pairEnergy(pair, ForceField.CUTOFF_ANGSTROM), 0);
            assertEquals(0, before, 1e-11);
            assertTrue(before < 0);
        }
        assertEquals(-0.2348, pairEnergy(new int[] {82, 82}, 3.733), 1e-12);
        assertEquals(-4.72 * 0.0433641, pairEnergy(new int[] {29, 29}, 2.616), 1e-6);
        assertEquals(-Math.sqrt(4.72 * 5.29) * 0.0433641, pairEnergy(new int[] {29, 79}, 0.5 * (2.616 + 2.951)), 1e-6);
    }

    private static double pairEnergy(int[] pair, double r) {
        double[] positions = {0, 0, 0, 0, r, 0};
        return ForceField.evaluate(pair, positions, null, new boolean[3]).energy();
    }

    @Test
    void framesCoverAllKindsAndAreInformative() {
        TreeSet<Integer> elements = new TreeSet<>();
        TreeSet<String> kinds = new TreeSet<>();
        double square = 0;
        int components = 0;
        long neighbours = 0;
        for (Structure s : FRAMES) {
            Arrays.stream(s.atomicNumbers()).forEach(elements::add);
            kinds.add(Arrays.toString(s.periodic()));
            square += Arrays.stream(s.forces()).map(f -> f * f).sum();
            components += s.forces().length;
            neighbours += NeighbourList.build(s.positions(), s.cell(), s.periodic(), 5, 99)
                    .size();
            assertTrue(s.atoms() >= 5 && s.atoms() <= 16, "atoms: " + s.atoms());
            assertEquals(Arrays.stream(s.atomColumns().get("atom_energy")).sum(), s.energy(), 1e-10);
            assertTrue(s.energy() / s.atoms() > -3 && s.energy() / s.atoms() < 0, "energy: " + s.energy());
            for (int k = 0; k < 3; k++) {
                int axis = k;
                double sum = LongStream.range(0, s.atoms())
                        .mapToDouble(i -> s.forces()[(int) (3 * i + axis)])
                        .sum();
                assertEquals(0, sum, 1e-12);
            }
            if (s.cell() == null) {
                assertNull(s.stress());
            }
        }
        assertEquals(List.of(29, 79, 82), List.copyOf(elements));
        assertEquals(3, kinds.size());
        double spread = Math.sqrt(square / components);
        assertTrue(spread > 0.2 && spread < 2, "root mean square force: " + spread + " eV/Å");
        assertTrue(3 * neighbours < 20L * components, "neighbours: " + 3.0 * neighbours / components);
    }

    @Test
    void theSeedDecidesEveryBit() {
        for (int k = 0; k < 3; k++) {
            Structure again = Generator.frame(7, k);
            assertArrayEquals(FRAMES.get(k).positions(), again.positions());
            assertArrayEquals(FRAMES.get(k).forces(), again.forces());
            assertEquals(FRAMES.get(k).energy(), again.energy());
        }
        assertNotEquals(FRAMES.getFirst().energy(), Generator.frame(8, 0).energy());
        assertNotEquals(FRAMES.get(1).energy(), Generator.frame(8, 0).energy());
        assertEquals(60, FRAMES.stream().map(Structure::energy).distinct().count());
    }
}
