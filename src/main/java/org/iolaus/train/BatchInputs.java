package org.iolaus.train;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.iolaus.data.Batch;
import org.iolaus.data.DataException;
import org.iolaus.model.AllPairs;
import org.iolaus.model.Architecture.Level;
import org.iolaus.model.Inputs;
import org.iolaus.model.Model;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Index;
import org.jspecify.annotations.Nullable;

/// Turns a batch of data into the inputs of a model's programs.
public final class BatchInputs {
    private final Model model;
    private final Columns columns;
    private final int ranks;

    public BatchInputs(Model model, Columns columns, int ranks) {
        this.model = model;
        this.columns = columns;
        this.ranks = ranks;
    }

    /// A batch's numbers and indices by input name.
    public record Bound(Map<String, HostTensor> floats, Map<String, Index> indices) {}

    /// Every input that the batch can give; programs take what they read.
    public Bound bind(Batch batch) {
        int n = batch.atoms();
        int g = batch.graphs();
        Map<String, HostTensor> floats = new HashMap<>();
        Map<String, Index> indices = new HashMap<>();
        floats.put(Inputs.X, features(batch));
        floats.put(Inputs.POSITIONS, matrix(n, 3, batch.positions()));
        floats.put(Inputs.ATOM_WEIGHT, ones(n));
        floats.put(Inputs.GRAPH_WEIGHT, ones(g));
        floats.put(Inputs.ATOMS_TOTAL, HostTensor.scalar((double) batch.globalAtoms()));
        floats.put(Inputs.GRAPHS_TOTAL, HostTensor.scalar((double) batch.globalGraphs()));
        floats.put(Inputs.RANKS, HostTensor.scalar(ranks));
        indices.put(Inputs.ATOMIC_NUMBER, new Index(batch.atomicNumbers(), Inputs.ELEMENTS));
        indices.put(Inputs.GRAPH, new Index(batch.graphOfAtom(), g));
        edges(batch, floats, indices);
        if (!columns.attributes().isEmpty()) {
            floats.put(Inputs.GRAPH_ATTR, joinGraph(batch, columns.attributes(), g));
        }
        if (batch.energy() != null) {
            floats.put(Inputs.ENERGY, matrix(g, 1, batch.energy()));
        }
        if (batch.forces() != null) {
            floats.put(Inputs.FORCES, matrix(n, 3, batch.forces()));
        }
        for (int i = 0; i < columns.targets().size(); i++) {
            floats.put(Inputs.target(i), target(batch, i));
        }
        Integer slots = model.architecture().dimensions().numNodes();
        if (slots != null) {
            indices.put(Inputs.NODES_BY_SLOT, new Index(bySlot(batch, slots), n));
        }
        return new Bound(floats, indices);
    }

    /// (N, F): the chosen components of the node features.
    private HostTensor features(Batch batch) {
        int n = batch.atoms();
        int width = columns.inputs().size();
        double[] x = new double[n * width];
        for (int i = 0; i < width; i++) {
            Columns.Component component = columns.inputs().get(i);
            HostTensor column = join(batch, List.of(component.column()), n);
            for (int row = 0; row < n; row++) {
                x[row * width + i] = column.data()[row * component.column().width() + component.number()];
            }
        }
        return matrix(n, width, x);
    }

    private void edges(Batch batch, Map<String, HostTensor> floats, Map<String, Index> indices) {
        int n = batch.atoms();
        if (model.wantsAllPairs()) {
            AllPairs pairs = AllPairs.of(batch.graphOfAtom());
            indices.put(Inputs.EDGE_SOURCE, new Index(pairs.source(), n));
            indices.put(Inputs.EDGE_TARGET, new Index(pairs.target(), n));
            int e = pairs.source().length;
            floats.put(Inputs.EDGE_SHIFT, matrix(e, 3, new double[3 * e]));
        } else {
            indices.put(Inputs.EDGE_SOURCE, new Index(batch.source(), n));
            indices.put(Inputs.EDGE_TARGET, new Index(batch.target(), n));
            floats.put(Inputs.EDGE_SHIFT, matrix(batch.edges(), 3, batch.edgeShift()));
        }
    }

    /// The target of a head: (N or G, width).
    public HostTensor target(Batch batch, int head) {
        Columns.Target target = columns.targets().get(head);
        return target.level() == Level.GRAPH
                ? joinGraph(batch, List.of(target.column()), batch.graphs())
                : join(batch, List.of(target.column()), batch.atoms());
    }

    private static HostTensor join(Batch batch, List<Columns.Column> columns, int rows) {
        return join(columns, rows, column -> switch (column) {
            case Columns.ATOMIC_NUMBER ->
                Arrays.stream(batch.atomicNumbers()).asDoubleStream().toArray();
            case Columns.FORCES -> batch.forces();
            default -> values(batch.atomColumns().get(column));
        });
    }

    private static HostTensor joinGraph(Batch batch, List<Columns.Column> columns, int rows) {
        return join(
                columns,
                rows,
                column -> column.equals(Columns.ENERGY)
                        ? batch.energy()
                        : values(batch.graphColumns().get(column)));
    }

    private static double @Nullable [] values(Batch.@Nullable Column column) {
        return column == null ? null : column.values();
    }

    private interface Source {
        double @Nullable [] of(String column);
    }

    private static HostTensor join(List<Columns.Column> columns, int rows, Source source) {
        int width = columns.stream().mapToInt(Columns.Column::width).sum();
        double[] joined = new double[rows * width];
        int start = 0;
        for (Columns.Column column : columns) {
            double[] values = source.of(column.name());
            if (values == null) {
                throw new DataException("batch: want a column '" + column.name() + "', got none");
            }
            for (int row = 0; row < rows; row++) {
                System.arraycopy(values, row * column.width(), joined, row * width + start, column.width());
            }
            start += column.width();
        }
        return matrix(rows, width, joined);
    }

    /// The first atom of every graph, then the second of every graph, ...
    private static int[] bySlot(Batch batch, int slots) {
        int graphs = batch.graphs();
        if (batch.atoms() != graphs * slots) {
            throw new DataException("mlp_per_node: want graphs of " + slots + " atoms, got " + batch.atoms()
                    + " atoms in " + graphs + " graphs");
        }
        int[] order = new int[graphs * slots];
        for (int slot = 0; slot < slots; slot++) {
            for (int graph = 0; graph < graphs; graph++) {
                order[slot * graphs + graph] = graph * slots + slot;
            }
        }
        return order;
    }

    private static HostTensor ones(int rows) {
        double[] data = new double[rows];
        Arrays.fill(data, 1);
        return matrix(rows, 1, data);
    }

    private static HostTensor matrix(int rows, int width, double @Nullable [] data) {
        return new HostTensor(new int[] {rows, width}, Objects.requireNonNull(data));
    }
}
