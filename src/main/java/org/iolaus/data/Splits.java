package org.iolaus.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Divides frames into training, validation and test frames.
public final class Splits {
    private static final Split[] WANTED = {Split.TRAIN, Split.VALIDATION, Split.TEST};

    private Splits() {}

    /// How frames are divided.
    public sealed interface Rule permits Fractions, Counts, Indices, ByFile {}

    /// Shares of all frames, at random. They may sum to less than one: the rest is unused.
    ///
    /// @param stratified whether each composition is divided in these shares. A composition too rare to be
    ///     divided goes to the split that lacks most; HydraGNN instead copies frames of unique composition, so that
    ///     one may be trained and tested on
    public record Fractions(double train, double validation, double test, boolean stratified, long seed)
            implements Rule {
        /// HydraGNN's `perc_train`: validation and test get half of the rest each.
        public static Fractions ofTraining(double train, boolean stratified, long seed) {
            return new Fractions(train, (1 - train) / 2, (1 - train) / 2, stratified, seed);
        }
    }

    /// Numbers of frames, at random.
    public record Counts(int train, int validation, int test, boolean stratified, long seed) implements Rule {}

    /// Frames by number.
    @SuppressWarnings("ArrayRecordComponent")
    public record Indices(int[] train, int[] validation, int[] test) implements Rule {
        @Override
        public String toString() {
            return "Indices[train=%s, validation=%s, test=%s]".formatted(brief(train), brief(validation), brief(test));
        }

        /// Reads files with one frame number, from 0, per line; blank lines do not count.
        ///
        /// @param validation null: none; likewise `test`
        public static Indices read(Path train, @Nullable Path validation, @Nullable Path test) {
            return new Indices(numbers(train), numbers(validation), numbers(test));
        }

        private static int[] numbers(@Nullable Path file) {
            if (file == null) {
                return new int[0];
            }
            try {
                List<String> lines = Files.readAllLines(file);
                List<Integer> numbers = new ArrayList<>();
                for (int i = 0; i < lines.size(); i++) {
                    String line = lines.get(i).strip();
                    if (!line.matches("[0-9]{0,9}")) {
                        throw new DataException(
                                file + ", line " + (i + 1) + ": want a frame number, got '" + line + "'");
                    }
                    if (!line.isEmpty()) {
                        numbers.add(Integer.valueOf(line));
                    }
                }
                return numbers.stream().mapToInt(Integer::intValue).toArray();
            } catch (IOException e) {
                throw new DataException(file + ": cannot be read: " + e, e);
            }
        }

        private static String brief(int[] frames) {
            return "%d frames (%08x)".formatted(frames.length, Arrays.hashCode(frames));
        }
    }

    /// As the files say that the frames come from.
    public record ByFile() implements Rule {}

    /// The split of each frame, as [Split#code].
    ///
    /// @param compositions a number for each frame, equal for frames of the same composition
    /// @param roles what each frame's file is for; null where the rule decides
    static byte[] assign(Rule rule, int[] compositions, @Nullable Split[] roles) {
        int frames = compositions.length;
        byte[] split = switch (rule) {
            case Fractions f -> drawn(fractions(f, frames), f.stratified, f.seed, compositions);
            case Counts c -> drawn(counts(c, frames), c.stratified, c.seed, compositions);
            case Indices i -> listed(i, frames);
            case ByFile _ -> {
                byte[] byFile = new byte[frames];
                for (int f = 0; f < frames; f++) {
                    Split role = roles[f];
                    byFile[f] = (role == null ? Split.UNUSED : role).code();
                }
                yield byFile;
            }
        };
        if (IntStream.range(0, frames).noneMatch(f -> split[f] == Split.TRAIN.code())) {
            throw new DataException("split: want at least one training frame, got none of " + frames);
        }
        return split;
    }

    private static int[] fractions(Fractions f, int frames) {
        double[] shares = {f.train, f.validation, f.test};
        int[] sizes = new int[3];
        double sum = 0;
        for (int s = 0; s < 3; s++) {
            if (!(shares[s] >= 0)) {
                throw new DataException("split: want shares of at least 0, got " + Arrays.toString(shares));
            }
            // the border between two splits, with room for rounding in the sum of shares
            int from = (int) Math.floor(frames * sum + 1e-9);
            sum += shares[s];
            sizes[s] = (int) Math.floor(frames * sum + 1e-9) - from;
            if (shares[s] > 1e-9 && sizes[s] == 0) {
                throw new DataException("split: want at least one " + WANTED[s] + " frame for a share of " + shares[s]
                        + ", got none of " + frames);
            }
        }
        if (sum > 1 + 1e-9) {
            throw new DataException("split: want shares that sum to at most 1, got " + Arrays.toString(shares));
        }
        return sizes;
    }

    private static int[] counts(Counts c, int frames) {
        int[] sizes = {c.train, c.validation, c.test};
        if (Arrays.stream(sizes).anyMatch(n -> n < 0) || (long) c.train + c.validation + c.test > frames) {
            throw new DataException("split: want counts that sum to at most the " + frames + " frames there are, got "
                    + Arrays.toString(sizes));
        }
        return sizes;
    }

    private static byte[] listed(Indices indices, int frames) {
        byte[] split = new byte[frames];
        Arrays.fill(split, Split.UNUSED.code());
        int[][] lists = {indices.train, indices.validation, indices.test};
        for (int s = 0; s < 3; s++) {
            for (int f : lists[s]) {
                if (f < 0 || f >= frames) {
                    throw new DataException(
                            "split, " + WANTED[s] + ": want frame numbers 0 to " + (frames - 1) + ", got " + f);
                }
                if (split[f] != Split.UNUSED.code()) {
                    throw new DataException("split, " + WANTED[s] + ": want each frame once, got " + f + " again");
                }
                split[f] = WANTED[s].code();
            }
        }
        return split;
    }

    /// Draws frames at random, from all together or from each composition in proportion.
    private static byte[] drawn(int[] sizes, boolean stratified, long seed, int[] compositions) {
        int frames = compositions.length;
        Map<Integer, List<Integer>> classes = new TreeMap<>();
        for (int f = 0; f < frames; f++) {
            classes.computeIfAbsent(stratified ? compositions[f] : 0, _ -> new ArrayList<>())
                    .add(f);
        }
        List<int[]> members = new ArrayList<>();
        long stream = 0;
        for (List<Integer> frameNumbers : classes.values()) {
            int[] shuffled = frameNumbers.stream().mapToInt(Integer::intValue).toArray();
            Shuffle.shuffle(shuffled, seed, stream++);
            members.add(shuffled);
        }
        byte[] split = new byte[frames];
        Arrays.fill(split, Split.UNUSED.code());
        int[] left = members.stream().mapToInt(m -> m.length).toArray();
        for (int s = 0; s < 3; s++) {
            int[] take = apportion(left, sizes[s]);
            for (int c = 0; c < left.length; c++) {
                int[] frameNumbers = members.get(c);
                for (int i = 0; i < take[c]; i++) {
                    split[frameNumbers[--left[c]]] = WANTED[s].code();
                }
            }
        }
        return split;
    }

    /// Divides `total` over classes in proportion to their sizes, by largest remainders, never more than a class has.
    static int[] apportion(int[] classes, int total) {
        long all = Arrays.stream(classes).asLongStream().sum();
        int[] shares = new int[classes.length];
        if (all == 0) {
            return shares;
        }
        int given = 0;
        for (int c = 0; c < classes.length; c++) {
            shares[c] = (int) ((long) classes[c] * total / all);
            given += shares[c];
        }
        int[] byRemainder = IntStream.range(0, classes.length)
                .boxed()
                .sorted((a, b) -> Long.compare((long) classes[b] * total % all, (long) classes[a] * total % all))
                .mapToInt(Integer::intValue)
                .toArray();
        for (int i = 0; given < total; i++) {
            int c = byRemainder[i];
            shares[c]++;
            given++;
        }
        return shares;
    }
}
