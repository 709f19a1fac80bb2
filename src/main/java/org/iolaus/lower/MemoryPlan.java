package org.iolaus.lower;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.iolaus.tensor.Sizes;

/// Places of all arena buffers for one batch's sizes: buffers whose lives overlap do not share memory.
///
/// First fit by size class: at each step the smallest free gap that holds the new buffer is taken.
///
/// @param offset element offset by buffer number; -1 for buffers outside the arena
/// @param elements the arena's size
/// @param live the largest sum of live buffers at any step: no plan can need less
@SuppressWarnings("ArrayRecordComponent")
public record MemoryPlan(long[] offset, long elements, long live) {

    /// Offsets are multiples of this many elements (one cache line of doubles).
    private static final int ALIGNMENT = 8;

    public static MemoryPlan of(Schedule schedule, Sizes sizes) {
        return of(schedule, sizes, Set.of());
    }

    /// A plan without buffers that have memory elsewhere.
    public static MemoryPlan of(Schedule schedule, Sizes sizes, Set<Integer> elsewhere) {
        return of(schedule, sizes, elsewhere, true);
    }

    /// The same, but no buffers share memory, so that steps that do not need each other may run at the same time.
    public static MemoryPlan apart(Schedule schedule, Sizes sizes, Set<Integer> elsewhere) {
        return of(schedule, sizes, elsewhere, false);
    }

    private static MemoryPlan of(Schedule schedule, Sizes sizes, Set<Integer> elsewhere, boolean sharing) {
        int count = schedule.buffers().size();
        long[] offset = new long[count];
        long[] size = new long[count];
        List<Schedule.Buffer> arena = new ArrayList<>();
        List<List<Integer>> dying = new ArrayList<>();
        for (int step = 0; step <= schedule.steps().size(); step++) {
            dying.add(new ArrayList<>());
        }
        for (Schedule.Buffer buffer : schedule.buffers()) {
            offset[buffer.number()] = -1;
            if (buffer.storage() == Schedule.Storage.ARENA && !elsewhere.contains(buffer.number())) {
                size[buffer.number()] = (buffer.elements(sizes) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
                arena.add(buffer);
                dying.get(buffer.death()).add(buffer.number());
            }
        }
        arena.sort(Comparator.comparingInt(Schedule.Buffer::birth));
        TreeMap<Long, Long> gaps = new TreeMap<>(); // offset -> length
        long end = 0;
        long live = 0;
        long mostLive = 0;
        int released = 0;
        for (Schedule.Buffer buffer : arena) {
            for (; released < buffer.birth(); released++) {
                for (int dead : dying.get(released)) {
                    if (sharing) {
                        free(gaps, offset[dead], size[dead]);
                    }
                    live -= size[dead];
                }
            }
            long need = size[buffer.number()];
            Map.Entry<Long, Long> best = null;
            for (Map.Entry<Long, Long> gap : gaps.entrySet()) {
                if (gap.getValue() >= need && (best == null || gap.getValue() < best.getValue())) {
                    best = gap;
                }
            }
            if (best != null) {
                long at = best.getKey();
                long length = best.getValue();
                gaps.remove(at);
                if (length > need) {
                    gaps.put(at + need, length - need);
                }
                offset[buffer.number()] = at;
            } else {
                Map.Entry<Long, Long> last = gaps.lastEntry();
                long at = last != null && last.getKey() + last.getValue() == end ? last.getKey() : end;
                if (at < end) {
                    gaps.remove(at);
                }
                offset[buffer.number()] = at;
                end = at + need;
            }
            live += need;
            mostLive = Math.max(mostLive, live);
        }
        return new MemoryPlan(offset, end, mostLive);
    }

    private static void free(TreeMap<Long, Long> gaps, long at, long length) {
        if (length == 0) {
            return;
        }
        long from = at;
        long to = at + length;
        Map.Entry<Long, Long> before = gaps.lowerEntry(at);
        if (before != null && before.getKey() + before.getValue() == at) {
            from = before.getKey();
            gaps.remove(from);
        }
        Long after = gaps.remove(to);
        if (after != null) {
            to += after;
        }
        gaps.put(from, to - from);
    }
}
