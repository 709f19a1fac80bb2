package org.iolaus.train.inputs;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.IntUnaryOperator;
import org.iolaus.data.Batch;
import org.iolaus.data.DataException;
import org.iolaus.data.GraphTable;
import org.iolaus.data.ShardIndex;
import org.iolaus.model.AllPairs;
import org.iolaus.model.Architecture.Level;
import org.iolaus.model.AttentionEdges;
import org.iolaus.model.Inputs;
import org.iolaus.model.Model;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Index;
import org.jspecify.annotations.Nullable;

/// Turns a batch of data into the inputs of a model's programs.
public final class BatchInputs {
    private static final int PADDING_ELEMENT = 1;

    /// Whole numbers that a float holds.
    private static final long RNG_KEY_BITS = (1 << 24) - 1;

    private final Model model;
    private final Columns columns;
    private final int ranks;
    private final PositionEncodings encodings;

    public BatchInputs(Model model, Columns columns, int ranks) {
        this.model = model;
        this.columns = columns;
        this.ranks = ranks;
        this.encodings = new PositionEncodings(model.encodings());
    }

    /// A batch's numbers and indices by input name.
    public record Bound(Map<String, HostTensor> floats, Map<String, Index> indices) {}

    /// Every input that the batch can give; programs take what they read.
    public Bound bind(Batch batch) {
        return bind(batch, exact(batch));
    }

    /// The sizes of a batch without padding.
    public PaddedSize exact(Batch batch) {
        Map<String, Integer> sizes = new HashMap<>();
        batch.lists().forEach((symbol, list) -> sizes.put(symbol, list.size()));
        int[] atoms = new int[batch.graphs()];
        Arrays.stream(batch.graphOfAtom()).forEach(graph -> atoms[graph]++);
        return exact(sizes, atoms);
    }

    /// The sizes of a batch with padding.
    public PaddedSize paddedSize(Batch batch) {
        return paddedSize(exact(batch));
    }

    /// The sizes of a batch of these graphs with padding. The index tells how much of each symbol they have.
    public PaddedSize paddedSize(ShardIndex index, int[] graphs) {
        Map<String, Integer> sizes = new HashMap<>();
        index.table()
                .counts()
                .forEach((symbol, counts) ->
                        sizes.put(symbol, Arrays.stream(graphs).map(counts::get).reduce(0, Math::addExact)));
        return paddedSize(
                exact(sizes, Arrays.stream(graphs).map(index.atoms()::get).toArray()));
    }

    /// The sizes of a batch with padding.
    public PaddedSize paddedSize(PaddedSize exact) {
        return PaddedSize.of(exact.values(), model.architecture().atomsPerGraph());
    }

    /// What the data count, but for pairs that the model makes itself.
    ///
    /// @param atoms of each graph
    private PaddedSize exact(Map<String, Integer> counted, int[] atoms) {
        Map<String, Integer> sizes = new HashMap<>(counted);
        sizes.put("G", atoms.length);
        sizes.put(GraphTable.ATOMS, Arrays.stream(atoms).sum());
        if (model.wantsAllPairs()) {
            sizes.put(
                    GraphTable.EDGES, Arrays.stream(atoms).map(n -> n * (n - 1)).sum());
        }
        AttentionEdges attention = model.attentionEdges();
        if (attention == null) {
            sizes.remove(GraphTable.ATTENTION_EDGES);
        } else if (!attention.listed()) {
            sizes.put(GraphTable.ATTENTION_EDGES, attention.count(atoms));
        }
        return new PaddedSize(sizes);
    }

    /// The edges of a global attention that has its own.
    private Batch.@Nullable Edges attentionEdges(Batch batch) {
        AttentionEdges wanted = model.attentionEdges();
        if (wanted == null) {
            return null;
        }
        if (wanted.listed()) {
            Batch.Edges listed = batch.lists().get(GraphTable.ATTENTION_EDGES);
            if (listed == null) {
                throw new DataException("batch: want a second neighbour list for the global attention, got none; set "
                        + "equiformer_edges to local where a file brings its edges");
            }
            return listed;
        }
        boolean periodic = Arrays.stream(batch.edgeShift()).anyMatch(shift -> shift != 0);
        if (wanted.refusesImages() && periodic) {
            throw new DataException(
                    "batch: want systems without periodic neighbours for equiformer_edges complete, got " + "some");
        }
        return batch(wanted.pairs(batch.graphOfAtom()));
    }

    private static Batch.Edges batch(AllPairs pairs) {
        return new Batch.Edges(pairs.source(), pairs.target(), new double[3 * pairs.source().length]);
    }

    /// The same, padded: graphs of atoms that lie at the origin, each with edges from its own periodic images,
    /// follow the batch's and weigh nothing.
    public Bound bind(Batch batch, PaddedSize bucket) {
        int n = bucket.atoms();
        int g = bucket.graphs();
        Map<String, HostTensor> floats = new HashMap<>();
        Map<String, Index> indices = new HashMap<>();
        floats.put(Inputs.X, features(batch, n));
        floats.put(Inputs.POSITIONS, matrix(n, 3, batch.positions()));
        floats.put(Inputs.ATOM_WEIGHT, ones(batch.atoms(), n));
        floats.put(Inputs.GRAPH_WEIGHT, ones(batch.graphs(), g));
        floats.put(Inputs.ATOMS_TOTAL, HostTensor.scalar((double) batch.globalAtoms()));
        floats.put(Inputs.GRAPHS_TOTAL, HostTensor.scalar((double) batch.globalGraphs()));
        floats.put(Inputs.RANKS, HostTensor.scalar(ranks));
        indices.put(
                Inputs.ATOMIC_NUMBER,
                new Index(padded(batch.atomicNumbers(), n, _ -> PADDING_ELEMENT), Inputs.ELEMENTS));
        floats.put(Inputs.RNG_KEY, HostTensor.of(new int[] {2}, (double) (batch.rngKey() & RNG_KEY_BITS), (double)
                (batch.rngKey() >>> 24 & RNG_KEY_BITS)));
        requireElements(batch);
        int atoms = n - batch.atoms();
        int graphs = g - batch.graphs();
        indices.put(
                Inputs.GRAPH,
                new Index(padded(batch.graphOfAtom(), n, i -> batch.graphs() + share(i, atoms, graphs)), g));
        edges(batch, bucket, floats, indices);
        if (model.encodings() > 0) {
            floats.put(Inputs.ENCODINGS, matrix(n, model.encodings(), encodings.of(batch, n)));
        }
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
            floats.put(
                    Inputs.target(i), target(batch, i, columns.targets().get(i).level() == Level.GRAPH ? g : n));
        }
        Integer atomsPerGraph = model.architecture().atomsPerGraph();
        if (atomsPerGraph != null) {
            indices.put(Inputs.NODES_BY_INDEX, new Index(byIndex(n, g, atomsPerGraph), n));
        }
        return new Bound(floats, indices);
    }

    private void requireElements(Batch batch) {
        int limit = model.elements();
        for (int number : batch.atomicNumbers()) {
            if (number >= limit) {
                throw new DataException(
                        "batch: want atomic numbers below equiformer_max_num_elements " + limit + ", got " + number);
            }
        }
    }

    /// The part, of `parts` nearly equal ones, that item `i` of `items` belongs to.
    private static int share(int i, int items, int parts) {
        return (int) ((long) i * parts / items);
    }

    private static int[] padded(int[] values, int length, IntUnaryOperator padding) {
        int[] result = Arrays.copyOf(values, length);
        for (int i = values.length; i < length; i++) {
            result[i] = padding.applyAsInt(i - values.length);
        }
        return result;
    }

    /// (N, F): the chosen components of the node features.
    private HostTensor features(Batch batch, int n) {
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

    /// Binds all lists of edges and other pairs.
    private void edges(Batch batch, PaddedSize size, Map<String, HostTensor> floats, Map<String, Index> indices) {
        Map<String, Batch.Edges> lists = new HashMap<>(batch.lists());
        if (model.wantsAllPairs()) {
            lists.put(GraphTable.EDGES, batch(AllPairs.of(batch.graphOfAtom())));
        }
        lists.remove(GraphTable.ATTENTION_EDGES);
        Batch.Edges attention = attentionEdges(batch);
        if (attention != null) {
            lists.put(GraphTable.ATTENTION_EDGES, attention);
        }
        PaddedSize exact = exact(batch);
        lists.forEach((symbol, list) -> {
            Batch.Edges padded = padded(list, exact.of(list.over()), size.of(list.over()), size.of(symbol));
            int range = size.of(list.over());
            indices.put(Inputs.source(symbol), new Index(padded.source(), range));
            indices.put(Inputs.target(symbol), new Index(padded.target(), range));
            if (list.over().equals(GraphTable.ATOMS)) { // also where a rank has no graph and so no edge
                floats.put(Inputs.shift(symbol), matrix(padded.size(), 3, padded.shift()));
            }
        });
    }

    /// Pairs of the padding's atoms (or edges) with themselves, from their own images, after the given ones.
    ///
    /// @param from number of the first atom of the padding
    /// @param to number of atoms, padding included
    private Batch.Edges padded(Batch.Edges given, int from, int to, int size) {
        int pairs = size - given.size();
        IntUnaryOperator own = i -> from + share(i, pairs, to - from);
        double[] shift = given.shift();
        if (given.over().equals(GraphTable.ATOMS)) {
            Double radius = model.architecture().radius();
            shift = Arrays.copyOf(shift, 3 * size);
            Arrays.fill(shift, given.shift().length, shift.length, radius == null ? 1 : radius / 3);
        }
        return new Batch.Edges(
                padded(given.source(), size, own), padded(given.target(), size, own), shift, given.over());
    }

    /// The target of a head: (N or G, width).
    public HostTensor target(Batch batch, int head) {
        boolean graph = columns.targets().get(head).level() == Level.GRAPH;
        return target(batch, head, graph ? batch.graphs() : batch.atoms());
    }

    private HostTensor target(Batch batch, int head, int rows) {
        Columns.Target target = columns.targets().get(head);
        return target.level() == Level.GRAPH
                ? joinGraph(batch, List.of(target.column()), rows)
                : join(batch, List.of(target.column()), rows);
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
            for (int row = 0; row < values.length / column.width(); row++) {
                System.arraycopy(values, row * column.width(), joined, row * width + start, column.width());
            }
            start += column.width();
        }
        return matrix(rows, width, joined);
    }

    /// The first atom of every graph, then the second of every graph, ...
    private static int[] byIndex(int atoms, int graphs, int atomsPerGraph) {
        if (atoms != graphs * atomsPerGraph) {
            throw new DataException("mlp_per_node: want graphs of " + atomsPerGraph + " atoms, got " + atoms
                    + " atoms in " + graphs + " graphs");
        }
        int[] order = new int[graphs * atomsPerGraph];
        for (int index = 0; index < atomsPerGraph; index++) {
            for (int graph = 0; graph < graphs; graph++) {
                order[index * graphs + graph] = graph * atomsPerGraph + index;
            }
        }
        return order;
    }

    private static HostTensor ones(int count, int rows) {
        double[] data = new double[rows];
        Arrays.fill(data, 0, count, 1);
        return matrix(rows, 1, data);
    }

    /// (rows, width): the data, then zeros.
    private static HostTensor matrix(int rows, int width, double @Nullable [] data) {
        double[] given = Objects.requireNonNull(data);
        double[] all = given.length == rows * width ? given : Arrays.copyOf(given, rows * width);
        return new HostTensor(new int[] {rows, width}, all);
    }
}
