package org.iolaus.lower;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/// Which pieces of work must be done before which: the least that keeps reads and writes of memory in their order. All
/// else may run at the same time.
public final class Dependencies {
    private final List<Access> pieces = new ArrayList<>();
    private final List<BitSet> before = new ArrayList<>();

    /// Memory from `start` to `end`, exclusive.
    public record Range(long start, long end) {
        boolean meets(Range other) {
            return start < other.end && other.start < end;
        }
    }

    /// What a piece of work reads and writes.
    private record Access(List<Range> reads, List<Range> writes) {}

    /// Adds the next piece of work in order.
    ///
    /// @return the numbers of the pieces that have to be done before, without those that these wait for themselves
    public List<Integer> add(List<Range> reads, List<Range> writes) {
        BitSet ancestors = new BitSet();
        List<Integer> direct = new ArrayList<>();
        for (int earlier = pieces.size() - 1; earlier >= 0; earlier--) {
            if (ancestors.get(earlier)) {
                continue;
            }
            Access other = pieces.get(earlier);
            if (meet(writes, other.writes) || meet(writes, other.reads) || meet(reads, other.writes)) {
                direct.add(earlier);
                ancestors.set(earlier);
                ancestors.or(before.get(earlier));
            }
        }
        pieces.add(new Access(List.copyOf(reads), List.copyOf(writes)));
        before.add(ancestors);
        return direct;
    }

    /// Whether some memory is in both.
    public static boolean meet(List<Range> left, List<Range> right) {
        for (Range a : left) {
            for (Range b : right) {
                if (a.meets(b)) {
                    return true;
                }
            }
        }
        return false;
    }
}
