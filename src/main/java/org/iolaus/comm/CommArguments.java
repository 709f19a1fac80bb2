package org.iolaus.comm;

import java.lang.foreign.MemorySegment;

/// Checks of the arguments that all communicators take.
final class CommArguments {
    private CommArguments() {}

    static void checkRoot(int root, int size) {
        if (root < 0 || root >= size) {
            throw new CommException("root: want a rank below " + size + ", got " + root);
        }
    }

    static void checkColor(int color) {
        if (color < 0) {
            throw new CommException("split: want a color of at least 0, got " + color);
        }
    }

    /// Counts the numbers in native memory.
    static int checkNumbers(MemorySegment numbers, int bytesPerNumber) {
        if (!numbers.isNative()
                || (bytesPerNumber != Float.BYTES && bytesPerNumber != Double.BYTES)
                || numbers.byteSize() > Integer.MAX_VALUE
                || numbers.byteSize() % bytesPerNumber != 0) {
            throw new CommException(
                    "sum: want floats or doubles in native memory, at most 2 GiB, got " + numbers.byteSize()
                            + " bytes of numbers of " + bytesPerNumber + " bytes, native: " + numbers.isNative());
        }
        return (int) (numbers.byteSize() / bytesPerNumber);
    }
}
