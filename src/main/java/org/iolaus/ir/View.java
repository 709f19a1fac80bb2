package org.iolaus.ir;

import java.util.List;

/// An operation that only rearranges numbers: a loop reads its first operand in its place.
public interface View extends Op {
    @Override
    default boolean isZero(List<Boolean> zero) {
        return zero.get(0);
    }

    @Override
    default double instructions(Node node) {
        return 1;
    }
}
