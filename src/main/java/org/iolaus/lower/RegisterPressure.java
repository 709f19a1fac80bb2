package org.iolaus.lower;

import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.jspecify.annotations.Nullable;

/// How many values a group's loop holds while it walks: those that it reads and its sums.
///
/// @param perElement in packs
/// @param perRow single ones, which every thread of the row has
record RegisterPressure(int perElement, int perRow) {
    /// Values per element that a loop reads or sums: bounds the registers of a thread.
    private static final int MOST_PER_ELEMENT = 24;
    /// Values per row that a loop over elements reads: more work per row is better done by one thread for each.
    private static final int MOST_PER_ROW = 8;

    /// @param more a node that the group is to compute too; null for none
    static RegisterPressure by(LoopGroup group, @Nullable Node more) {
        Set<Node> elements = new HashSet<>();
        Set<Node> rows = new HashSet<>();
        for (Map.Entry<Node, LoopGroup.Place> member : group.members()) {
            boolean isSum = !(member.getKey().op() instanceof Pointwise);
            switch (member.getValue()) {
                case ELEMENT -> addReads(elements, group, member.getKey(), more);
                case ROW -> {
                    if (!isSum) {
                        addReads(rows, group, member.getKey(), more);
                    }
                }
                case RESULT -> {
                    if (isSum) {
                        elements.add(member.getKey());
                    }
                }
            }
        }
        if (more != null) {
            addReads(group.placeIn(more) == LoopGroup.Place.ROW ? rows : elements, group, more, more);
        }
        return new RegisterPressure(elements.size(), rows.size());
    }

    private static void addReads(Set<Node> reads, LoopGroup group, Node member, @Nullable Node more) {
        for (Node input : Fusion.operands(member)) {
            Node bare = Fusion.strip(input);
            if (bare != more && !group.computes(bare) && Fusion.isAligned(member, input)) {
                reads.add(bare);
            }
        }
    }

    boolean fits() {
        return perElement <= MOST_PER_ELEMENT && perRow <= MOST_PER_ROW;
    }

    boolean isWithin(RegisterPressure other) {
        return perElement <= other.perElement && perRow <= other.perRow;
    }
}
