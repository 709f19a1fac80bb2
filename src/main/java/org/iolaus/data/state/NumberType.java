package org.iolaus.data.state;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Optional;

/// How a number lies in a file; constants are named as in safetensors.
public enum NumberType {
    F64(8, "float64", "Double"),
    F32(4, "float32", "Float"),
    F16(2, "float16", "Half"),
    BF16(2, "bfloat16", "BFloat16"),
    I64(8, "int64", "Long"),
    I32(4, "int32", "Int"),
    I16(2, "int16", "Short"),
    I8(1, "int8", "Char"),
    U8(1, "uint8", "Byte"),
    BOOL(1, "bool", "Bool"),
    C64(8, "complex64", "ComplexFloat"),
    C128(16, "complex128", "ComplexDouble");

    private static final int PIECE = 1 << 20;

    private final int bytes;
    private final String text;
    private final String storage;

    NumberType(int bytes, String text, String storage) {
        this.bytes = bytes;
        this.text = text;
        this.storage = storage;
    }

    /// The type that PyTorch calls `torch.float32`, without `torch.`.
    static Optional<NumberType> ofText(String text) {
        return Arrays.stream(values()).filter(type -> type.text.equals(text)).findFirst();
    }

    /// The type of the numbers in PyTorch's class `torch.FloatStorage`, without `torch.`.
    static Optional<NumberType> ofStorage(String name) {
        return Arrays.stream(values())
                .filter(type -> name.equals(type.storage + "Storage"))
                .findFirst();
    }

    /// The type of this name in safetensors.
    static Optional<NumberType> ofName(String name) {
        return Arrays.stream(values()).filter(type -> type.name().equals(name)).findFirst();
    }

    public int bytes() {
        return bytes;
    }

    /// Whether it holds fractions, so that it can be a weight.
    public boolean floating() {
        return switch (this) {
            case F64, F32, F16, BF16 -> true;
            case I64, I32, I16, I8, U8, BOOL, C64, C128 -> false;
        };
    }

    /// Whether [#decode] can read it: all but complex numbers.
    public boolean real() {
        return this != C64 && this != C128;
    }

    /// Reads numbers one after another; none is rounded but integers beyond 2^53.
    ///
    /// @throws EOFException if there are fewer than `count`
    double[] decode(InputStream in, int count, ByteOrder order) throws IOException {
        double[] values = new double[count];
        byte[] piece = new byte[Math.toIntExact(Math.min(PIECE, (long) count * bytes))];
        MemorySegment raw = MemorySegment.ofArray(piece);
        int at = 0;
        while (at < count) {
            int numbers = Math.min(piece.length / bytes, count - at);
            int want = numbers * bytes;
            if (in.readNBytes(piece, 0, want) < want) {
                throw new EOFException("it ends after fewer than " + count + " numbers");
            }
            for (int i = 0; i < numbers; i++) {
                values[at + i] = value(raw, (long) i * bytes, order);
            }
            at += numbers;
        }
        return values;
    }

    private double value(MemorySegment raw, long at, ByteOrder order) {
        return switch (this) {
            case F64 -> raw.get(ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(order), at);
            case F32 -> raw.get(ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(order), at);
            case F16 -> Float.float16ToFloat(raw.get(ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(order), at));
            case BF16 ->
                Float.intBitsToFloat(raw.get(ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(order), at) << Short.SIZE);
            case I64 -> raw.get(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(order), at);
            case I32 -> raw.get(ValueLayout.JAVA_INT_UNALIGNED.withOrder(order), at);
            case I16 -> raw.get(ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(order), at);
            case I8 -> raw.get(ValueLayout.JAVA_BYTE, at);
            case U8, BOOL -> Byte.toUnsignedInt(raw.get(ValueLayout.JAVA_BYTE, at));
            case C64, C128 -> throw new IllegalStateException("NumberType: want a real number, got " + this);
        };
    }

    /// As PyTorch writes it: `float32`.
    @Override
    public String toString() {
        return text;
    }
}
