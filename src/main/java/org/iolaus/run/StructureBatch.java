package org.iolaus.run;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.iolaus.atoms.Edges;
import org.iolaus.atoms.NeighbourList;
import org.iolaus.atoms.Structure;
import org.iolaus.config.ConfigException;
import org.iolaus.data.Batch;
import org.iolaus.data.GraphTable;
import org.iolaus.data.Neighbours;
import org.iolaus.data.ShardSet;
import org.iolaus.model.Architecture;
import org.iolaus.train.inputs.Columns;
import org.jspecify.annotations.Nullable;

/// Batches of structures that come from no shards, with the edges that an architecture asks for.
public final class StructureBatch {
    private StructureBatch() {}

    /// A batch of these structures, one after another. Energies, forces and targets that are not known are 0.
    ///
    /// @param structures with the same further columns
    /// @param ranks that take a batch of as many graphs and atoms each
    /// @param rngKey seeds everything random in the step
    /// @throws ConfigException if a column is missing that the model reads
    public static Batch of(
            List<Structure> structures, Architecture architecture, Columns columns, int ranks, long rngKey) {
        List<Batch> singles = structures.stream()
                .map(structure -> single(structure, architecture, columns, rngKey))
                .toList();
        return join(singles, ranks, rngKey);
    }

    private static Batch single(Structure structure, Architecture architecture, Columns columns, long rngKey) {
        Integer most = architecture.maxNeighbours();
        Map<String, Batch.Edges> lists = new HashMap<>();
        lists.put(GraphTable.EDGES, edges(structure, Cutoffs.radius(architecture), most));
        Neighbours second = Cutoffs.attention(architecture);
        if (second != null) {
            lists.put(GraphTable.ATTENTION_EDGES, edges(structure, second.cutoffAngstrom(), second.most()));
        }
        Map<String, Batch.Column> atomColumns = new HashMap<>();
        structure
                .atomColumns()
                .forEach((name, values) -> atomColumns.put(
                        name, new Batch.Column(values, values.length / Math.max(1, structure.atoms()))));
        Map<String, Batch.Column> graphColumns = new HashMap<>();
        structure
                .graphColumns()
                .forEach((name, values) -> graphColumns.put(name, new Batch.Column(values, values.length)));
        for (Columns.Target target : columns.targets()) {
            boolean graph = target.level() == Architecture.Level.GRAPH;
            int rows = graph ? 1 : structure.atoms();
            double[] unknown = new double[rows * target.column().width()];
            (graph ? graphColumns : atomColumns)
                    .put(
                            target.column().name(),
                            new Batch.Column(unknown, target.column().width()));
        }
        for (Columns.Component component : columns.inputs()) {
            Columns.Column column = component.column();
            boolean known = column.name().equals("atomic_number") || atomColumns.containsKey(column.name());
            if (!known) {
                throw new ConfigException(structure.source() + ": want a column '" + column.name()
                        + "' that the model reads, got " + atomColumns.keySet());
            }
        }
        double[] cell = structure.cell();
        return new Batch(
                new int[] {0},
                structure.atomicNumbers(),
                new int[structure.atoms()],
                structure.positions(),
                lists,
                cell == null ? new double[9] : cell,
                new int[] {0},
                new double[] {Objects.requireNonNullElse(structure.energy(), 0.0)},
                Objects.requireNonNullElse(structure.forces(), new double[3 * structure.atoms()]),
                null,
                atomColumns,
                graphColumns,
                1,
                structure.atoms(),
                rngKey);
    }

    private static Batch.Edges edges(Structure structure, double cutoffAngstrom, @Nullable Integer most) {
        Edges edges = ShardSet.edges(
                structure.source(),
                structure.positions(),
                structure.cell(),
                structure.periodic(),
                cutoffAngstrom,
                most == null ? NeighbourList.UNLIMITED : most);
        return new Batch.Edges(edges.source(), edges.target(), edges.shift());
    }

    private static Batch join(List<Batch> parts, int ranks, long rngKey) {
        int[] graphs = IntStream.range(0, parts.size()).toArray();
        int atoms = parts.stream().mapToInt(Batch::atoms).sum();
        Map<String, Batch.Edges> lists = new HashMap<>();
        parts.getFirst().lists().keySet().forEach(symbol -> lists.put(symbol, join(parts, symbol)));
        int n = parts.size();
        return new Batch(
                graphs,
                ints(parts.stream().map(Batch::atomicNumbers).toList(), new int[n]),
                ints(parts.stream().map(Batch::graphOfAtom).toList(), graphs),
                doubles(parts.stream().map(Batch::positions).toList()),
                lists,
                doubles(parts.stream().map(Batch::cell).toList()),
                new int[n],
                doubles(parts.stream().map(Batch::energy).toList()),
                doubles(parts.stream().map(Batch::forces).toList()),
                null,
                columns(parts.stream().map(Batch::atomColumns).toList()),
                columns(parts.stream().map(Batch::graphColumns).toList()),
                (long) ranks * n,
                (long) ranks * atoms,
                rngKey);
    }

    private static Batch.Edges join(List<Batch> parts, String symbol) {
        List<Batch.Edges> lists = parts.stream().map(part -> list(part, symbol)).toList();
        String over = lists.getFirst().over();
        int[] offsets = new int[parts.size()];
        for (int i = 1; i < offsets.length; i++) {
            Batch before = parts.get(i - 1);
            offsets[i] = offsets[i - 1]
                    + (over.equals(GraphTable.ATOMS)
                            ? before.atoms()
                            : list(before, over).size());
        }
        return new Batch.Edges(
                ints(lists.stream().map(Batch.Edges::source).toList(), offsets),
                ints(lists.stream().map(Batch.Edges::target).toList(), offsets),
                doubles(lists.stream().map(Batch.Edges::shift).toList()),
                over);
    }

    private static Batch.Edges list(Batch batch, String symbol) {
        return Objects.requireNonNull(batch.lists().get(symbol), symbol);
    }

    private static Map<String, Batch.Column> columns(List<Map<String, Batch.Column>> parts) {
        Map<String, Batch.Column> joined = new HashMap<>();
        parts.getFirst()
                .forEach((name, column) -> joined.put(
                        name,
                        new Batch.Column(
                                doubles(parts.stream()
                                        .map(part -> column(part, name).values())
                                        .toList()),
                                column.width())));
        return joined;
    }

    private static Batch.Column column(Map<String, Batch.Column> columns, String name) {
        Batch.Column column = columns.get(name);
        if (column == null) {
            throw new IllegalArgumentException(
                    "structures: want column '" + name + "' in each, got " + columns.keySet());
        }
        return column;
    }

    /// One after another; what part i holds is raised by `offsets[i]`.
    private static int[] ints(List<int[]> parts, int[] offsets) {
        int[] joined = new int[parts.stream().mapToInt(part -> part.length).sum()];
        int at = 0;
        for (int i = 0; i < offsets.length; i++) {
            for (int value : parts.get(i)) {
                joined[at++] = value + offsets[i];
            }
        }
        return joined;
    }

    private static double[] doubles(List<double[]> parts) {
        return parts.stream().flatMapToDouble(Arrays::stream).toArray();
    }
}
