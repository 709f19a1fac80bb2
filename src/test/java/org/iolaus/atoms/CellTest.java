package org.iolaus.atoms;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class CellTest {
    private static final Cell TRICLINIC = new Cell(new double[] {4, 0, 0, 1, 3, 0, -2, 0.5, 5});

    @Test
    void volumeAndHeights() {
        assertEquals(60, TRICLINIC.volume(), 1e-12);
        double[] heights = TRICLINIC.heights();
        // the face of the first two vectors lies in the x-y plane
        assertEquals(5, heights[2], 1e-12);
        assertEquals(60 / Math.sqrt(20 * 20 + 2 * 2), heights[1], 1e-12);
    }

    @Test
    void fractionalAndBack() {
        double[] positions = {0.3, -7, 2.5, 11, 4, -3};
        assertArrayEquals(positions, TRICLINIC.cartesian(TRICLINIC.fractional(positions)), 1e-12);
        assertArrayEquals(new double[] {0, 1, 0}, TRICLINIC.fractional(new double[] {1, 3, 0}), 1e-15);
    }

    @Test
    void wrapMovesByLatticeVectorsOfPeriodicDirectionsOnly() {
        double[] position = {0.3, -7, 12.5};
        boolean[] slab = {true, true, false};
        double[] before = TRICLINIC.fractional(position);
        double[] after = TRICLINIC.fractional(TRICLINIC.wrap(position, slab));
        for (int d = 0; d < 2; d++) {
            assertTrue(after[d] >= -1e-12 && after[d] < 1 + 1e-12);
            assertEquals(0, Math.IEEEremainder(after[d] - before[d], 1), 1e-12);
        }
        assertEquals(before[2], after[2], 1e-12);
    }

    @Test
    void flatCellsAreRefused() {
        double[] flat = {1, 0, 0, 0, 1, 0, 1, 1, 0};
        var e = assertThrows(IllegalArgumentException.class, () -> new Cell(flat));
        assertTrue(e.toString().contains("linearly independent"), e.toString());
    }
}
