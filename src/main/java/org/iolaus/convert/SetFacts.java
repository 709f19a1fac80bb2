package org.iolaus.convert;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.iolaus.data.Counts;
import org.iolaus.data.DataException;
import org.iolaus.data.GraphTable;
import org.iolaus.data.Hdf5File;
import org.iolaus.data.Neighbours;
import org.iolaus.data.ShardFile;
import org.iolaus.data.ShardIndex;
import org.jspecify.annotations.Nullable;

/// What the shards of a set hold together. The shards themselves tell it: nothing is gathered from the ranks that
/// made them.
///
/// @param sizes `(G)` of each graph by symbol
/// @param dataset `(G)`
/// @param partial columns and quantities that some shards have and others lack
record SetFacts(
        List<ShardIndex.Shard> shards,
        ShardIndex.Content content,
        Map<String, Counts> sizes,
        Counts dataset,
        SortedSet<String> partial) {

    /// One shard.
    ///
    /// @param sizes `(graphs)` by symbol; likewise `dataset`
    /// @param quantities out of `energy`, `forces` and `stress`
    record Shard(
            long bytes,
            Map<String, Counts> sizes,
            Counts dataset,
            Set<String> quantities,
            Map<String, Integer> atomColumns,
            Map<String, Integer> graphColumns) {
        static Shard read(Path path) {
            try (Hdf5File file = Hdf5File.open(path)) {
                long[] start = file.longs(ShardFile.NODE_PTR);
                Map<String, Counts> sizes = new HashMap<>();
                sizes.put(GraphTable.ATOMS, Counts.of(start.length - 1, g -> (int) (start[g + 1] - start[g])));
                for (String symbol : file.datasets(ShardFile.SIZES)) {
                    sizes.put(symbol, Counts.read(file, ShardFile.SIZES + "/" + symbol));
                }
                Set<String> quantities = new HashSet<>();
                Map.of("energy", ShardFile.ENERGY, "forces", ShardFile.FORCES, "stress", ShardFile.STRESS)
                        .forEach((name, dataset) -> {
                            if (file.exists(dataset)) {
                                quantities.add(name);
                            }
                        });
                return new Shard(
                        path.toFile().length(),
                        sizes,
                        file.exists(ShardFile.DATASET)
                                ? Counts.read(file, ShardFile.DATASET)
                                : Counts.of(start.length - 1, _ -> 0),
                        quantities,
                        columns(file, ShardFile.ATOM_COLUMNS),
                        columns(file, ShardFile.GRAPH_COLUMNS));
            }
        }

        private static Map<String, Integer> columns(Hdf5File file, String group) {
            Map<String, Integer> widths = new TreeMap<>();
            if (file.exists(group)) {
                file.datasets(group).forEach(name -> widths.put(name, file.shape(group + "/" + name)[1]));
            }
            return widths;
        }
    }

    /// Reads them from all shards of a folder.
    static SetFacts read(Path folder, int shards, Neighbours neighbours, @Nullable Neighbours attention) {
        List<Shard> all = IntStream.range(0, shards)
                .parallel()
                .mapToObj(number -> Shard.read(folder.resolve(ShardFile.name(number))))
                .toList();
        return of(all, neighbours, attention);
    }

    static SetFacts of(List<Shard> shards, Neighbours neighbours, @Nullable Neighbours attention) {
        List<ShardIndex.Shard> list = new ArrayList<>();
        long first = 0;
        for (Shard shard : shards) {
            Counts atoms = shard.sizes.getOrDefault(GraphTable.ATOMS, Counts.of());
            list.add(new ShardIndex.Shard(
                    ShardFile.name(list.size()), shard.bytes, (int) first, atoms.length(), atoms.sum()));
            first += atoms.length();
            if (first > Integer.MAX_VALUE) {
                throw new DataException("want at most " + Integer.MAX_VALUE + " frames in one set, got more");
            }
        }
        SortedSet<String> partial = new TreeSet<>();
        ShardIndex.Content content = new ShardIndex.Content(
                neighbours.cutoffAngstrom(),
                neighbours.most(),
                attention,
                all(shards, "energy", partial),
                all(shards, "forces", partial),
                all(shards, "stress", partial),
                columns(shards, Shard::atomColumns, partial),
                columns(shards, Shard::graphColumns, partial));
        Map<String, Counts> sizes = new HashMap<>();
        for (String symbol : shards.getFirst().sizes.keySet()) {
            sizes.put(symbol, joined(shards, shard -> shard.sizes.get(symbol)));
        }
        return new SetFacts(list, content, sizes, joined(shards, Shard::dataset), partial);
    }

    private static Counts joined(List<Shard> shards, Function<Shard, @Nullable Counts> field) {
        List<Counts> parts = new ArrayList<>();
        for (Shard shard : shards) {
            Counts part = field.apply(shard);
            if (part == null) {
                throw new IllegalStateException("shards with different sizes");
            }
            parts.add(part);
        }
        return Counts.joined(parts);
    }

    private static boolean all(List<Shard> shards, String quantity, SortedSet<String> partial) {
        long with = shards.stream().filter(s -> s.quantities.contains(quantity)).count();
        if (with > 0 && with < shards.size()) {
            partial.add(quantity);
        }
        return with == shards.size();
    }

    private static Map<String, Integer> columns(
            List<Shard> shards, Function<Shard, Map<String, Integer>> field, SortedSet<String> partial) {
        Map<String, Integer> widths = new TreeMap<>();
        Map<String, Integer> count = new TreeMap<>();
        for (Shard shard : shards) {
            field.apply(shard).forEach((name, width) -> {
                count.merge(name, 1, Integer::sum);
                int expected = widths.computeIfAbsent(name, _ -> width);
                if (expected != width) {
                    throw new DataException(
                            "column " + name + ": want one width in all frames, got " + expected + " and " + width);
                }
            });
        }
        count.forEach((name, shardsWith) -> {
            if (shardsWith < shards.size()) {
                partial.add(name);
                widths.remove(name);
            }
        });
        return widths;
    }
}
