package org.iolaus.convert;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.iolaus.atoms.Edges;
import org.iolaus.atoms.Structure;
import org.iolaus.data.DataException;
import org.iolaus.data.GraphTable;
import org.iolaus.data.Neighbours;
import org.iolaus.data.ShardFile;
import org.iolaus.data.ShardSet;
import org.jspecify.annotations.Nullable;

/// Checks the frames of one shard, finds their neighbours on all cores, and writes the file.
///
/// @param folder where the set is being made
/// @param set its identity
record ShardBuilder(
        Path folder,
        String set,
        FrameCheck check,
        Neighbours neighbours,
        @Nullable Neighbours attention) {
    /// A frame with its number of neighbours per atom, and of edges in the second list.
    @SuppressWarnings("ArrayRecordComponent")
    private record Counted(Structure frame, int[] degree, int attentionEdges) {}

    void write(int number, List<Structure> raw) {
        List<Counted> counted = counted(raw);
        List<Structure> frames = counted.stream().map(Counted::frame).toList();
        List<int[]> degrees = counted.stream().map(Counted::degree).toList();
        Map<String, int[]> sizes = new TreeMap<>();
        sizes.put(
                GraphTable.EDGES,
                degrees.stream().mapToInt(d -> IntStream.of(d).sum()).toArray());
        if (attention != null) {
            sizes.put(
                    GraphTable.ATTENTION_EDGES,
                    counted.stream().mapToInt(Counted::attentionEdges).toArray());
        }
        ShardFile.Columns columns = new ShardFile.Columns(
                common(frames, Structure::atomColumns, true), common(frames, Structure::graphColumns, false));
        int[] dataset = frames.stream().mapToInt(ShardBuilder::datasetOf).toArray();
        ShardFile.write(
                folder.resolve(ShardFile.name(number)),
                set,
                number,
                new ShardFile.Contents(frames, degrees, sizes, dataset, columns));
    }

    /// The number of a frame's dataset: its column `dataset_id`, 0 without.
    private static int datasetOf(Structure frame) {
        double[] id = frame.graphColumns().getOrDefault("dataset_id", new double[1]);
        if (id.length != 1 || id[0] != (int) id[0] || id[0] < 0) {
            throw new DataException(
                    frame.source() + ", dataset_id: want a whole number from 0, got " + Arrays.toString(id));
        }
        return (int) id[0];
    }

    private List<Counted> counted(List<Structure> raw) {
        @Nullable Object[] results = new @Nullable Object[raw.size()];
        IntStream.range(0, raw.size()).parallel().forEach(f -> {
            try {
                Structure frame = check.check(raw.get(f));
                int second = attention == null ? 0 : edges(frame, attention).size();
                results[f] = new Counted(frame, degrees(frame), second);
            } catch (DataException e) {
                results[f] = e;
            }
        });
        List<Counted> counted = new ArrayList<>();
        for (Object result : results) {
            switch (result) {
                case Counted c -> counted.add(c);
                case DataException e -> throw e; // the first in the order of the frames
                case null, default -> throw new IllegalStateException("a frame was left out");
            }
        }
        return counted;
    }

    private int[] degrees(Structure frame) {
        int[] degrees = new int[frame.atoms()];
        for (int target : edges(frame, neighbours).target()) {
            degrees[target]++;
        }
        return degrees;
    }

    private static Edges edges(Structure frame, Neighbours wanted) {
        double[] cell = frame.cell();
        return ShardSet.edges(
                frame.source(),
                frame.positions(),
                cell == null ? new double[9] : cell,
                frame.periodic(),
                wanted.cutoffAngstrom(),
                wanted.limit());
    }

    /// The columns that all frames have, with their widths.
    private static Map<String, Integer> common(
            List<Structure> frames, Function<Structure, Map<String, double[]>> columns, boolean perAtom) {
        Map<String, Integer> common = new TreeMap<>();
        Structure first = frames.getFirst();
        columns.apply(first).forEach((name, values) -> common.put(name, values.length / (perAtom ? first.atoms() : 1)));
        for (Structure frame : frames) {
            Map<String, double[]> present = columns.apply(frame);
            common.keySet().retainAll(present.keySet());
            common.forEach((name, width) -> {
                int found = present.getOrDefault(name, new double[0]).length;
                if (found != width * (perAtom ? frame.atoms() : 1)) {
                    throw new DataException(frame.source() + ", " + name + ": want width " + width + " as in "
                            + first.source() + ", got " + (perAtom ? found / (double) frame.atoms() : found));
                }
            });
        }
        return common;
    }
}
