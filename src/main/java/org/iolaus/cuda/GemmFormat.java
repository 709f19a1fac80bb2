package org.iolaus.cuda;

import org.iolaus.lower.Precision;

/// Number formats of a matrix product: of its factors, its result and its arithmetic.
public enum GemmFormat {
    FP64(8, 8),
    FP32(4, 4),
    /// float in memory, products in TF32
    TF32(4, 4),
    /// the same, added to what is in the result's memory
    TF32_ADDED(4, 4),
    /// all in bfloat16 in memory, sums in float
    BF16(2, 2),
    /// factors in bfloat16 in memory, sums and results in float
    BF16_FP32(2, 4);

    private final int operandBytes;
    private final int resultBytes;

    GemmFormat(int operandBytes, int resultBytes) {
        this.operandBytes = operandBytes;
        this.resultBytes = resultBytes;
    }

    /// Of large matrix products.
    public static GemmFormat ofLarge(Precision precision) {
        return switch (precision) {
            case FP64 -> FP64;
            case FP32 -> FP32;
            case TF32X3, TF32 -> TF32;
            case BF16 -> BF16;
        };
    }

    /// Of products whose factors are stored in full.
    static GemmFormat of(Precision precision) {
        return switch (precision) {
            case FP64 -> FP64;
            case FP32, TF32X3 -> FP32;
            case TF32, BF16 -> TF32;
        };
    }

    /// Bytes of a number of a factor.
    public int operandBytes() {
        return operandBytes;
    }

    /// Bytes of a number of the result.
    public int resultBytes() {
        return resultBytes;
    }
}
