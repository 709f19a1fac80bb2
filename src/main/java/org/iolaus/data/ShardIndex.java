package org.iolaus.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// What a shard set holds, without its frames: the file `index.h5` and, for graphs beyond [#GRAPHS_PER_FILE], others
/// beside it. Rank zero reads each and sends its bytes to the others. Graphs are numbered through all shards in the
/// order of the source files.
///
/// @param name the folder, for messages
/// @param set identifies the set; each of its shards carries it too
public record ShardIndex(
        String name,
        String set,
        Content content,
        List<Shard> shards,
        GraphTable table,
        Statistics statistics,
        Provenance provenance) {
    /// The name of the index within the folder of a set.
    public static final String FILE = "index.h5";

    static final String FORMAT = "iolaus shards";
    static final long VERSION = 2;

    /// Graphs of one file of the index: so many take less than 300 MB.
    private static final int GRAPHS_PER_FILE = 1 << 24;

    /// What is known about every graph of the set, in eV and Å.
    ///
    /// @param cutoffAngstrom of the neighbour lists
    /// @param maxNeighbours per atom; null: all
    /// @param attention a second neighbour list, for a global attention; null without
    /// @param atomColumns further columns per atom and their widths
    /// @param graphColumns further values per graph and their widths
    public record Content(
            double cutoffAngstrom,
            @Nullable Integer maxNeighbours,
            @Nullable Neighbours attention,
            boolean energy,
            boolean forces,
            boolean stress,
            Map<String, Integer> atomColumns,
            Map<String, Integer> graphColumns) {}

    /// One file of the set.
    ///
    /// @param bytes size of the file
    /// @param firstGraph number of its first graph
    public record Shard(String file, long bytes, int firstGraph, int graphs, long atoms) {}

    /// Where a set comes from.
    ///
    /// @param program name and version of what made it
    /// @param date when, ISO 8601
    /// @param options how
    public record Provenance(String program, String date, String options, List<Source> sources) {}

    /// A file that a set was made from.
    ///
    /// @param crc32c CRC-32C of its bytes
    public record Source(String file, long bytes, long crc32c, int frames) {}

    /// Graphs of the set.
    public int graphs() {
        return table.size();
    }

    /// Atoms of each graph.
    public Counts atoms() {
        return table.counts(GraphTable.ATOMS);
    }

    /// Edges of each graph at the cutoff.
    public Counts edges() {
        return table.counts(GraphTable.EDGES);
    }

    /// Refuses a set without training frames, such as a published test split.
    ///
    /// @return this
    public ShardIndex requireTrainingFrames() {
        if (table.size(Split.TRAIN) == 0) {
            throw new DataException(name + ": want training frames, got none of " + graphs()
                    + ": models can be evaluated on this set, but not trained");
        }
        return this;
    }

    /// Refuses a set made for other neighbour lists than the model wants: its statistics would not fit.
    ///
    /// @param attention of the second list; null if none is needed
    public void requireNeighbours(
            double cutoffAngstrom, @Nullable Integer maxNeighbours, @Nullable Neighbours attention) {
        if (content.cutoffAngstrom != cutoffAngstrom) {
            throw new DataException(name + ": want neighbour lists of " + cutoffAngstrom + " Å, got "
                    + content.cutoffAngstrom + " Å: convert the data again");
        }
        if (!Objects.equals(content.maxNeighbours, maxNeighbours)) {
            throw new DataException(name + ": want at most " + maxNeighbours + " neighbours, got "
                    + content.maxNeighbours + ": convert the data again");
        }
        if (attention != null && !attention.equals(content.attention)) {
            throw new DataException(name + ": want a second list of " + attention + " for the global attention, got "
                    + (content.attention == null ? "none" : content.attention) + ": convert the data again");
        }
    }

    /// The index of a set.
    public static ShardIndex read(Path folder) {
        return read(folder, file -> bytes(folder, file));
    }

    /// The bytes of one file of the index.
    public static byte[] bytes(Path folder, int file) {
        try {
            return Files.readAllBytes(folder.resolve(file(file)));
        } catch (NoSuchFileException e) {
            throw new DataException(
                    folder + ": want a folder of shards with its " + file(file)
                            + ", got none; iolaus convert makes one",
                    e);
        } catch (IOException e) {
            throw new DataException(folder.resolve(file(file)) + ": cannot be read: " + e.getMessage(), e);
        }
    }

    private static String file(int number) {
        return number == 0 ? FILE : "index-%05d.h5".formatted(number);
    }

    /// The index in the bytes of its files; all checksums are checked.
    ///
    /// @param folder for messages
    /// @param bytes gives the bytes of each file, by number from 0 on, as [#bytes] does
    public static ShardIndex read(Path folder, IntFunction<byte[]> bytes) {
        try (Hdf5File file = open(folder, bytes, 0)) {
            List<Shard> shards = shards(file);
            int graphs = 0;
            for (Shard shard : shards) {
                graphs = Math.addExact(graphs, shard.graphs);
            }
            String set = file.stringAttribute("", "set");
            List<GraphTable> parts = new ArrayList<>(List.of(GraphTable.read(file)));
            for (int number = 1; parts.stream().mapToInt(GraphTable::size).sum() < graphs; number++) {
                try (Hdf5File next = open(folder, bytes, number)) {
                    if (!next.stringAttribute("", "set").equals(set)) {
                        throw new DataException(next.name() + ": want set " + set + " as in " + FILE + ", got "
                                + next.stringAttribute("", "set"));
                    }
                    parts.add(GraphTable.read(next));
                }
            }
            ShardIndex index = new ShardIndex(
                    folder.toString(),
                    set,
                    content(file),
                    shards,
                    GraphTable.joined(parts),
                    Statistics.read(file, "statistics"),
                    provenance(file));
            index.check(file.name());
            return index;
        }
    }

    private static Hdf5File open(Path folder, IntFunction<byte[]> bytes, int number) {
        Hdf5File file =
                Hdf5File.of(bytes.apply(number), folder.resolve(file(number)).toString());
        requireFormat(file, FORMAT);
        long found = file.longAttribute("", "number");
        if (found != number) {
            throw new DataException(file.name() + ", /: want file " + number + " of an index, got " + found);
        }
        file.allDatasets().forEach(file::verify);
        return file;
    }

    static void requireFormat(Hdf5File file, String format) {
        String found = file.hasAttribute("", "format") ? file.stringAttribute("", "format") : "another kind of file";
        if (!found.equals(format)) {
            throw new DataException(file.name() + ", /: want format '" + format + "', got " + found);
        }
        long version = file.longAttribute("", "version");
        if (version != VERSION) {
            throw new DataException(file.name() + ", /: want version " + VERSION + ", got " + version
                    + ": convert the data again with this program");
        }
    }

    private void check(String file) {
        int graphs = 0;
        for (Shard shard : shards) {
            if (shard.firstGraph != graphs) {
                throw new DataException(file + ", shards: want consecutive graphs, got a gap before " + shard.file);
            }
            graphs += shard.graphs;
            long counted = 0;
            for (int g = shard.firstGraph; g < Math.min(graphs, atoms().length()); g++) {
                counted += atoms().get(g);
            }
            if (counted != shard.atoms) {
                throw new DataException(
                        file + ", graphs/atoms: want " + shard.atoms + " in " + shard.file + ", got " + counted);
            }
        }
        if (table.size() != graphs) {
            throw new DataException(file + ", graphs: want " + graphs + " values each, got " + table.size());
        }
    }

    /// The same with other statistics.
    public ShardIndex with(Statistics other) {
        return new ShardIndex(name, set, content, shards, table, other, provenance);
    }

    /// Writes the files of the index.
    public void write(Path folder) {
        write(folder, GRAPHS_PER_FILE);
    }

    void write(Path folder, int graphsPerFile) {
        for (int from = graphsPerFile; from < graphs(); from += graphsPerFile) {
            Hdf5Writer part = begin(folder, from / graphsPerFile);
            table.write(part, from, Math.min(graphs(), from + graphsPerFile));
            part.commit();
        }
        Hdf5Writer out = begin(folder, 0);
        table.write(out, 0, Math.min(graphs(), graphsPerFile));
        out.group("content")
                .attribute("content", "cutoff", content.cutoffAngstrom)
                .attribute("content", "max_neighbours", content.maxNeighbours == null ? -1L : content.maxNeighbours)
                .attribute("content", "energy", content.energy ? 1L : 0L)
                .attribute("content", "forces", content.forces ? 1L : 0L)
                .attribute("content", "stress", content.stress ? 1L : 0L)
                .attribute("content", "units", "eV, Å, eV/Å, eV/Å³");
        if (content.attention != null) {
            Integer most = content.attention.most();
            out.attribute("content", "attention_cutoff", content.attention.cutoffAngstrom())
                    .attribute("content", "attention_max_neighbours", most == null ? -1L : most);
        }
        writeColumns(out, "content/atom_columns", content.atomColumns);
        writeColumns(out, "content/graph_columns", content.graphColumns);
        out.strings("shards/file", shards.stream().map(Shard::file).toList())
                .longs("shards/bytes", shards.stream().mapToLong(Shard::bytes).toArray())
                .ints("shards/graphs", shards.stream().mapToInt(Shard::graphs).toArray())
                .longs("shards/atoms", shards.stream().mapToLong(Shard::atoms).toArray());
        statistics.write(out, "statistics");
        List<Source> sources = provenance.sources;
        out.string("provenance/program", provenance.program)
                .string("provenance/date", provenance.date)
                .string("provenance/options", provenance.options)
                .strings("provenance/file", sources.stream().map(Source::file).toList())
                .longs(
                        "provenance/bytes",
                        sources.stream().mapToLong(Source::bytes).toArray())
                .longs(
                        "provenance/crc32c",
                        sources.stream().mapToLong(Source::crc32c).toArray())
                .ints(
                        "provenance/frames",
                        sources.stream().mapToInt(Source::frames).toArray());
        out.commit();
    }

    private Hdf5Writer begin(Path folder, int number) {
        return new Hdf5Writer(folder.resolve(file(number)))
                .attribute("", "format", FORMAT)
                .attribute("", "version", VERSION)
                .attribute("", "set", set)
                .attribute("", "number", number);
    }

    private static void writeColumns(Hdf5Writer out, String group, Map<String, Integer> columns) {
        out.strings(group + "/name", List.copyOf(columns.keySet()))
                .ints(
                        group + "/width",
                        columns.values().stream().mapToInt(w -> w).toArray());
    }

    private static Map<String, Integer> columns(Hdf5File file, String group) {
        List<String> names = file.strings(group + "/name");
        int[] widths = file.ints(group + "/width");
        Map<String, Integer> columns = new LinkedHashMap<>();
        for (int i = 0; i < names.size(); i++) {
            columns.put(names.get(i), widths[i]);
        }
        return columns;
    }

    private static Content content(Hdf5File file) {
        long most = file.longAttribute("content", "max_neighbours");
        return new Content(
                file.doubleAttribute("content", "cutoff"),
                most < 0 ? null : (int) most,
                attention(file),
                file.longAttribute("content", "energy") != 0,
                file.longAttribute("content", "forces") != 0,
                file.longAttribute("content", "stress") != 0,
                columns(file, "content/atom_columns"),
                columns(file, "content/graph_columns"));
    }

    private static @Nullable Neighbours attention(Hdf5File file) {
        if (!file.hasAttribute("content", "attention_cutoff")) {
            return null;
        }
        long most = file.longAttribute("content", "attention_max_neighbours");
        return new Neighbours(file.doubleAttribute("content", "attention_cutoff"), most < 0 ? null : (int) most);
    }

    private static List<Shard> shards(Hdf5File file) {
        List<String> files = file.strings("shards/file");
        long[] bytes = file.longs("shards/bytes");
        int[] graphs = file.ints("shards/graphs");
        long[] atoms = file.longs("shards/atoms");
        List<Shard> shards = new ArrayList<>();
        int first = 0;
        for (int s = 0; s < files.size(); s++) {
            shards.add(new Shard(files.get(s), bytes[s], first, graphs[s], atoms[s]));
            first += graphs[s];
        }
        return shards;
    }

    private static Provenance provenance(Hdf5File file) {
        List<String> files = file.strings("provenance/file");
        long[] bytes = file.longs("provenance/bytes");
        long[] crc = file.longs("provenance/crc32c");
        int[] frames = file.ints("provenance/frames");
        List<Source> sources = IntStream.range(0, files.size())
                .mapToObj(i -> new Source(files.get(i), bytes[i], crc[i], frames[i]))
                .toList();
        return new Provenance(
                file.string("provenance/program"),
                file.string("provenance/date"),
                file.string("provenance/options"),
                sources);
    }

    /// The number of the shard that holds a graph.
    int shardOf(int graph) {
        int low = 0;
        int high = shards.size() - 1;
        while (low < high) {
            int middle = (low + high + 1) >>> 1;
            if (shards.get(middle).firstGraph <= graph) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low;
    }
}
