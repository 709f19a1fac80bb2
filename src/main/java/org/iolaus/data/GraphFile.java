package org.iolaus.data;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;

/// A file of fixed graphs with their edges, for timing: whoever times a step on it has the same work to do.
///
/// HDF5 with `pos`, `batch`, `edge_index` (row 0 source, row 1 target) and either HydraGNN's names (`z`, `energy`,
/// `forces`, `edge_shifts`, which are added to the target's position, `cell` with the edge of a cube, 0 without a
/// box) or those of Open Catalyst's models (`atomic_numbers`, `target_energy`, `target_forces`, `cell_offsets` of
/// the source, `cell`).
///
/// @param name for messages
/// @param batch all graphs of the file
/// @param reordered whether the file's edges were not in the order that a [Batch] wants, and have been sorted
public record GraphFile(String name, Batch batch, boolean reordered) {

    /// Reads a file.
    ///
    /// @throws DataException if something is missing, if an edge joins two graphs or is longer than `radius`
    public static GraphFile read(Path path) {
        try (Hdf5File file = Hdf5File.open(path)) {
            return new Reader(file).read();
        }
    }

    /// The first graphs; beyond the last one it begins again with the first, so a batch may be larger than the file.
    ///
    /// @param ranks that take a batch each of as many
    public Batch first(int graphs, int ranks) {
        int own = batch.graphs();
        int[] atomStart = starts(batch.graphOfAtom(), own);
        int[] edgeGraph = Arrays.stream(batch.target())
                .map(atom -> batch.graphOfAtom()[atom])
                .toArray();
        int[] edgeStart = starts(edgeGraph, own);
        int[] chosen = IntStream.range(0, graphs).map(g -> g % own).toArray();
        int n = Arrays.stream(chosen).map(g -> atomStart[g + 1] - atomStart[g]).reduce(0, Math::addExact);
        int e = Arrays.stream(chosen).map(g -> edgeStart[g + 1] - edgeStart[g]).reduce(0, Math::addExact);
        Slices slices = new Slices(graphs, n, e);
        for (int g : chosen) {
            slices.add(batch, g, atomStart, edgeStart);
        }
        return slices.batch(ranks);
    }

    private static int[] starts(int[] ascending, int range) {
        int[] start = new int[range + 1];
        Arrays.stream(ascending).forEach(value -> start[value + 1]++);
        Arrays.parallelPrefix(start, Integer::sum);
        return start;
    }

    private static Batch of(
            int[] atomicNumbers,
            int[] graphOfAtom,
            double[] positions,
            int[] source,
            int[] target,
            double[] edgeShift,
            double[] cell,
            double[] energy,
            double[] forces,
            int ranks) {
        int graphs = energy.length;
        return new Batch(
                IntStream.range(0, graphs).toArray(),
                atomicNumbers,
                graphOfAtom,
                positions,
                source,
                target,
                edgeShift,
                cell,
                new int[graphs],
                energy,
                forces,
                null,
                Map.of(),
                Map.of(),
                (long) ranks * graphs,
                (long) ranks * atomicNumbers.length,
                null,
                0);
    }

    /// A batch that grows graph by graph.
    private static final class Slices {
        private final int[] atomicNumbers;
        private final int[] graphOfAtom;
        private final double[] positions;
        private final double[] forces;
        private final int[] source;
        private final int[] target;
        private final double[] edgeShift;
        private final double[] cell;
        private final double[] energy;
        private int graph;
        private int atom;
        private int edge;

        Slices(int graphs, int atoms, int edges) {
            atomicNumbers = new int[atoms];
            graphOfAtom = new int[atoms];
            positions = new double[3 * atoms];
            forces = new double[3 * atoms];
            source = new int[edges];
            target = new int[edges];
            edgeShift = new double[3 * edges];
            cell = new double[9 * graphs];
            energy = new double[graphs];
        }

        void add(Batch from, int g, int[] atomStart, int[] edgeStart) {
            int first = atomStart[g];
            int atoms = atomStart[g + 1] - first;
            int edges = edgeStart[g + 1] - edgeStart[g];
            System.arraycopy(from.atomicNumbers(), first, atomicNumbers, atom, atoms);
            Arrays.fill(graphOfAtom, atom, atom + atoms, graph);
            System.arraycopy(from.positions(), 3 * first, positions, 3 * atom, 3 * atoms);
            System.arraycopy(Objects.requireNonNull(from.forces()), 3 * first, forces, 3 * atom, 3 * atoms);
            for (int i = 0; i < edges; i++) {
                source[edge + i] = from.source()[edgeStart[g] + i] - first + atom;
                target[edge + i] = from.target()[edgeStart[g] + i] - first + atom;
            }
            System.arraycopy(from.edgeShift(), 3 * edgeStart[g], edgeShift, 3 * edge, 3 * edges);
            System.arraycopy(from.cell(), 9 * g, cell, 9 * graph, 9);
            energy[graph] = Objects.requireNonNull(from.energy())[g];
            graph++;
            atom += atoms;
            edge += edges;
        }

        Batch batch(int ranks) {
            return of(atomicNumbers, graphOfAtom, positions, source, target, edgeShift, cell, energy, forces, ranks);
        }
    }

    /// One file that is being read.
    private static final class Reader {
        private final Hdf5File file;
        private final boolean hydraGnn;
        private final int[] numbers;
        private final int[] graphOfAtom;
        private final double[] positions;
        private final int[] source;
        private final int[] target;
        private final double[] energy;

        Reader(Hdf5File file) {
            this.file = file;
            hydraGnn = file.exists("z");
            numbers = file.ints(hydraGnn ? "z" : "atomic_numbers");
            int n = numbers.length;
            graphOfAtom = require("batch", file.ints("batch"), n);
            positions = require("pos", file.doubles("pos"), 3 * n);
            int[] both = file.ints("edge_index");
            source = Arrays.copyOf(both, both.length / 2);
            target = Arrays.copyOfRange(both, both.length / 2, both.length);
            energy = file.doubles(hydraGnn ? "energy" : "target_energy");
        }

        GraphFile read() {
            requireRange("batch", graphOfAtom, energy.length);
            requireRange("edge_index", source, numbers.length);
            requireRange("edge_index", target, numbers.length);
            double[] cell = cell();
            double[] shift = shift(cell);
            Integer[] order = IntStream.range(0, source.length).boxed().toArray(Integer[]::new);
            Arrays.sort(order, Comparator.comparingInt(edge -> target[edge])); // stable: ties stay as they are
            boolean reordered = !IntStream.range(0, order.length).allMatch(i -> order[i] == i);
            int[] sortedSource = new int[source.length];
            int[] sortedTarget = new int[source.length];
            double[] sortedShift = new double[shift.length];
            for (int i = 0; i < order.length; i++) {
                int edge = order[i];
                sortedSource[i] = source[edge];
                sortedTarget[i] = target[edge];
                System.arraycopy(shift, 3 * edge, sortedShift, 3 * i, 3);
            }
            double[] forces = require(
                    hydraGnn ? "forces" : "target_forces",
                    file.doubles(hydraGnn ? "forces" : "target_forces"),
                    3 * numbers.length);
            Batch batch = of(
                    numbers, graphOfAtom, positions, sortedSource, sortedTarget, sortedShift, cell, energy, forces, 1);
            check(batch);
            return new GraphFile(file.name(), batch, reordered);
        }

        private double[] cell() {
            double[] given = file.doubles("cell");
            if (!hydraGnn) {
                return require("cell", given, 9 * energy.length);
            }
            double edge = require("cell", given, 1)[0];
            double[] cell = new double[9 * energy.length];
            for (int i = 0; i < cell.length; i++) {
                cell[i] = i % 9 % 4 == 0 ? edge : 0;
            }
            return cell;
        }

        /// (E, 3): what is added to the source's position, Å
        private double[] shift(double[] cell) {
            if (hydraGnn) {
                double[] ofTarget = require("edge_shifts", file.doubles("edge_shifts"), 3 * source.length);
                return Arrays.stream(ofTarget).map(value -> 0 - value).toArray();
            }
            double[] offsets = require("cell_offsets", file.doubles("cell_offsets"), 3 * source.length);
            double[] shift = new double[offsets.length];
            for (int edge = 0; edge < source.length; edge++) {
                int box = 9 * graphOfAtom[target[edge]];
                for (int axis = 0; axis < 3; axis++) {
                    for (int vector = 0; vector < 3; vector++) {
                        shift[3 * edge + axis] += offsets[3 * edge + vector] * cell[box + 3 * vector + axis];
                    }
                }
            }
            return shift;
        }

        private void check(Batch batch) {
            for (int atom = 1; atom < batch.atoms(); atom++) {
                if (graphOfAtom[atom] < graphOfAtom[atom - 1]) {
                    throw new DataException(file.name() + ", batch: want ascending numbers, got " + graphOfAtom[atom]
                            + " after " + graphOfAtom[atom - 1]);
                }
            }
            double limit = file.exists("radius") ? file.scalar("radius") : Double.POSITIVE_INFINITY;
            for (int edge = 0; edge < batch.edges(); edge++) {
                int from = batch.source()[edge];
                int to = batch.target()[edge];
                if (graphOfAtom[from] != graphOfAtom[to]) {
                    throw new DataException(file.name() + ", edge_index: want atoms of one graph, got " + from + " and "
                            + to + " of graphs " + graphOfAtom[from] + " and " + graphOfAtom[to]);
                }
                double length = length(batch, edge);
                if (!(length <= limit * (1 + 1e-9))) {
                    throw new DataException(file.name() + ", edge_index: want edges of at most " + limit + " Å, got "
                            + length + " from " + from + " to " + to);
                }
            }
        }

        private static double length(Batch batch, int edge) {
            double sum = 0;
            for (int axis = 0; axis < 3; axis++) {
                double d = batch.positions()[3 * batch.source()[edge] + axis]
                        + batch.edgeShift()[3 * edge + axis]
                        - batch.positions()[3 * batch.target()[edge] + axis];
                sum += d * d;
            }
            return Math.sqrt(sum);
        }

        private void requireRange(String dataset, int[] values, int range) {
            for (int value : values) {
                if (value < 0 || value >= range) {
                    throw new DataException(
                            file.name() + ", " + dataset + ": want numbers below " + range + ", got " + value);
                }
            }
        }

        private int[] require(String dataset, int[] values, int length) {
            requireLength(dataset, values.length, length);
            return values;
        }

        private double[] require(String dataset, double[] values, int length) {
            requireLength(dataset, values.length, length);
            return values;
        }

        private void requireLength(String dataset, int got, int want) {
            if (got != want) {
                throw new DataException(file.name() + ", " + dataset + ": want " + want + " values, got " + got);
            }
        }
    }

    /// Number of neighbours of each atom: how many atoms have k of them, by k.
    public long[] degrees() {
        int[] degree = new int[batch.atoms()];
        Arrays.stream(batch.target()).forEach(atom -> degree[atom]++);
        long[] counts = new long[Arrays.stream(degree).max().orElse(0) + 1];
        Arrays.stream(degree).forEach(k -> counts[k]++);
        return counts;
    }
}
