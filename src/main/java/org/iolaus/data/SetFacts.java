package org.iolaus.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// What the shards of a set hold together, from what [ShardBuilder] told about each.
///
/// @param energy `(G)` eV; null unless all frames have it
/// @param composition `(G)` which of `compositions` each graph has
/// @param compositions the different ones: atoms by atomic number
/// @param partial columns and quantities that some shards have and others lack
@SuppressWarnings("ArrayRecordComponent")
record SetFacts(
        List<ShardIndex.Shard> shards,
        ShardIndex.Content content,
        int[] atoms,
        int[] edges,
        int[] attentionEdges,
        int[] dataset,
        double @Nullable [] energy,
        int[] composition,
        List<Map<Integer, Integer>> compositions,
        SortedSet<String> partial) {

    static SetFacts of(
            List<Map<String, double[]>> shards,
            double cutoffAngstrom,
            @Nullable Integer maxNeighbours,
            @Nullable Neighbours attention) {
        List<ShardIndex.Shard> list = new ArrayList<>();
        int first = 0;
        for (Map<String, double[]> facts : shards) {
            double[] atoms = get(facts, "atoms");
            list.add(new ShardIndex.Shard(
                    ShardFile.name(list.size()), (long) get(facts, "bytes")[0], first, atoms.length, (long)
                            Arrays.stream(atoms).sum()));
            first += atoms.length;
        }
        Map<Map<Integer, Integer>, Integer> compositions = new LinkedHashMap<>();
        int[] composition = compositions(joined(shards, "composition"), compositions);
        SortedSet<String> partial = new TreeSet<>();
        boolean energy = shards.stream().allMatch(s -> s.containsKey("energy"));
        ShardIndex.Content content = new ShardIndex.Content(
                cutoffAngstrom,
                maxNeighbours,
                attention,
                energy,
                all(shards, "forces", partial),
                all(shards, "stress", partial),
                columns(shards, "atom_column/", partial),
                columns(shards, "graph_column/", partial));
        if (!energy && shards.stream().anyMatch(s -> s.containsKey("energy"))) {
            partial.add("energy");
        }
        return new SetFacts(
                list,
                content,
                ints(shards, "atoms"),
                ints(shards, "edges"),
                attention == null ? new int[0] : ints(shards, "attention_edges"),
                ints(shards, "dataset"),
                energy ? joined(shards, "energy") : null,
                composition,
                List.copyOf(compositions.keySet()),
                partial);
    }

    GraphTable table(byte[] split) {
        Map<String, Counts> counts = new TreeMap<>();
        counts.put(GraphTable.ATOMS, Counts.of(atoms));
        counts.put(GraphTable.EDGES, Counts.of(edges));
        if (attentionEdges.length > 0) {
            counts.put(GraphTable.ATTENTION_EDGES, Counts.of(attentionEdges));
        }
        return new GraphTable(counts, Counts.of(split.length, g -> split[g]), Counts.of(dataset));
    }

    private static double[] get(Map<String, double[]> facts, String name) {
        double[] values = facts.get(name);
        if (values == null) {
            throw new IllegalStateException("a shard without " + name);
        }
        return values;
    }

    private static boolean all(List<Map<String, double[]>> shards, String quantity, SortedSet<String> partial) {
        long with =
                shards.stream().filter(s -> get(s, "has/" + quantity)[0] != 0).count();
        if (with > 0 && with < shards.size()) {
            partial.add(quantity);
        }
        return with == shards.size();
    }

    private static Map<String, Integer> columns(
            List<Map<String, double[]>> shards, String prefix, SortedSet<String> partial) {
        Map<String, Integer> widths = new TreeMap<>();
        Map<String, Integer> count = new TreeMap<>();
        for (Map<String, double[]> facts : shards) {
            facts.forEach((key, width) -> {
                if (key.startsWith(prefix)) {
                    String name = key.substring(prefix.length());
                    count.merge(name, 1, Integer::sum);
                    int expected = widths.computeIfAbsent(name, _ -> (int) width[0]);
                    if (expected != (int) width[0]) {
                        throw new DataException("column " + name + ": want one width in all frames, got " + expected
                                + " and " + (int) width[0]);
                    }
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

    private static double[] joined(List<Map<String, double[]>> shards, String name) {
        return shards.stream().flatMapToDouble(s -> Arrays.stream(get(s, name))).toArray();
    }

    private static int[] ints(List<Map<String, double[]>> shards, String name) {
        return Arrays.stream(joined(shards, name)).mapToInt(x -> (int) x).toArray();
    }

    /// Numbers the compositions of all graphs in the order in which they first occur.
    private static int[] compositions(double[] runs, Map<Map<Integer, Integer>, Integer> numbers) {
        IntStream.Builder numberOfGraph = IntStream.builder();
        for (int at = 0; at < runs.length; ) {
            Map<Integer, Integer> counts = new TreeMap<>();
            int elements = (int) runs[at++];
            for (int e = 0; e < elements; e++, at += 2) {
                counts.put((int) runs[at], (int) runs[at + 1]);
            }
            numberOfGraph.add(numbers.computeIfAbsent(counts, _ -> numbers.size()));
        }
        return numberOfGraph.build().toArray();
    }

    private Map<Integer, Integer> countsOf(int graph) {
        return compositions.get(composition[graph]);
    }

    /// Statistics of the training frames: what the graphs alone tell, and what was collected over each
    /// shard's atoms.
    ///
    /// @param collected by shard, from [ShardStatistics]
    Statistics statistics(byte[] split, List<Map<String, double[]>> collected) {
        int[] train = IntStream.range(0, atoms.length)
                .filter(g -> split[g] == Split.TRAIN.code())
                .toArray();
        Map<Integer, Long> elementAtoms = new TreeMap<>();
        for (int g : train) {
            countsOf(g).forEach((z, n) -> elementAtoms.merge(z, (long) n, Long::sum));
        }
        int[] elements =
                elementAtoms.keySet().stream().mapToInt(Integer::intValue).toArray();
        double[] elementEnergy = elementEnergies(train, elements);
        SpreadSum perAtom = new SpreadSum(1);
        for (int g : train) {
            if (energy != null) {
                perAtom.add(new double[] {(energy[g] - reference(g, elements, elementEnergy)) / atoms[g]}, 0);
            }
        }
        ShardStatistics sums = new ShardStatistics();
        collected.forEach(sums::add);
        Statistics.Spread energyPerAtom = perAtom.spread();
        return new Statistics(
                train.length,
                IntStream.of(train).mapToLong(g -> atoms[g]).sum(),
                IntStream.of(train).mapToLong(g -> edges[g]).sum(),
                elements,
                elementAtoms.values().stream().mapToLong(Long::longValue).toArray(),
                elementEnergy,
                energy == null ? Double.NaN : energyPerAtom.mean()[0],
                energy == null ? Double.NaN : energyPerAtom.std()[0],
                sums.forceRms(),
                sums.degree(),
                sums.spreads());
    }

    /// Elements of other frames that no training frame has.
    SortedSet<Integer> unseenElements(byte[] split) {
        SortedSet<Integer> seen = new TreeSet<>();
        SortedSet<Integer> unseen = new TreeSet<>();
        for (int g = 0; g < split.length; g++) {
            (split[g] == Split.TRAIN.code() ? seen : unseen).addAll(countsOf(g).keySet());
        }
        unseen.removeAll(seen);
        return unseen;
    }

    private double[] elementEnergies(int[] train, int[] elements) {
        if (energy == null) {
            return new double[elements.length];
        }
        SpreadSum[] energies = new SpreadSum[compositions.size()];
        Arrays.setAll(energies, _ -> new SpreadSum(1));
        long[] frames = new long[compositions.size()];
        for (int g : train) {
            energies[composition[g]].add(energy, g);
            frames[composition[g]]++;
        }
        ElementEnergies fit = new ElementEnergies(elements.length);
        for (int c = 0; c < frames.length; c++) {
            if (frames[c] > 0) {
                Map<Integer, Integer> counts = compositions.get(c);
                double[] row = IntStream.of(elements)
                        .mapToDouble(z -> counts.getOrDefault(z, 0))
                        .toArray();
                fit.add(row, energies[c].spread().mean()[0], frames[c]);
            }
        }
        return fit.solve();
    }

    private double reference(int g, int[] elements, double[] elementEnergy) {
        double sum = 0;
        for (int e = 0; e < elements.length; e++) {
            sum += countsOf(g).getOrDefault(elements[e], 0) * elementEnergy[e];
        }
        return sum;
    }
}
