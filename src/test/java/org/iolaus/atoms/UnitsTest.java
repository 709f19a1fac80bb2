package org.iolaus.atoms;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class UnitsTest {
    @Test
    void factorsAgreeWithTheTables() {
        assertEquals(0.04336410424180094, Units.energy("kcal/mol"), 1e-15);
        assertEquals(0.010364269656262, Units.energy("kJ/mol"), 1e-14);
        assertEquals(27.211386245981, Units.energy("Hartree"), 0);
        assertEquals(13.605693122990, Units.energy("Ry"), 1e-11);
        assertEquals(1e-3, Units.energy(" meV "), 0);
        assertEquals(0.529177210544, Units.length("bohr"), 0);
        assertEquals(0.04336410424180094, Units.force("kcal/mol/Å"), 1e-15);
        assertEquals(0.04336410424180094, Units.force("kcal/mol/A"), 1e-15);
        assertEquals(51.4220675, Units.force("Ha/bohr"), 1e-6);
        assertEquals(1, Units.force("eV/\u212B"), 0);
        assertEquals(1, Units.force("eV/A\u030A"), 0);
        assertEquals(1, Units.stress("eV/Ang^3"), 0);
        assertEquals(1, Units.stress("eV/Å³"), 0);
        assertEquals(Units.HARTREE / Math.pow(Units.BOHR, 3), Units.stress("Ha/bohr3"), 1e-9);
        assertEquals(1 / 160.2176634, Units.stress("GPa"), 1e-15);
        assertEquals(-0.1 / 160.2176634, Units.stress("-kbar"), 1e-15);
        assertEquals(8.617333262e-5, Units.BOLTZMANN, 1e-13);
    }

    @Test
    void anUnknownUnitIsAnsweredWithTheKnownOnes() {
        var e = assertThrows(IllegalArgumentException.class, () -> Units.energy("kcal"));
        assertTrue(e.toString().contains(": unit of energy: want one of ev, mev"), e.toString());
        assertTrue(e.toString().endsWith("got kcal"), e.toString());
        assertThrows(IllegalArgumentException.class, () -> Units.force("eV"));
        assertThrows(IllegalArgumentException.class, () -> Units.stress("eV/Å"));
    }

    @Test
    void elements() {
        assertEquals(1, Elements.atomicNumber("H"));
        assertEquals(29, Elements.atomicNumber("CU"));
        assertEquals(118, Elements.atomicNumber("og"));
        assertEquals(0, Elements.atomicNumber("X"));
        assertEquals("W", Elements.symbol(74));
        for (int z = 1; z <= Elements.MAX_ATOMIC_NUMBER; z++) {
            assertEquals(z, Elements.atomicNumber(Elements.symbol(z)));
        }
        assertThrows(IllegalArgumentException.class, () -> Elements.symbol(0));
    }
}
