package org.iolaus.data;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.iolaus.atoms.Edges;
import org.iolaus.atoms.NeighbourList;
import org.jspecify.annotations.Nullable;

/// The frames of a shard set, read graph by graph from mapped files: only what is asked for comes into memory.
///
/// Neighbour lists are not in the files. They are computed when a graph is read for the first time and kept, packed,
/// as long as there is room: a list costs less to compute than to read, and the files stay a third of the size.
public final class ShardSet implements AutoCloseable {
    /// Room for neighbour lists that suits most runs; never more than a quarter of the heap is taken.
    public static final long DEFAULT_CACHE_BYTES = 1L << 30;

    private final Path folder;
    private final ShardIndex index;
    private final boolean verify;
    private final Arena arena = Arena.ofShared();
    private final ShardFile[] files;
    private final EdgeCache neighbours;
    private final EdgeCache attention;

    private ShardSet(Path folder, ShardIndex index, boolean verify, long cacheBytes) {
        this.folder = folder;
        this.index = index;
        this.verify = verify;
        this.files = new ShardFile[index.shards().size()];
        boolean both = index.content().attention() != null;
        long room = Math.min(cacheBytes, Runtime.getRuntime().maxMemory() / 4);
        this.neighbours = new EdgeCache(both ? room / 2 : room);
        this.attention = new EdgeCache(room / 2);
    }

    /// Opens a set whose index was read by this or another rank. Its files are looked at when they are needed.
    ///
    /// @param verify whether each dataset's checksum is checked when this rank first needs it
    /// @param cacheBytes room for neighbour lists
    public static ShardSet open(Path folder, ShardIndex index, boolean verify, long cacheBytes) {
        return new ShardSet(folder, index, verify, cacheBytes);
    }

    /// Opens a set on a single rank, with checksums checked.
    public static ShardSet open(Path folder) {
        ShardIndex index = ShardIndex.read(folder);
        requireFiles(folder, index);
        return open(folder, index, true, DEFAULT_CACHE_BYTES);
    }

    /// Refuses a set whose files are not there in the right sizes.
    public static void requireFiles(Path folder, ShardIndex index) {
        for (ShardIndex.Shard shard : index.shards()) {
            ShardFile.requireSize(folder.resolve(shard.file()), shard.bytes());
        }
    }

    public ShardIndex index() {
        return index;
    }

    /// Reads what one rank takes in one micro-batch of one step of a plan.
    public Batch batch(EpochPlan plan, int step, int rank, int microBatch) {
        return batch(
                plan.graphs(step, rank, microBatch),
                plan.globalGraphs(step),
                plan.globalAtoms(step),
                plan.chance(step, rank, microBatch));
    }

    /// Reads some graphs.
    ///
    /// @param graphs their numbers
    /// @param globalGraphs graphs of the step over all ranks; likewise `globalAtoms`
    public Batch batch(int[] graphs, long globalGraphs, long globalAtoms) {
        return batch(graphs, globalGraphs, globalAtoms, 0);
    }

    private Batch batch(int[] graphs, long globalGraphs, long globalAtoms, long rngKey) {
        int g = graphs.length;
        int[] atomStart = new int[g + 1];
        for (int i = 0; i < g; i++) {
            Objects.checkIndex(graphs[i], index.graphs());
            atomStart[i + 1] = Math.addExact(atomStart[i], index.atoms().get(graphs[i]));
        }
        int n = atomStart[g];
        int[] atomicNumbers = new int[n];
        int[] graphOfAtom = new int[n];
        int[] dataset = new int[g];
        int[] periodic = new int[3 * g];
        for (int i = 0; i < g; i++) {
            ShardFile file = file(graphs[i]);
            int atoms = atomStart[i + 1] - atomStart[i];
            file.bytes(ShardFile.NUMBERS, firstAtom(graphs[i]), atomicNumbers, atomStart[i], atoms);
            file.bytes(ShardFile.PERIODIC, 3L * local(graphs[i]), periodic, 3 * i, 3);
            Arrays.fill(graphOfAtom, atomStart[i], atomStart[i + 1], i);
            dataset[i] = index.table().dataset().get(graphs[i]);
        }
        double[] positions = overAtoms(ShardFile.POSITIONS, 3, graphs, atomStart);
        double[] cell = overGraphs(ShardFile.CELL, 9, graphs);

        ShardIndex.Content content = index.content();
        Places places = new Places(graphs, atomStart, positions, cell, periodic);
        Neighbours first = new Neighbours(content.cutoffAngstrom(), content.maxNeighbours());
        Map<String, Batch.Edges> lists = new HashMap<>();
        lists.put(GraphTable.EDGES, edges(neighbours, first, places));
        if (content.attention() != null) {
            lists.put(GraphTable.ATTENTION_EDGES, edges(attention, content.attention(), places));
        }
        Map<String, Batch.Column> atomColumns = new LinkedHashMap<>();
        content.atomColumns().forEach((name, width) -> {
            double[] values = overAtoms(ShardFile.ATOM_COLUMNS + "/" + name, width, graphs, atomStart);
            atomColumns.put(name, new Batch.Column(values, width));
        });
        Map<String, Batch.Column> graphColumns = new LinkedHashMap<>();
        content.graphColumns().forEach((name, width) -> {
            double[] values = overGraphs(ShardFile.GRAPH_COLUMNS + "/" + name, width, graphs);
            graphColumns.put(name, new Batch.Column(values, width));
        });
        return new Batch(
                graphs.clone(),
                atomicNumbers,
                graphOfAtom,
                positions,
                lists,
                cell,
                dataset,
                content.energy() ? overGraphs(ShardFile.ENERGY, 1, graphs) : null,
                content.forces() ? overAtoms(ShardFile.FORCES, 3, graphs, atomStart) : null,
                content.stress() ? overGraphs(ShardFile.STRESS, 9, graphs) : null,
                atomColumns,
                graphColumns,
                globalGraphs,
                globalAtoms,
                rngKey);
    }

    /// Checks every byte of every `stride`-th shard of a set, beginning with shard `first`.
    ///
    /// @return what is wrong, one message per shard at most
    public static List<String> damages(Path folder, ShardIndex index, int first, int stride) {
        List<String> damages = new ArrayList<>();
        for (int s = first; s < index.shards().size(); s += stride) {
            try (Arena arena = Arena.ofConfined()) {
                new ShardFile(folder, index.shards().get(s), index.set(), s, false, arena).verifyAll();
            } catch (DataException e) {
                damages.add(String.valueOf(e.getMessage()));
            }
        }
        return damages;
    }

    /// Unmaps the files. No other thread may be reading.
    @Override
    public void close() {
        arena.close();
    }

    /// Where the atoms of a batch are.
    ///
    /// @param periodic `(G, 3)` 0 or 1
    @SuppressWarnings("ArrayRecordComponent")
    private record Places(int[] graphs, int[] atomStart, double[] positions, double[] cell, int[] periodic) {}

    /// One neighbour list of a batch.
    private Batch.Edges edges(EdgeCache cache, Neighbours wanted, Places at) {
        int g = at.graphs.length;
        EdgeCache.Packed[] lists = new EdgeCache.Packed[g];
        int e = 0;
        for (int i = 0; i < g; i++) {
            int graph = i;
            int atoms = at.atomStart[i + 1] - at.atomStart[i];
            lists[i] = cache.get(at.graphs[i], atoms, () -> edges(wanted, at, graph));
            e = Math.addExact(e, lists[i].size());
        }
        Batch.Edges edges = new Batch.Edges(new int[e], new int[e], new double[3 * e]);
        int edge = 0;
        for (int i = 0; i < g; i++) {
            lists[i].unpack(at.atomStart[i], edge, at.cell, i, edges.source(), edges.target(), edges.shift());
            edge += lists[i].size();
        }
        return edges;
    }

    private Edges edges(Neighbours wanted, Places at, int i) {
        int[] flags = at.periodic;
        return edges(
                index.name() + ", graph " + at.graphs[i],
                Arrays.copyOfRange(at.positions, 3 * at.atomStart[i], 3 * at.atomStart[i + 1]),
                Arrays.copyOfRange(at.cell, 9 * i, 9 * i + 9),
                new boolean[] {flags[3 * i] != 0, flags[3 * i + 1] != 0, flags[3 * i + 2] != 0},
                wanted.cutoffAngstrom(),
                wanted.limit());
    }

    /// The neighbour list of a frame; what is wrong with it is said with its name.
    public static Edges edges(
            String where, double[] positions, double @Nullable [] cell, boolean[] periodic, double cutoff, int most) {
        try {
            return NeighbourList.build(positions, cell, periodic, cutoff, most);
        } catch (IllegalArgumentException e) {
            throw new DataException(where + ", " + e.getMessage(), e);
        }
    }

    private double[] overAtoms(String dataset, int width, int[] graphs, int[] atomStart) {
        double[] values = new double[Math.multiplyExact(atomStart[graphs.length], width)];
        for (int i = 0; i < graphs.length; i++) {
            int length = (atomStart[i + 1] - atomStart[i]) * width;
            file(graphs[i]).doubles(dataset, firstAtom(graphs[i]) * width, values, atomStart[i] * width, length);
        }
        return values;
    }

    private double[] overGraphs(String dataset, int width, int[] graphs) {
        double[] values = new double[graphs.length * width];
        for (int i = 0; i < graphs.length; i++) {
            file(graphs[i]).doubles(dataset, (long) local(graphs[i]) * width, values, i * width, width);
        }
        return values;
    }

    private long firstAtom(int graph) {
        return file(graph).firstAtom(local(graph), index.atoms().get(graph));
    }

    private int local(int graph) {
        return graph - index.shards().get(index.shardOf(graph)).firstGraph();
    }

    private ShardFile file(int graph) {
        int shard = index.shardOf(graph);
        synchronized (files) {
            ShardFile known = files[shard];
            if (known == null) {
                known = new ShardFile(folder, index.shards().get(shard), index.set(), shard, verify, arena);
                files[shard] = known;
            }
            return known;
        }
    }
}
