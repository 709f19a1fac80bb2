package org.iolaus.data;

import java.util.ArrayList;
import java.util.Arrays;
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
/// @param compositions of each graph the count of each element
/// @param partial columns and quantities that some shards have and others lack
@SuppressWarnings("ArrayRecordComponent")
record SetFacts(
        List<ShardIndex.Shard> shards,
        ShardIndex.Content content,
        int[] atoms,
        int[] edges,
        int[] dataset,
        double @Nullable [] energy,
        List<Map<Integer, Integer>> compositions,
        SortedSet<String> partial) {

    static SetFacts of(List<Map<String, double[]>> shards, double cutoffAngstrom, @Nullable Integer maxNeighbours) {
        List<ShardIndex.Shard> list = new ArrayList<>();
        List<Map<Integer, Integer>> compositions = new ArrayList<>();
        int first = 0;
        for (Map<String, double[]> facts : shards) {
            double[] atoms = get(facts, "atoms");
            list.add(new ShardIndex.Shard(
                    ShardFile.name(list.size()), (long) get(facts, "bytes")[0], first, atoms.length, (long)
                            Arrays.stream(atoms).sum()));
            first += atoms.length;
            addCompositions(get(facts, "composition"), compositions);
        }
        SortedSet<String> partial = new TreeSet<>();
        boolean energy = shards.stream().allMatch(s -> s.containsKey("energy"));
        ShardIndex.Content content = new ShardIndex.Content(
                cutoffAngstrom,
                maxNeighbours,
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
                ints(shards, "dataset"),
                energy ? joined(shards, "energy") : null,
                compositions,
                partial);
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

    private static void addCompositions(double[] runs, List<Map<Integer, Integer>> into) {
        for (int at = 0; at < runs.length; ) {
            Map<Integer, Integer> counts = new TreeMap<>();
            int elements = (int) runs[at++];
            for (int e = 0; e < elements; e++, at += 2) {
                counts.put((int) runs[at], (int) runs[at + 1]);
            }
            into.add(counts);
        }
    }

    /// Statistics of the training frames: what the graphs alone tell, and what was collected over each shard's atoms.
    ///
    /// @param collected by shard, from [ShardStatistics]
    Statistics statistics(byte[] split, List<Map<String, double[]>> collected) {
        int[] train = IntStream.range(0, atoms.length)
                .filter(g -> split[g] == Split.TRAIN.code())
                .toArray();
        Map<Integer, Long> elementAtoms = new TreeMap<>();
        for (int g : train) {
            compositions.get(g).forEach((z, n) -> elementAtoms.merge(z, (long) n, Long::sum));
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
            (split[g] == Split.TRAIN.code() ? seen : unseen)
                    .addAll(compositions.get(g).keySet());
        }
        unseen.removeAll(seen);
        return unseen;
    }

    private double[] elementEnergies(int[] train, int[] elements) {
        if (energy == null) {
            return new double[elements.length];
        }
        Map<String, SpreadSum> byComposition = new TreeMap<>();
        Map<String, Map<Integer, Integer>> counts = new TreeMap<>();
        Map<String, Integer> frames = new TreeMap<>();
        for (int g : train) {
            String label = compositions.get(g).toString();
            byComposition.computeIfAbsent(label, _ -> new SpreadSum(1)).add(energy, g);
            counts.put(label, compositions.get(g));
            frames.merge(label, 1, Integer::sum);
        }
        ElementEnergies fit = new ElementEnergies(elements.length);
        byComposition.forEach((label, energies) -> {
            Map<Integer, Integer> composition = counts.getOrDefault(label, Map.of());
            double[] row = IntStream.of(elements)
                    .mapToDouble(z -> composition.getOrDefault(z, 0))
                    .toArray();
            fit.add(row, energies.spread().mean()[0], frames.getOrDefault(label, 0));
        });
        return fit.solve();
    }

    private double reference(int g, int[] elements, double[] elementEnergy) {
        double sum = 0;
        for (int e = 0; e < elements.length; e++) {
            sum += compositions.get(g).getOrDefault(elements[e], 0) * elementEnergy[e];
        }
        return sum;
    }
}
