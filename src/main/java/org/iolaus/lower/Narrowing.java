package org.iolaus.lower;

/// Which arrays of a schedule are not stored in full.
public enum Narrowing {
    /// All are.
    NONE,
    /// In bfloat16, large ones that were computed from parameters, and the operands of their products ([Narrow]).
    LARGE,
    /// In bfloat16, all that may be, however small: every kernel's narrow form in one small test.
    ALL,
    /// The operands of large products are split for TF32 ([Splits]).
    SPLIT,
    /// Those of all products, however small.
    SPLIT_ALL;

    /// Whether arrays are stored in bfloat16.
    public boolean isNarrow() {
        return this == LARGE || this == ALL;
    }

    /// Whether operands are split.
    boolean isSplit() {
        return this == SPLIT || this == SPLIT_ALL;
    }

    /// The same whatever the size, as tests of small arrays want it.
    public Narrowing everywhere() {
        return switch (this) {
            case NONE -> NONE;
            case LARGE, ALL -> ALL;
            case SPLIT, SPLIT_ALL -> SPLIT_ALL;
        };
    }
}
