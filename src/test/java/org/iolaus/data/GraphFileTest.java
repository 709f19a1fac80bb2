package org.iolaus.data;

import static org.iolaus.data.Say.assertSays;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.iolaus.atoms.Structure;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class GraphFileTest {
    @TempDir
    private Path folder = Path.of("");

    /// A molecule of two atoms and a periodic one of three, with the edges of a radius of 1.6 Å in any order.
    private Path hydraGnn(double cell, int... graphs) {
        Path path = folder.resolve("graphs.h5");
        Hdf5Writer out = new Hdf5Writer(path);
        out.doubles("pos", new double[] {0, 0, 0, 1, 0, 0, 0.5, 0, 0, 9.5, 0, 0, 2, 0, 0}, 5, 3);
        out.ints("z", new int[] {1, 8, 6, 7, 9});
        out.ints("batch", graphs);
        out.ints("edge_index", new int[] {0, 1, 2, 2, 3, 4, 1, 0, 3, 4, 2, 2}, 2, 6);
        out.doubles("energy", new double[] {-1, -2}, 2, 1);
        out.doubles("forces", new double[] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}, 5, 3);
        out.doubles("cell", new double[] {cell});
        out.commit();
        return path;
    }

    private static Batch batch(int[] source, int[] target) {
        double[] none = new double[0];
        return new Batch(
                new int[0],
                new int[0],
                new int[0],
                none,
                Map.of(GraphTable.EDGES, new Batch.Edges(source, target, none)),
                none,
                new int[0],
                none,
                none,
                null,
                Map.of(),
                Map.of(),
                2,
                5,
                0);
    }

    @Test
    void readsHydraGnnsForm() {
        List<Structure> read = GraphFile.read(hydraGnn(10, 0, 0, 1, 1, 1)).structures();
        assertEquals(2, read.size());
        assertArrayEquals(new int[] {6, 7, 9}, read.get(1).atomicNumbers());
        assertArrayEquals(
                new double[] {0.5, 0, 0, 9.5, 0, 0, 2, 0, 0}, read.get(1).positions());
        assertArrayEquals(
                new double[] {6, 7, 8, 9, 10, 11, 12, 13, 14}, read.get(1).forces());
        assertEquals(-2, read.get(1).energy());
        assertArrayEquals(
                new double[] {10, 0, 0, 0, 10, 0, 0, 0, 10}, read.get(1).cell());
        assertArrayEquals(new boolean[] {true, true, true}, read.get(0).periodic());
        assertNull(GraphFile.read(hydraGnn(0, 0, 0, 1, 1, 1))
                .structures()
                .getFirst()
                .cell());
    }

    @Test
    void takesFewerAndMoreGraphsThanTheFileHas() {
        GraphFile file = GraphFile.read(hydraGnn(10, 0, 0, 1, 1, 1));
        assertEquals(file.structures().subList(0, 1), file.first(1));
        assertSame(file.structures().getFirst(), file.first(3).get(2));
    }

    @Test
    void readsOpenCatalystsForm() {
        Path path = folder.resolve("slab.h5");
        Hdf5Writer out = new Hdf5Writer(path);
        out.doubles("pos", new double[] {0.5, 0, 0, 0, 7.5, 0}, 2, 3);
        out.ints("atomic_numbers", new int[] {47, 13});
        out.ints("batch", new int[] {0, 0});
        out.ints("edge_index", new int[] {1, 0, 0, 1}, 2, 2);
        double[] cell = {9, 0, 0, 1, 8, 0, 0, 0, 7};
        out.doubles("cell", cell, 1, 3, 3);
        out.doubles("target_energy", new double[] {4});
        out.doubles("target_forces", new double[6], 2, 3);
        out.commit();
        Structure slab = GraphFile.read(path).structures().getFirst();
        assertArrayEquals(cell, slab.cell());
        assertEquals(4, slab.energy());
    }

    @Test
    void refusesOtherEdgesThanThoseOfTheFile() {
        GraphFile file = GraphFile.read(hydraGnn(10, 0, 0, 1, 1, 1));
        Batch same = batch(new int[] {1, 0, 4, 3, 2, 2}, new int[] {0, 1, 2, 2, 3, 4});
        assertSame(same, file.requireEdges(same));
        assertSays(
                () -> file.requireEdges(batch(new int[] {1, 0, 4, 3, 2, 3}, new int[] {0, 1, 2, 2, 3, 4})),
                "graphs.h5, edge_index: want the 6 edges",
                "got 6; the first difference is at atom 4");
        assertSays(() -> file.requireEdges(batch(new int[0], new int[0])), "want the 0 edges", "got 6", "at atom 0");
    }

    @Test
    void refusesAtomsWithoutAGraph() {
        assertSays(() -> GraphFile.read(hydraGnn(10, 0, 0, 1, 0, 1)), "batch: want ascending numbers below 2", "got 3");
        assertSays(() -> GraphFile.read(hydraGnn(10, 0, 0, 1, 1, 2)), "batch: want ascending numbers below 2", "got 4");
    }
}
