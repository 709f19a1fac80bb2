package org.iolaus.data;

import static org.iolaus.data.Say.assertSays;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Two graphs, of 2 and 3 atoms, in a cube of 10 Å; the second has an edge through the box's face.
final class GraphFileTest {
    @TempDir
    Path folder;

    /// In HydraGNN's form, by source, shifts of the target.
    private Path hydraGnn(UnaryOperator<int[]> edges, double radius) {
        Path path = folder.resolve("graphs.h5");
        Hdf5Writer out = new Hdf5Writer(path);
        out.doubles("pos", new double[] {0, 0, 0, 1, 0, 0, 0.5, 0, 0, 9.5, 0, 0, 2, 0, 0}, 5, 3);
        out.ints("z", new int[] {1, 8, 6, 7, 9});
        out.ints("batch", new int[] {0, 0, 1, 1, 1});
        out.ints("edge_index", edges.apply(new int[] {0, 1, 2, 2, 3, 4, 1, 0, 3, 4, 2, 2}), 2, 6);
        double[] shifts = new double[18];
        shifts[6] = -10; // 2 -> 3
        shifts[12] = 10; // 3 -> 2
        out.doubles("edge_shifts", shifts, 6, 3);
        out.doubles("energy", new double[] {-1, -2}, 2, 1);
        out.doubles("forces", new double[] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}, 5, 3);
        out.doubles("cell", new double[] {10});
        out.doubles("radius", new double[] {radius});
        out.commit();
        return path;
    }

    @Test
    void sortsEdgesByTargetAndTurnsShiftsToTheSource() {
        GraphFile file = GraphFile.read(hydraGnn(e -> e, 1.6));
        Batch batch = file.batch();
        assertTrue(file.reordered());
        assertArrayEquals(new int[] {0, 1, 2, 2, 3, 4}, batch.target());
        assertArrayEquals(new int[] {1, 0, 3, 4, 2, 2}, batch.source());
        assertArrayEquals(new double[] {0, 0, 0, 0, 0, 0, -10, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0}, batch.edgeShift(), 0);
        assertArrayEquals(new double[] {-1, -2}, batch.energy());
        assertEquals(10, batch.cell()[13]);
        assertEquals(0, batch.cell()[12]);
        assertEquals(2, batch.globalGraphs());
        assertEquals(5, batch.globalAtoms());
        assertArrayEquals(new long[] {0, 4, 1}, file.degrees());
    }

    @Test
    void takesFewerAndMoreGraphsThanTheFileHas() {
        GraphFile file = GraphFile.read(hydraGnn(e -> e, 1.6));
        Batch one = file.first(1, 1);
        assertArrayEquals(new int[] {1, 0}, one.source());
        assertArrayEquals(new int[] {1, 8}, one.atomicNumbers());
        Batch three = file.first(3, 2);
        assertArrayEquals(new int[] {0, 0, 1, 1, 1, 2, 2}, three.graphOfAtom());
        assertArrayEquals(new int[] {1, 0, 3, 4, 2, 2, 6, 5}, three.source());
        assertArrayEquals(new int[] {0, 1, 2, 2, 3, 4, 5, 6}, three.target());
        assertArrayEquals(new double[] {-1, -2, -1}, three.energy());
        assertEquals(file.batch().forces()[5], three.forces()[20]);
        assertEquals(-10, three.edgeShift()[6]);
        assertEquals(14, three.globalAtoms());
        assertEquals(6, three.globalGraphs());
    }

    @Test
    void readsOpenCatalystsForm() {
        Path path = folder.resolve("slab.h5");
        Hdf5Writer out = new Hdf5Writer(path);
        out.doubles("pos", new double[] {0.5, 0, 0, 0, 7.5, 0}, 2, 3);
        out.ints("atomic_numbers", new int[] {47, 13});
        out.ints("batch", new int[] {0, 0});
        out.ints("edge_index", new int[] {1, 0, 0, 1}, 2, 2);
        out.ints("cell_offsets", new int[] {0, -1, 0, 0, 1, 0}, 2, 3);
        out.doubles("cell", new double[] {9, 0, 0, 1, 8, 0, 0, 0, 7}, 1, 3, 3);
        out.doubles("target_energy", new double[] {4});
        out.doubles("target_forces", new double[6], 2, 3);
        out.commit();
        GraphFile file = GraphFile.read(path);
        assertFalse(file.reordered());
        assertArrayEquals(new double[] {-1, -8, 0, 1, 8, 0}, file.batch().edgeShift());
    }

    @Test
    void refusesEdgesThatCannotBe() {
        assertSays(() -> GraphFile.read(hydraGnn(e -> e, 1.2)), "graphs.h5", "edges of at most 1.2 Å", "got 1.5");
        assertSays(
                () -> GraphFile.read(hydraGnn(
                        e -> {
                            e[0] = 5;
                            return e;
                        },
                        9)),
                "edge_index",
                "numbers below 5, got 5");
        assertSays(
                () -> GraphFile.read(hydraGnn(
                        e -> {
                            e[0] = 2;
                            return e;
                        },
                        9)),
                "edge_index",
                "atoms of one graph");
    }
}
