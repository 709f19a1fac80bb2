package org.iolaus.lower;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Number format of arrays and matrix products on a device. The host always computes in float64.
public enum Precision {
    FP64(8),
    FP32(4),
    /// large products as three in TF32, as exact as FP32; everything else float
    TF32X3(4),
    /// matrix products in TF32; everything else float
    TF32(4),
    /// large arrays and the operands of their products in bfloat16; everything else as TF32
    BF16(4);

    private final int bytes;

    Precision(int bytes) {
        this.bytes = bytes;
    }

    /// Bytes of one number.
    public int bytes() {
        return bytes;
    }

    /// The same with all arrays in full.
    public Precision inFull() {
        return this == BF16 ? TF32 : this;
    }

    /// Which arrays are stored in fewer bits or in parts.
    public LowPrecision lowPrecision() {
        return switch (this) {
            case FP64, FP32, TF32 -> LowPrecision.NONE;
            case TF32X3 -> LowPrecision.TF32X3;
            case BF16 -> LowPrecision.BF16;
        };
    }

    /// Whether products take factors of fewer digits than are stored, so that functions may be as inexact.
    public boolean isFast() {
        return this == TF32 || this == BF16;
    }

    /// Writes number `i` of an array.
    public void put(MemorySegment array, long i, double value) {
        if (bytes == 8) {
            array.setAtIndex(ValueLayout.JAVA_DOUBLE, i, value);
        } else {
            array.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) value);
        }
    }

    /// Reads number `i` of an array.
    public double get(MemorySegment array, long i) {
        return bytes == 8 ? array.getAtIndex(ValueLayout.JAVA_DOUBLE, i) : array.getAtIndex(ValueLayout.JAVA_FLOAT, i);
    }
}
