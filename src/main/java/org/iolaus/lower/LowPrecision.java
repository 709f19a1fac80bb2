package org.iolaus.lower;

/// Which arrays of a schedule are not stored in full.
public enum LowPrecision {
    /// All are.
    NONE,
    /// In bfloat16, large ones that were computed from parameters, and the operands of their products ([Bf16Storage]).
    BF16,
    /// In bfloat16, all that may be, however small: every kernel's bf16 form in one small test.
    BF16_EVERYWHERE,
    /// The operands of large products are split for TF32 ([Tf32x3]).
    TF32X3,
    /// Those of all products, however small.
    TF32X3_EVERYWHERE;

    /// Whether arrays are stored in bfloat16.
    public boolean isBf16() {
        return this == BF16 || this == BF16_EVERYWHERE;
    }

    /// Whether operands are split.
    boolean isTf32x3() {
        return this == TF32X3 || this == TF32X3_EVERYWHERE;
    }

    /// The same whatever the size, as tests of small arrays want it.
    public LowPrecision everywhere() {
        return switch (this) {
            case NONE -> NONE;
            case BF16, BF16_EVERYWHERE -> BF16_EVERYWHERE;
            case TF32X3, TF32X3_EVERYWHERE -> TF32X3_EVERYWHERE;
        };
    }
}
