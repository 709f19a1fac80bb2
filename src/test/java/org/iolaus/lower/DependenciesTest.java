package org.iolaus.lower;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.iolaus.lower.Dependencies.Range;
import org.junit.jupiter.api.Test;

/// Which work waits for which, by the memory that it reads and writes.
final class DependenciesTest {
    private static final Range A = new Range(0, 10);
    private static final Range B = new Range(10, 20);
    private static final Range INSIDE_A = new Range(9, 10);

    private final Dependencies dependencies = new Dependencies();

    @Test
    void readersWaitForTheWriter() {
        assertEquals(List.of(), dependencies.add(List.of(), List.of(A)));
        assertEquals(List.of(), dependencies.add(List.of(), List.of(B)));
        assertEquals(List.of(0), dependencies.add(List.of(INSIDE_A), List.of()));
    }

    @Test
    void memoryIsWrittenAgainOnlyWhenItWasRead() {
        dependencies.add(List.of(), List.of(A));
        dependencies.add(List.of(A), List.of(B));
        dependencies.add(List.of(A), List.of());
        assertEquals(List.of(2, 1), dependencies.add(List.of(), List.of(INSIDE_A)), "both readers, not the writer");
    }

    @Test
    void writersOfOneRangeKeepTheirOrder() {
        dependencies.add(List.of(), List.of(A));
        assertEquals(List.of(0), dependencies.add(List.of(), List.of(A)));
        assertEquals(List.of(1), dependencies.add(List.of(), List.of(A)), "the first one is waited for already");
    }

    @Test
    void everyConflictIsOrderedAndNothingElseIsNamedTwice() {
        Random random = new Random(7);
        List<List<Range>> reads = new ArrayList<>();
        List<List<Range>> writes = new ArrayList<>();
        List<BitSet> before = new ArrayList<>();
        for (int piece = 0; piece < 300; piece++) {
            reads.add(ranges(random, 3));
            writes.add(ranges(random, 2));
            BitSet ancestors = new BitSet();
            for (int direct : dependencies.add(reads.getLast(), writes.getLast())) {
                assertTrue(!ancestors.get(direct), "named although waited for already");
                ancestors.set(direct);
                ancestors.or(before.get(direct));
            }
            for (int earlier = 0; earlier < piece; earlier++) {
                boolean conflict = meet(writes.get(piece), writes.get(earlier))
                        || meet(writes.get(piece), reads.get(earlier))
                        || meet(reads.get(piece), writes.get(earlier));
                assertTrue(!conflict || ancestors.get(earlier), piece + " has to wait for " + earlier);
            }
            before.add(ancestors);
        }
    }

    private static List<Range> ranges(Random random, int count) {
        List<Range> ranges = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            long start = random.nextInt(1000);
            ranges.add(new Range(start, start + 1 + random.nextInt(30)));
        }
        return ranges;
    }

    private static boolean meet(List<Range> left, List<Range> right) {
        return left.stream()
                .anyMatch(a ->
                        right.stream().anyMatch(b -> Math.max(a.start(), b.start()) < Math.min(a.end(), b.end())));
    }
}
