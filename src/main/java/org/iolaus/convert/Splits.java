package org.iolaus.convert;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import org.iolaus.data.DataException;
import org.iolaus.data.Shuffle;
import org.iolaus.data.Split;
import org.jspecify.annotations.Nullable;

/// Divides frames into training, validation and test frames.
public final class Splits {
    private static final Split[] WANTED = {Split.TRAIN, Split.VALIDATION, Split.TEST};

    private Splits() {}

    /// How frames are divided.
    public sealed interface Rule permits Fractions, Counts, Indices, ByFile {
        /// Whether each composition is divided by itself.
        default boolean stratified() {
            return false;
        }
    }

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
            IntStream.Builder numbers = IntStream.builder();
            int row = 0;
            try (BufferedReader lines = Files.newBufferedReader(file)) {
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                    row++;
                    String text = line.strip();
                    if (!text.matches("[0-9]{0,9}")) {
                        throw new DataException(file + ", line " + row + ": want a frame number, got '" + text + "'");
                    }
                    if (!text.isEmpty()) {
                        numbers.add(Integer.parseInt(text));
                    }
                }
            } catch (IOException e) {
                throw new DataException(file + ": cannot be read: " + e, e);
            }
            return numbers.build().toArray();
        }

        private static String brief(int[] frames) {
            return "%d frames (%08x)".formatted(frames.length, Arrays.hashCode(frames));
        }
    }

    /// As the files say that the frames come from.
    public record ByFile() implements Rule {}

    /// The split of each frame, as [Split#code].
    ///
    /// @param composition of each frame: a number that is equal for frames of the same composition; asked for only
    ///     by rules that are stratified
    /// @param files what each file's frames are for: null where the rule decides
    /// @param framesOf of each file, one after another
    static byte[] assign(Rule rule, IntUnaryOperator composition, List<@Nullable Split> files, int[] framesOf) {
        int frames = IntStream.of(framesOf).sum();
        return switch (rule) {
            case Fractions f -> drawn(fractions(f, frames), f.seed, frames, f.stratified ? composition : _ -> 0);
            case Counts c -> drawn(counts(c, frames), c.seed, frames, c.stratified ? composition : _ -> 0);
            case Indices i -> listed(i, frames);
            case ByFile _ -> {
                byte[] split = new byte[frames];
                int frame = 0;
                for (int file = 0; file < framesOf.length; file++) {
                    Split role = files.get(file);
                    Arrays.fill(
                            split,
                            frame,
                            frame + framesOf[file],
                            Objects.requireNonNullElse(role, Split.UNUSED).code());
                    frame += framesOf[file];
                }
                yield split;
            }
        };
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

    /// Draws frames at random, from each class in proportion.
    private static byte[] drawn(int[] sizes, long seed, int frames, IntUnaryOperator classOf) {
        int classes = IntStream.range(0, frames).map(classOf).max().orElse(-1) + 1;
        int[] start = new int[classes + 1];
        IntStream.range(0, frames).map(classOf).forEach(c -> start[c + 1]++);
        Arrays.parallelPrefix(start, Integer::sum);
        int[] members = new int[frames];
        int[] left = new int[classes];
        for (int f = 0; f < frames; f++) {
            int c = classOf.applyAsInt(f);
            members[start[c] + left[c]++] = f;
        }
        for (int c = 0; c < classes; c++) {
            Shuffle.shuffle(members, start[c], start[c + 1], seed, c);
        }
        byte[] split = new byte[frames];
        Arrays.fill(split, Split.UNUSED.code());
        for (int s = 0; s < 3; s++) {
            int[] take = apportion(left, sizes[s]);
            for (int c = 0; c < classes; c++) {
                for (int i = 0; i < take[c]; i++) {
                    split[members[start[c] + --left[c]]] = WANTED[s].code();
                }
            }
        }
        return split;
    }

    /// Divides `total` over classes in proportion to their sizes, by largest remainders, never more than a
    /// class has.
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
