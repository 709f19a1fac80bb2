// Matrix products in plain loops: what the emulated device has in place of cuBLAS.
//
//   c[z] = op(a[z]) op(b[z])   row-major without gaps, op(a) (m, k), op(b) (k, n), c (m, n), one after another
//
// Owner: one thread per row of c; products are added in the order of k. The factors are first rounded to
// floats that lack `dropped_bits` of the mantissa: 0, 13 (TF32) or 16 (bfloat16). Bound by arithmetic; not meant for a GPU. Deterministic.
#include "iolaus.cuh"

template <typename T>
struct gemm_args {
    const T* a;
    const T* b;
    T* c;
    long long batch, m, n, k;
    long long transpose_a, transpose_b;
    long long dropped_bits;
};
static_assert(sizeof(gemm_args<double>) == 10 * 8, "10 members of 8 bytes");

__device__ __forceinline__ double gemm_factor(double x, int) { return x; }

/// To the nearest number with fewer bits, ties away from zero.
__device__ __forceinline__ float gemm_factor(float x, int dropped) {
    if (dropped == 0 || x - x != 0) return x;
    union { float value; unsigned bits; } word = {x};
    word.bits = (word.bits + (1u << (dropped - 1))) & ~((1u << dropped) - 1u);
    return word.value;
}

template <typename T>
__device__ void gemm(const gemm_args<T>& args) {
    const long long row = IOLAUS_GLOBAL_INDEX;
    if (row >= args.batch * args.m) return;
    const long long z = row / args.m, i = row % args.m;
    const long long m = args.m, n = args.n, k = args.k;
    const int dropped = static_cast<int>(args.dropped_bits);
    const T* a = args.a + z * m * k;
    const T* b = args.b + z * k * n;
    T* c = args.c + row * n;
    for (long long j = 0; j < n; j++) c[j] = 0;
    for (long long p = 0; p < k; p++) {
        const T factor = gemm_factor(a[args.transpose_a ? p * m + i : i * k + p], dropped);
        if (args.transpose_b) {
            for (long long j = 0; j < n; j++) c[j] += factor * gemm_factor(b[j * k + p], dropped);
        } else {
            for (long long j = 0; j < n; j++) c[j] += factor * gemm_factor(b[p * n + j], dropped);
        }
    }
}

IOLAUS_BOTH(IOLAUS_KERNEL, gemm)
