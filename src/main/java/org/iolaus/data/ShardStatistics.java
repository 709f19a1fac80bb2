package org.iolaus.data;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/// Sums over the training frames: the degree histogram, and the spread of every column. One shard's are collected where
/// the shard is, and put together in the order of the shards, so that the result does not depend on who did which.
final class ShardStatistics {
    private static final String DEGREE = "degree";

    private long[] degree = new long[0];
    private final Map<String, SpreadSum> columns = new LinkedHashMap<>();

    /// What the training frames of one shard amount to.
    ///
    /// @param atoms of each graph of the shard
    /// @param split of each graph of the shard
    static Map<String, double[]> collect(ShardFile file, ShardIndex.Content content, int[] atoms, byte[] split) {
        ShardStatistics sums = new ShardStatistics();
        if (content.energy()) {
            sums.overGraphs(file, ShardFile.ENERGY, 1, split);
        }
        if (content.stress()) {
            sums.overGraphs(file, ShardFile.STRESS, 9, split);
        }
        if (content.forces()) {
            sums.overAtoms(file, ShardFile.FORCES, 3, atoms, split);
        }
        content.atomColumns()
                .forEach((name, width) ->
                        sums.overAtoms(file, ShardFile.ATOM_COLUMNS + "/" + name, width, atoms, split));
        content.graphColumns()
                .forEach((name, width) -> sums.overGraphs(file, ShardFile.GRAPH_COLUMNS + "/" + name, width, split));
        sums.degrees(file, atoms, split);

        Map<String, double[]> collected = new LinkedHashMap<>();
        collected.put(DEGREE, Arrays.stream(sums.degree).asDoubleStream().toArray());
        sums.columns.forEach((name, sum) -> collected.put(name, sum.toArray()));
        return collected;
    }

    /// Adds what was collected over another shard.
    void add(Map<String, double[]> collected) {
        collected.forEach((name, values) -> {
            if (name.equals(DEGREE)) {
                degree = Arrays.copyOf(degree, Math.max(degree.length, values.length));
                for (int k = 0; k < values.length; k++) {
                    degree[k] += (long) values[k];
                }
            } else {
                SpreadSum other = SpreadSum.of(values);
                columns.computeIfAbsent(name, _ -> new SpreadSum((values.length - 1) / 4))
                        .add(other);
            }
        });
    }

    long[] degree() {
        return degree;
    }

    double forceRms() {
        SpreadSum forces = columns.get(ShardFile.FORCES);
        return forces == null ? Double.NaN : forces.rms();
    }

    Map<String, Statistics.Spread> spreads() {
        Map<String, Statistics.Spread> spreads = new LinkedHashMap<>();
        columns.forEach((name, sum) -> spreads.put(name, sum.spread()));
        return spreads;
    }

    private void overGraphs(ShardFile file, String dataset, int width, byte[] split) {
        SpreadSum sum = columns.computeIfAbsent(dataset, _ -> new SpreadSum(width));
        double[] values = new double[width];
        for (int g = 0; g < split.length; g++) {
            if (split[g] == Split.TRAIN.code()) {
                file.doubles(dataset, (long) g * width, values, 0, width);
                sum.add(values, 0);
            }
        }
    }

    private void overAtoms(ShardFile file, String dataset, int width, int[] atoms, byte[] split) {
        SpreadSum sum = columns.computeIfAbsent(dataset, _ -> new SpreadSum(width));
        long first = 0;
        for (int g = 0; g < split.length; first += atoms[g++]) {
            if (split[g] == Split.TRAIN.code()) {
                double[] values = new double[width * atoms[g]];
                file.doubles(dataset, first * width, values, 0, values.length);
                for (int i = 0; i < values.length; i += width) {
                    sum.add(values, i);
                }
            }
        }
    }

    private void degrees(ShardFile file, int[] atoms, byte[] split) {
        long first = 0;
        for (int g = 0; g < split.length; first += atoms[g++]) {
            if (split[g] == Split.TRAIN.code()) {
                int[] values = new int[atoms[g]];
                file.ints(ShardFile.DEGREE, first, values, 0, values.length);
                for (int k : values) {
                    if (k >= degree.length) {
                        degree = Arrays.copyOf(degree, k + 1);
                    }
                    degree[k]++;
                }
            }
        }
    }
}
