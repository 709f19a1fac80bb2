package org.iolaus.convert;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.iolaus.data.GraphTable;
import org.iolaus.data.ShardFile;
import org.iolaus.data.ShardIndex;
import org.iolaus.data.Split;
import org.iolaus.data.Statistics;

/// Sums over training frames. Those of a shard are collected where the shard is, and put together in the order of
/// the shards, so that the result does not depend on who did which.
final class ShardStatistics {
    /// More than the largest atomic number.
    static final int ELEMENTS = 1 << 7;

    private static final String ENERGY_PER_ATOM = "energy per atom";

    /// Atoms of the training frames by atomic number, and of other frames.
    final long[] seen = new long[ELEMENTS];

    final long[] elsewhere = new long[ELEMENTS];

    /// How many atoms of the training frames have k neighbours, by k.
    long[] degree = new long[0];

    /// Spread of each dataset.
    final Map<String, SpreadSum> columns = new LinkedHashMap<>();

    /// Spread of the energies of each composition.
    final Map<Composition, SpreadSum> energies = new LinkedHashMap<>();

    private interface Visitor {
        /// @param graph its number in the shard
        /// @param first the number of its first atom there
        void frame(int graph, int atoms, long first);
    }

    /// Goes through the frames of one shard.
    private static void forEach(ShardIndex index, int number, boolean training, Visitor visitor) {
        ShardIndex.Shard shard = index.shards().get(number);
        long first = 0;
        for (int g = 0; g < shard.graphs(); g++) {
            int graph = shard.firstGraph() + g;
            int atoms = index.atoms().get(graph);
            if ((index.table().split().get(graph) == Split.TRAIN.code()) == training) {
                visitor.frame(g, atoms, first);
            }
            first += atoms;
        }
    }

    /// What the frames of one shard amount to.
    static ShardStatistics of(ShardFile file, ShardIndex index, int number) {
        ShardStatistics sums = new ShardStatistics();
        ShardIndex.Content content = index.content();
        Map<String, Integer> ofGraphs = new LinkedHashMap<>();
        Map<String, Integer> ofAtoms = new LinkedHashMap<>();
        if (content.energy()) {
            ofGraphs.put(ShardFile.ENERGY, 1);
        }
        if (content.stress()) {
            ofGraphs.put(ShardFile.STRESS, 9);
        }
        if (content.forces()) {
            ofAtoms.put(ShardFile.FORCES, 3);
        }
        content.atomColumns().forEach((name, width) -> ofAtoms.put(ShardFile.ATOM_COLUMNS + "/" + name, width));
        content.graphColumns().forEach((name, width) -> ofGraphs.put(ShardFile.GRAPH_COLUMNS + "/" + name, width));
        ofGraphs.forEach((dataset, width) ->
                forEach(index, number, true, (graph, _, _) -> sums.add(file, dataset, width, (long) graph * width, 1)));
        ofAtoms.forEach((dataset, width) -> forEach(
                index, number, true, (_, atoms, first) -> sums.add(file, dataset, width, first * width, atoms)));
        forEach(index, number, true, (graph, atoms, first) -> {
            int[] numbers = numbers(file, atoms, first);
            count(numbers, sums.seen);
            if (content.energy()) {
                sums.energies
                        .computeIfAbsent(Composition.of(numbers), _ -> new SpreadSum(1))
                        .add(energy(file, graph), 0);
            }
            int[] neighbours = new int[atoms];
            file.ints(ShardFile.DEGREE, first, neighbours, 0, atoms);
            int most = Arrays.stream(neighbours).max().orElse(0);
            sums.degree = Arrays.copyOf(sums.degree, Math.max(sums.degree.length, most + 1));
            count(neighbours, sums.degree);
        });
        forEach(index, number, false, (_, atoms, first) -> count(numbers(file, atoms, first), sums.elsewhere));
        return sums;
    }

    /// The spread of the energies of one shard's training frames less the elements' shares, per atom.
    ///
    /// @param elementEnergies by atomic number, eV
    static ShardStatistics energyPerAtom(ShardFile file, ShardIndex index, int number, double[] elementEnergies) {
        ShardStatistics sums = new ShardStatistics();
        SpreadSum spread = new SpreadSum(1);
        forEach(index, number, true, (graph, atoms, first) -> {
            double reference = Composition.of(numbers(file, atoms, first)).sum(elementEnergies);
            spread.add(new double[] {(energy(file, graph)[0] - reference) / atoms}, 0);
        });
        sums.columns.put(ENERGY_PER_ATOM, spread);
        return sums;
    }

    /// Elements that no training frame has, but others do.
    List<Integer> unseen() {
        return IntStream.range(0, ELEMENTS)
                .filter(z -> seen[z] == 0 && elsewhere[z] > 0)
                .boxed()
                .toList();
    }

    /// What the sums over all shards tell.
    ///
    /// @param elementEnergies by atomic number, eV
    Statistics statistics(ShardIndex index, double[] elementEnergies) {
        GraphTable table = index.table();
        long[] totals = new long[2];
        for (int graph = 0; graph < index.graphs(); graph++) {
            if (table.split().get(graph) == Split.TRAIN.code()) {
                totals[0] += index.atoms().get(graph);
                totals[1] += index.edges().get(graph);
            }
        }
        int[] elements = IntStream.range(0, ELEMENTS).filter(z -> seen[z] > 0).toArray();
        Map<String, Statistics.Spread> spreads = new LinkedHashMap<>();
        columns.forEach((name, sum) -> spreads.put(name, sum.spread()));
        Statistics.Spread perAtom = spreads.remove(ENERGY_PER_ATOM);
        SpreadSum forces = columns.get(ShardFile.FORCES);
        return new Statistics(
                table.size(Split.TRAIN),
                totals[0],
                totals[1],
                elements,
                Arrays.stream(elements).mapToLong(z -> seen[z]).toArray(),
                Arrays.stream(elements).mapToDouble(z -> elementEnergies[z]).toArray(),
                perAtom == null ? Double.NaN : perAtom.mean()[0],
                perAtom == null ? Double.NaN : perAtom.std()[0],
                forces == null ? Double.NaN : forces.rms(),
                degree,
                spreads);
    }

    private static int[] numbers(ShardFile file, int atoms, long first) {
        int[] numbers = new int[atoms];
        file.bytes(ShardFile.NUMBERS, first, numbers, 0, atoms);
        return numbers;
    }

    private static double[] energy(ShardFile file, int graph) {
        double[] energy = new double[1];
        file.doubles(ShardFile.ENERGY, graph, energy, 0, 1);
        return energy;
    }

    private static void count(int[] values, long[] histogram) {
        for (int value : values) {
            histogram[value]++;
        }
    }

    private void add(ShardFile file, String dataset, int width, long from, int rows) {
        SpreadSum sum = columns.computeIfAbsent(dataset, _ -> new SpreadSum(width));
        double[] values = new double[rows * width];
        file.doubles(dataset, from, values, 0, values.length);
        for (int row = 0; row < rows; row++) {
            sum.add(values, row * width);
        }
    }

    /// Adds what was collected over another shard, but for the energies of compositions.
    void add(ShardStatistics other) {
        add(seen, other.seen);
        add(elsewhere, other.elsewhere);
        degree = Arrays.copyOf(degree, Math.max(degree.length, other.degree.length));
        add(degree, other.degree);
        other.columns.forEach((name, sum) -> columns.merge(name, sum, SpreadSum::plus));
    }

    private static void add(long[] into, long[] values) {
        for (int i = 0; i < values.length; i++) {
            into[i] += values[i];
        }
    }

    /// For [#of(byte[])] on another rank.
    byte[] toBytes() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            for (long[] values : new long[][] {seen, elsewhere, degree}) {
                out.writeInt(values.length);
                for (long value : values) {
                    out.writeLong(value);
                }
            }
            out.writeInt(columns.size());
            for (Map.Entry<String, SpreadSum> column : columns.entrySet()) {
                out.writeUTF(column.getKey());
                column.getValue().write(out);
            }
            out.writeInt(energies.size());
            for (Map.Entry<Composition, SpreadSum> energy : energies.entrySet()) {
                int[] counts = energy.getKey().counts();
                out.writeInt(counts.length);
                for (int count : counts) {
                    out.writeInt(count);
                }
                energy.getValue().write(out);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    static ShardStatistics of(byte[] bytes) {
        ShardStatistics sums = new ShardStatistics();
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
            add(sums.seen, longs(in));
            add(sums.elsewhere, longs(in));
            sums.degree = longs(in);
            for (int left = in.readInt(); left > 0; left--) {
                sums.columns.put(in.readUTF(), SpreadSum.read(in));
            }
            for (int left = in.readInt(); left > 0; left--) {
                int[] counts = new int[in.readInt()];
                for (int i = 0; i < counts.length; i++) {
                    counts[i] = in.readInt();
                }
                sums.energies.put(new Composition(counts), SpreadSum.read(in));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return sums;
    }

    private static long[] longs(DataInputStream in) throws IOException {
        long[] values = new long[in.readInt()];
        for (int i = 0; i < values.length; i++) {
            values[i] = in.readLong();
        }
        return values;
    }
}
