package org.iolaus.data;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;
import org.iolaus.atoms.Structure;

/// One file of a shard set: the frames of some consecutive graphs as flat arrays, mapped when first asked for.
public final class ShardFile {
    public static final String POSITIONS = "atoms/pos";
    public static final String NUMBERS = "atoms/atomic_number";
    public static final String FORCES = "atoms/forces";
    public static final String DEGREE = "atoms/degree";
    public static final String NODE_PTR = "graphs/node_ptr";
    public static final String CELL = "graphs/cell";
    public static final String PERIODIC = "graphs/pbc";
    public static final String ENERGY = "graphs/energy";
    public static final String STRESS = "graphs/stress";
    public static final String ATOM_COLUMNS = "atoms/columns";
    /// The size of each graph by symbol, but for atoms, which [#NODE_PTR] tells.
    public static final String SIZES = "graphs/sizes";
    /// Left out where all are 0.
    public static final String DATASET = "graphs/dataset";
    public static final String GRAPH_COLUMNS = "graphs/columns";

    private static final String FORMAT = "iolaus shard";
    private static final ValueLayout.OfDouble DOUBLE =
            ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Path path;
    private final ShardIndex.Shard shard;
    private final boolean verify;
    private final Arena arena;
    private final Map<String, MemorySegment> mapped = new HashMap<>();

    /// @param set the set that it must belong to, as shard `number`
    /// @param verify whether the checksum of a dataset is checked when it is first asked for
    /// @param arena owns what is mapped
    public ShardFile(Path folder, ShardIndex.Shard shard, String set, int number, boolean verify, Arena arena) {
        this.path = folder.resolve(shard.file());
        this.shard = shard;
        this.verify = verify;
        this.arena = arena;
        try (Hdf5File file = open()) {
            ShardIndex.requireFormat(file, FORMAT);
            String foundSet = file.stringAttribute("", "set");
            long found = file.longAttribute("", "number");
            if (!foundSet.equals(set) || found != number) {
                throw new DataException(path + ", /: want shard " + number + " of set " + set + ", got shard " + found
                        + " of set " + foundSet);
            }
        }
    }

    public static String name(int number) {
        return "shard-%05d.h5".formatted(number);
    }

    /// What a file is written from, in eV and Å.
    ///
    /// @param degrees of each frame the number of neighbours of each atom
    /// @param sizes of each frame by symbol
    /// @param dataset number of the dataset that each frame comes from
    @SuppressWarnings("ArrayRecordComponent")
    public record Contents(
            List<Structure> frames, List<int[]> degrees, Map<String, int[]> sizes, int[] dataset, Columns columns) {}

    /// Writes frames. A quantity is stored if every frame has it.
    public static void write(Path file, String set, int number, Contents contents) {
        List<Structure> frames = contents.frames;
        long[] nodePtr = new long[frames.size() + 1];
        for (int f = 0; f < frames.size(); f++) {
            nodePtr[f + 1] = nodePtr[f] + frames.get(f).atoms();
        }
        int graphs = frames.size();
        int atoms = Math.toIntExact(nodePtr[graphs]);
        byte[] numbers = new byte[atoms];
        byte[] periodic = new byte[3 * graphs];
        int at = 0;
        for (int f = 0; f < graphs; f++) {
            Structure frame = frames.get(f);
            for (int z : frame.atomicNumbers()) {
                numbers[at++] = (byte) z;
            }
            for (int d = 0; d < 3; d++) {
                periodic[3 * f + d] = (byte) (frame.periodic()[d] ? 1 : 0);
            }
        }
        Hdf5Writer out = new Hdf5Writer(file);
        out.attribute("", "format", FORMAT)
                .attribute("", "version", ShardIndex.VERSION)
                .attribute("", "set", set)
                .attribute("", "number", number);
        out.bytes(NUMBERS, numbers);
        out.doubles(POSITIONS, joined(frames, Structure::positions), atoms, 3).attribute(POSITIONS, "units", "Å");
        out.ints(DEGREE, contents.degrees.stream().flatMapToInt(Arrays::stream).toArray());
        out.longs(NODE_PTR, nodePtr);
        contents.sizes.forEach((symbol, each) -> out.ints(SIZES + "/" + symbol, each));
        if (Arrays.stream(contents.dataset).anyMatch(dataset -> dataset > 0)) {
            out.ints(DATASET, contents.dataset);
        }
        double[] none = new double[9];
        out.doubles(CELL, joined(frames, f -> f.cell() == null ? none : f.cell()), graphs, 3, 3)
                .attribute(CELL, "units", "Å");
        out.bytes(PERIODIC, periodic, graphs, 3);
        if (all(frames, f -> f.energy() != null)) {
            out.doubles(ENERGY, joined(frames, f -> f.energy() == null ? none : new double[] {f.energy()}))
                    .attribute(ENERGY, "units", "eV");
        }
        if (all(frames, f -> f.forces() != null)) {
            out.doubles(FORCES, joined(frames, f -> f.forces() == null ? none : f.forces()), atoms, 3)
                    .attribute(FORCES, "units", "eV/Å");
        }
        if (all(frames, f -> f.stress() != null)) {
            out.doubles(STRESS, joined(frames, f -> f.stress() == null ? none : f.stress()), graphs, 3, 3)
                    .attribute(STRESS, "units", "eV/Å³");
        }
        contents.columns
                .atom()
                .forEach((name, width) -> out.doubles(
                        ATOM_COLUMNS + "/" + name,
                        joined(frames, f -> f.atomColumns().getOrDefault(name, none)),
                        atoms,
                        width));
        contents.columns
                .graph()
                .forEach((name, width) -> out.doubles(
                        GRAPH_COLUMNS + "/" + name,
                        joined(frames, f -> f.graphColumns().getOrDefault(name, none)),
                        graphs,
                        width));
        out.commit();
    }

    /// Further columns and their widths.
    public record Columns(Map<String, Integer> atom, Map<String, Integer> graph) {}

    private static boolean all(List<Structure> frames, Predicate<Structure> has) {
        return frames.stream().allMatch(has);
    }

    private static double[] joined(List<Structure> frames, Function<Structure, double[]> field) {
        return frames.stream().map(field).flatMapToDouble(Arrays::stream).toArray();
    }

    /// Where the atoms of a graph begin.
    ///
    /// @param graph its number in this file
    /// @param atoms how many it has
    public long firstAtom(int graph, int atoms) {
        MemorySegment starts = segment(NODE_PTR);
        long first = starts.getAtIndex(LONG, graph);
        long found = starts.getAtIndex(LONG, graph + 1L) - first;
        if (found != atoms) {
            throw new DataException(
                    path + ", " + NODE_PTR + ": want " + atoms + " atoms in graph " + graph + ", got " + found);
        }
        return first;
    }

    /// Copies `length` numbers beginning at element `from` of a dataset.
    public void doubles(String dataset, long from, double[] into, int at, int length) {
        MemorySegment.copy(segment(dataset), DOUBLE, from * Double.BYTES, into, at, length);
    }

    /// Copies `length` bytes likewise, widened.
    public void bytes(String dataset, long from, int[] into, int at, int length) {
        MemorySegment segment = segment(dataset);
        for (int i = 0; i < length; i++) {
            into[at + i] = segment.get(ValueLayout.JAVA_BYTE, from + i);
        }
    }

    /// Copies `length` 32-bit integers likewise.
    public void ints(String dataset, long from, int[] into, int at, int length) {
        MemorySegment.copy(segment(dataset), INT, from * Integer.BYTES, into, at, length);
    }

    private synchronized MemorySegment segment(String dataset) {
        MemorySegment known = mapped.get(dataset);
        if (known != null) {
            return known;
        }
        try (Hdf5File file = open()) {
            requireLength(file, dataset);
            MemorySegment segment = file.map(dataset, arena);
            if (verify) {
                file.verify(dataset, segment);
            }
            mapped.put(dataset, segment);
            return segment;
        }
    }

    /// Checks every dataset against its checksum, and their sizes against the index.
    void verifyAll() {
        try (Hdf5File file = open()) {
            for (String dataset : file.allDatasets()) {
                requireLength(file, dataset);
                file.verify(dataset);
            }
        }
    }

    /// The datasets of this file.
    List<String> datasets() {
        try (Hdf5File file = open()) {
            return file.allDatasets();
        }
    }

    private Hdf5File open() {
        requireSize(path, shard.bytes());
        return Hdf5File.open(path);
    }

    static void requireSize(Path path, long bytes) {
        long found = Files.isRegularFile(path) ? path.toFile().length() : -1;
        if (found != bytes) {
            throw new DataException(path + ": want a file of " + bytes + " bytes, got "
                    + (found < 0 ? "none" : found + " bytes" + (found < bytes ? ": it is truncated" : "")));
        }
    }

    private void requireLength(Hdf5File file, String dataset) {
        long want = dataset.startsWith("atoms/") ? shard.atoms() : shard.graphs();
        want += dataset.equals(NODE_PTR) ? 1 : 0;
        int[] shape = file.shape(dataset);
        long found = shape.length == 0 ? -1 : shape[0];
        if (found != want) {
            throw new DataException(path + ", " + dataset + ": want " + want + " rows, got " + found);
        }
    }
}
