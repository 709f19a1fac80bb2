package org.iolaus.ir;

/// The kernel of `kernels/` that computes an operation on a device, as data: some threads for each element of
/// the result. Its parameter holds the addresses of the operands, the address of the result, and `arguments`, 8
/// bytes each.
///
/// @param name without the number format: `pad` is `pad_f64` or `pad_f32`
/// @param threads for each element: 1, or a block of 256
/// @param arguments whole numbers, and the bits of doubles
@SuppressWarnings("ArrayRecordComponent")
public record DeviceKernel(String name, int threads, long[] arguments) {
    /// One thread for each element.
    public DeviceKernel(String name, long... arguments) {
        this(name, 1, arguments);
    }
}
