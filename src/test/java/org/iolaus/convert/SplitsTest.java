package org.iolaus.convert;

import static org.iolaus.data.Say.assertSays;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.iolaus.data.Split;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

final class SplitsTest {
    private static List<String> same(int frames) {
        return Collections.nCopies(frames, "C2H6O");
    }

    private static byte[] assign(Splits.Rule rule, List<String> compositions) {
        int[] numbers = numbers(compositions);
        return Splits.assign(rule, f -> numbers[f], Collections.singletonList(null), new int[] {compositions.size()});
    }

    private static int[] numbers(List<String> compositions) {
        List<String> different = compositions.stream().distinct().toList();
        return compositions.stream().mapToInt(different::indexOf).toArray();
    }

    private static int[] sizes(byte[] split) {
        int[] sizes = new int[4];
        for (byte s : split) {
            sizes[s]++;
        }
        return sizes;
    }

    @Test
    void fractionsAreThoseOfHydraGnn() {
        // train, validation, test = int(n p), int(n (p + (1 - p) / 2)) - train, the rest
        assertArrayEquals(new int[] {700, 150, 150, 0}, sizes(assign(ofTraining(0.7), same(1000))));
        assertArrayEquals(new int[] {90, 5, 5, 0}, sizes(assign(ofTraining(0.9), same(100))));
        assertArrayEquals(new int[] {70, 15, 16, 0}, sizes(assign(ofTraining(0.7), same(101))));
        assertArrayEquals(new int[] {10, 0, 0, 0}, sizes(assign(ofTraining(1), same(10))));
    }

    private static Splits.Fractions ofTraining(double share) {
        return Splits.Fractions.ofTraining(share, false, 1);
    }

    @Test
    void countsAndLeftovers() {
        assertArrayEquals(
                new int[] {950, 50, 0, 0}, sizes(assign(new Splits.Counts(950, 50, 0, false, 1), same(1000))));
        assertArrayEquals(
                new int[] {10, 20, 30, 40}, sizes(assign(new Splits.Counts(10, 20, 30, false, 1), same(100))));
    }

    @Test
    void seedsDecide() {
        byte[] one = assign(new Splits.Counts(50, 25, 25, false, 1), same(100));
        assertArrayEquals(one, assign(new Splits.Counts(50, 25, 25, false, 1), same(100)));
        assertFalse(Arrays.equals(one, assign(new Splits.Counts(50, 25, 25, false, 2), same(100))));
    }

    @Test
    void stratificationKeepsTheSharesOfEveryComposition() {
        List<String> compositions = new ArrayList<>();
        compositions.addAll(Collections.nCopies(100, "Cu"));
        compositions.addAll(Collections.nCopies(40, "CuNi"));
        compositions.addAll(Collections.nCopies(20, "Ni"));
        compositions.addAll(Collections.nCopies(1, "Mo"));
        Collections.shuffle(compositions, new java.util.Random(1));
        byte[] split = assign(new Splits.Fractions(0.7, 0.15, 0.15, true, 3), compositions);
        assertArrayEquals(new int[] {112, 24, 25, 0}, sizes(split));
        assertNear(new int[] {70, 15, 15, 0}, sizesOf("Cu", compositions, split));
        assertNear(new int[] {28, 6, 6, 0}, sizesOf("CuNi", compositions, split));
        assertNear(new int[] {14, 3, 3, 0}, sizesOf("Ni", compositions, split));
        assertEquals(1, Arrays.stream(sizesOf("Mo", compositions, split)).sum());
    }

    /// The sizes of all splits are fixed, so a composition may be off by one.
    private static void assertNear(int[] wanted, int[] got) {
        for (int s = 0; s < wanted.length; s++) {
            assertEquals(wanted[s], got[s], 1.0, Arrays.toString(got));
        }
    }

    private static int[] sizesOf(String composition, List<String> compositions, byte[] split) {
        int[] sizes = new int[4];
        IntStream.range(0, split.length)
                .filter(f -> compositions.get(f).equals(composition))
                .forEach(f -> sizes[split[f]]++);
        return sizes;
    }

    @Test
    void apportionsByLargestRemainder() {
        assertArrayEquals(new int[] {3, 1, 1}, Splits.apportion(new int[] {6, 2, 2}, 5));
        assertArrayEquals(new int[] {2, 1, 0}, Splits.apportion(new int[] {5, 3, 1}, 3));
        assertArrayEquals(new int[] {6, 2, 2}, Splits.apportion(new int[] {6, 2, 2}, 10));
        assertArrayEquals(new int[] {0, 0}, Splits.apportion(new int[] {0, 0}, 0));
    }

    @Test
    void indicesAndFiles() {
        Splits.Indices indices = new Splits.Indices(new int[] {4, 0}, new int[] {2}, new int[] {});
        assertArrayEquals(new byte[] {0, 3, 1, 3, 0}, assign(indices, same(5)));
        List<@Nullable Split> roles = Arrays.asList(Split.TEST, Split.TRAIN, null);
        assertArrayEquals(
                new byte[] {2, 0, 0, 3}, Splits.assign(new Splits.ByFile(), _ -> 0, roles, new int[] {1, 2, 1}));
    }

    @Test
    void refusesWhatCannotBe() {
        assertSays(() -> assign(ofTraining(0.7), same(3)), "at least one VALIDATION frame", "none of 3");
        assertSays(() -> assign(new Splits.Fractions(0.9, 0.2, 0, false, 1), same(10)), "sum to at most 1");
        assertSays(() -> assign(new Splits.Fractions(-1, 0.2, 0, false, 1), same(10)), "at least 0");
        assertSays(() -> assign(new Splits.Counts(9, 2, 0, false, 1), same(10)), "at most the 10 frames");
        int[] none = {};
        assertSays(() -> assign(new Splits.Indices(new int[] {5}, none, none), same(5)), "frame numbers 0 to 4, got 5");
        assertSays(
                () -> assign(new Splits.Indices(new int[] {1}, new int[] {1}, none), same(5)),
                "VALIDATION",
                "each frame once, got 1 again");
    }
}
