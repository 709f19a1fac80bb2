package org.iolaus.data;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// What is known of every graph of a set without its frames: how large it is, and what it is for.
public final class GraphTable {
    /// Atoms.
    public static final String ATOMS = "N";

    /// Edges at the cutoff.
    public static final String EDGES = "E";

    /// Edges of a second neighbour list, for a global attention.
    public static final String ATTENTION_EDGES = "A";

    private final Map<String, Counts> counts;
    private final Counts[] all;
    private final Counts split;
    private final Counts dataset;
    private final int[] sizes = new int[Split.values().length];
    private final Map<Selection, GraphsByCost> byCost = new ConcurrentHashMap<>();

    /// Graphs of a split, without those that do not fit.
    private record Selection(Split split, @Nullable Batching fit) {}

    /// @param counts `(G)` the size of each graph by symbol
    /// @param split `(G)` what each graph is for, as [Split#code]
    /// @param dataset `(G)` number of the dataset that each graph comes from
    public GraphTable(Map<String, Counts> counts, Counts split, Counts dataset) {
        this.counts = Map.copyOf(counts);
        this.all = this.counts.values().toArray(new Counts[0]);
        this.split = split;
        this.dataset = dataset;
        for (int graph = 0; graph < split.length(); graph++) {
            sizes[split.get(graph)]++;
        }
    }

    /// The graphs of several tables, one after another.
    static GraphTable joined(List<GraphTable> parts) {
        if (parts.size() == 1) {
            return parts.getFirst();
        }
        Map<String, Counts> counts = new HashMap<>();
        for (String symbol : parts.getFirst().counts.keySet()) {
            counts.put(symbol, joined(parts, part -> part.counts(symbol)));
        }
        return new GraphTable(counts, joined(parts, GraphTable::split), joined(parts, GraphTable::dataset));
    }

    private static Counts joined(List<GraphTable> parts, Function<GraphTable, Counts> field) {
        return Counts.joined(parts.stream().map(field).toList());
    }

    static GraphTable read(Hdf5File file) {
        Map<String, Counts> counts = new HashMap<>();
        for (String symbol : file.datasets("graphs/sizes")) {
            counts.put(symbol, Counts.read(file, "graphs/sizes/" + symbol));
        }
        Counts split = Counts.read(file, "graphs/split");
        Counts dataset = file.datasets("graphs").contains("dataset")
                ? Counts.read(file, "graphs/dataset")
                : Counts.of(split.length(), _ -> 0);
        for (Counts each : counts.values()) {
            if (each.length() != split.length() || dataset.length() != split.length()) {
                throw new DataException(
                        file.name() + ", graphs: want " + split.length() + " values each, got " + each.length());
            }
        }
        if (split.max() >= Split.values().length) {
            throw new DataException(file.name() + ", graphs/split: want 0 to 3, got " + split.max());
        }
        return new GraphTable(counts, split, dataset);
    }

    /// Writes some graphs. Datasets are left out where all are 0.
    void write(Hdf5Writer out, int from, int to) {
        new TreeMap<>(counts).forEach((symbol, each) -> each.write(out, "graphs/sizes/" + symbol, from, to));
        split.write(out, "graphs/split", from, to);
        out.attribute("graphs/split", "values", "0 train, 1 validation, 2 test, 3 unused");
        if (dataset.max() > 0) {
            dataset.write(out, "graphs/dataset", from, to);
        }
    }

    /// Graphs of the set.
    public int size() {
        return split.length();
    }

    /// Graphs of a split.
    public int size(Split wanted) {
        return sizes[wanted.code()];
    }

    /// The graphs of a split, ascending.
    public int[] graphs(Split wanted) {
        return IntStream.range(0, size())
                .filter(graph -> split.get(graph) == wanted.code())
                .toArray();
    }

    /// The graphs of a split by what they cost; sorted once.
    ///
    /// @param fit what they must fit into; null: all of them
    GraphsByCost byCost(Split wanted, @Nullable Batching fit) {
        return byCost.computeIfAbsent(
                new Selection(wanted, fit),
                _ -> GraphsByCost.of(
                        this, graph -> split.get(graph) == wanted.code() && (fit == null || fit.fits(this, graph))));
    }

    /// The graphs of a batch that holds the costliest graph of a split: that, and the cheapest ones.
    ///
    /// @param most graphs
    public int[] largest(Split wanted, int most) {
        int[] sorted = byCost(wanted, null).graphs();
        int[] batch = Arrays.copyOf(sorted, Math.min(most, sorted.length));
        batch[batch.length - 1] = sorted[sorted.length - 1];
        return batch;
    }

    /// The sizes by symbol.
    public Map<String, Counts> counts() {
        return counts;
    }

    /// The size of each graph in one symbol.
    public Counts counts(String symbol) {
        return Objects.requireNonNull(counts.get(symbol), symbol);
    }

    public Counts split() {
        return split;
    }

    public Counts dataset() {
        return dataset;
    }

    /// What a graph costs in a step, roughly: the sum of its sizes.
    long cost(int graph) {
        long sum = 0;
        for (Counts each : all) {
            sum += each.get(graph);
        }
        return sum;
    }
}
