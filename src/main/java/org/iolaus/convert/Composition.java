package org.iolaus.convert;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.iolaus.data.Counts;
import org.iolaus.data.Hdf5File;
import org.iolaus.data.ShardFile;
import org.jspecify.annotations.Nullable;

/// How many atoms of each element a frame has.
///
/// @param counts pairs of atomic number and atoms, by ascending number
@SuppressWarnings("ArrayRecordComponent")
record Composition(int[] counts) {
    /// Of some atoms.
    static Composition of(int[] atomicNumbers) {
        int[] sorted = atomicNumbers.clone();
        Arrays.sort(sorted);
        int[] counts = new int[2 * sorted.length];
        int end = 0;
        for (int i = 0; i < sorted.length; i++) {
            if (i == 0 || sorted[i] != sorted[i - 1]) {
                counts[end] = sorted[i];
                end += 2;
            }
            counts[end - 1]++;
        }
        return new Composition(Arrays.copyOf(counts, end));
    }

    /// The sum of a value of each element over the atoms.
    ///
    /// @param byNumber by atomic number
    double sum(double[] byNumber) {
        double sum = 0;
        for (int i = 0; i < counts.length; i += 2) {
            sum += counts[i + 1] * byNumber[counts[i]];
        }
        return sum;
    }

    /// `(n)` atoms by atomic number.
    double[] row(int n) {
        double[] row = new double[n];
        for (int i = 0; i < counts.length; i += 2) {
            row[counts[i]] = counts[i + 1];
        }
        return row;
    }

    /// The compositions of a shard.
    ///
    /// @param different in the order in which they first occur
    /// @param ofFrame `(graphs)` which of them each frame has
    @SuppressWarnings("ArrayRecordComponent")
    private record OfShard(List<Composition> different, int[] ofFrame) {
        static OfShard read(Path path) {
            try (Hdf5File file = Hdf5File.open(path)) {
                byte[] numbers = file.bytes(ShardFile.NUMBERS);
                long[] start = file.longs(ShardFile.NODE_PTR);
                Map<Composition, Integer> different = new LinkedHashMap<>();
                int[] ofFrame = new int[start.length - 1];
                for (int f = 0; f < ofFrame.length; f++) {
                    int[] atoms = IntStream.range((int) start[f], (int) start[f + 1])
                            .map(i -> numbers[i])
                            .toArray();
                    ofFrame[f] = different.computeIfAbsent(of(atoms), _ -> different.size());
                }
                return new OfShard(List.copyOf(different.keySet()), ofFrame);
            }
        }
    }

    /// Numbers the compositions of all frames of a set, in the order in which they first occur.
    static Counts numbers(Path folder, int shards) {
        List<OfShard> all = IntStream.range(0, shards)
                .parallel()
                .mapToObj(number -> OfShard.read(folder.resolve(ShardFile.name(number))))
                .toList();
        Map<Composition, Integer> different = new HashMap<>();
        List<Counts> numbers = new ArrayList<>();
        for (OfShard one : all) {
            int[] global = one.different.stream()
                    .mapToInt(each -> different.computeIfAbsent(each, _ -> different.size()))
                    .toArray();
            numbers.add(Counts.of(one.ofFrame.length, f -> global[one.ofFrame[f]]));
        }
        return Counts.joined(numbers);
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Composition composition && Arrays.equals(counts, composition.counts);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(counts);
    }
}
