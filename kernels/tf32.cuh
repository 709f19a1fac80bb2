// TF32: floats with 10 bits of fraction.
#pragma once
#include "iolaus.cuh"

/// The nearest number with 10 bits of fraction, ties away from zero, and towards zero where that is infinite. What is
/// infinite or no number stays.
__device__ __forceinline__ float iolaus_tf32(float x) {
    union { float value; unsigned bits; } word = {x};
    const unsigned infinite = 0x7f800000u, fraction = (1u << 13) - 1u;
    if ((word.bits & infinite) == infinite) return x;
    const unsigned nearest = (word.bits + (1u << 12)) & ~fraction;
    word.bits = (nearest & infinite) == infinite ? word.bits & ~fraction : nearest;
    return word.value;
}
