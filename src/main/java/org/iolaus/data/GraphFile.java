package org.iolaus.data;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.iolaus.atoms.Structure;

/// A file of fixed graphs for timing: whoever times a step on them has the same work to do.
///
/// HDF5 with `pos`, `batch`, `edge_index` (row 0 source, row 1 target) and either HydraGNN's names (`z`, `energy`,
/// `forces`, `cell` with the edge of a cube, 0 without a box) or those of Open Catalyst's models (`atomic_numbers`,
/// `target_energy`, `target_forces`, `cell`). The edges are made anew from the positions; the file's own are there
/// to be compared with.
///
/// @param name for messages
/// @param structures the graphs
/// @param pairs `(E)` target and source of each edge as one number, ascending
@SuppressWarnings("ArrayRecordComponent")
public record GraphFile(String name, List<Structure> structures, long[] pairs) {

    /// Reads a file.
    ///
    /// @throws DataException if something is missing
    public static GraphFile read(Path path) {
        try (Hdf5File file = Hdf5File.open(path)) {
            boolean hydraGnn = file.exists("z");
            int[] numbers = file.ints(hydraGnn ? "z" : "atomic_numbers");
            double[] energy = file.doubles(hydraGnn ? "energy" : "target_energy");
            int[] graphs = file.ints("batch");
            double[] positions = doubles(file, "pos", 3 * numbers.length);
            double[] forces = doubles(file, hydraGnn ? "forces" : "target_forces", 3 * numbers.length);
            double[] cells = doubles(file, "cell", hydraGnn ? 1 : 9 * energy.length);
            List<Structure> structures = new ArrayList<>();
            int end = 0;
            for (int graph = 0; graph < energy.length; graph++) {
                int first = end;
                while (end < graphs.length && graphs[end] == graph) {
                    end++;
                }
                boolean periodic = !hydraGnn || cells[0] > 0;
                int g = graph;
                double[] cell = IntStream.range(0, 9)
                        .mapToDouble(i -> hydraGnn ? i % 4 == 0 ? cells[0] : 0 : cells[9 * g + i])
                        .toArray();
                structures.add(new Structure(
                        Arrays.copyOfRange(numbers, first, end),
                        Arrays.copyOfRange(positions, 3 * first, 3 * end),
                        periodic ? cell : null,
                        new boolean[] {periodic, periodic, periodic},
                        energy[graph],
                        Arrays.copyOfRange(forces, 3 * first, 3 * end),
                        null,
                        Map.of(),
                        Map.of(),
                        file.name() + ", graph " + graph));
            }
            if (end != numbers.length || graphs.length != numbers.length) {
                throw new DataException("%s, batch: want ascending numbers below %d for %d atoms, got %d that are"
                        .formatted(file.name(), energy.length, numbers.length, end));
            }
            int[] edges = file.ints("edge_index");
            int n = edges.length / 2;
            return new GraphFile(
                    file.name(), structures, pairs(Arrays.copyOf(edges, n), Arrays.copyOfRange(edges, n, 2 * n)));
        }
    }

    private static double[] doubles(Hdf5File file, String dataset, int count) {
        double[] values = file.doubles(dataset);
        if (values.length != count) {
            throw new DataException(file.name() + ", " + dataset + ": want " + count + " values, got " + values.length);
        }
        return values;
    }

    private static long[] pairs(int[] source, int[] target) {
        return IntStream.range(0, source.length)
                .mapToLong(edge -> (long) target[edge] << 32 | source[edge])
                .sorted()
                .toArray();
    }

    /// The first graphs; beyond the last one it begins again with the first, so there may be more than in the file.
    public List<Structure> first(int graphs) {
        return IntStream.range(0, graphs)
                .mapToObj(graph -> structures.get(graph % structures.size()))
                .toList();
    }

    /// Compares the edges of a batch of all graphs with those of the file.
    ///
    /// @return the batch
    /// @throws DataException if they are others
    public Batch requireEdges(Batch batch) {
        long[] found = pairs(batch.source(), batch.target());
        int at = Arrays.mismatch(pairs, found);
        if (at >= 0) {
            throw new DataException(
                    "%s, edge_index: want the %d edges that the configuration's radius and max_neighbours give, got %d; the first difference is at atom %d"
                            .formatted(
                                    name, found.length, pairs.length, (at < pairs.length ? pairs : found)[at] >> 32));
        }
        return batch;
    }
}
