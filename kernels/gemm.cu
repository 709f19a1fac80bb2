// Matrix products in plain loops: what the emulated device has in place of cuBLAS.
//
//   c[z] = op(a[z]) op(b[z])   row-major without gaps, op(a) (m, k), op(b) (k, n), c (m, n), one after another
//
// Owner: one thread per row of c; products are added in the order of k. With `tf32` the factors are first rounded to 10 bits
// of mantissa. Bound by arithmetic; not meant for a GPU. Deterministic.
#include "iolaus.cuh"

template <typename T>
struct gemm_args {
    const T* a;
    const T* b;
    T* c;
    long long batch, m, n, k;
    long long transpose_a, transpose_b;
    long long tf32;
};
static_assert(sizeof(gemm_args<double>) == 10 * 8, "10 members of 8 bytes");

__device__ __forceinline__ double gemm_factor(double x, bool) { return x; }

/// To the nearest number of 10 bits of mantissa, ties away from zero.
__device__ __forceinline__ float gemm_factor(float x, bool tf32) {
    if (!tf32 || x - x != 0) return x;
    union { float value; unsigned bits; } word = {x};
    word.bits = (word.bits + 0x1000u) & ~0x1fffu;
    return word.value;
}

template <typename T>
__device__ void gemm(const gemm_args<T>& args) {
    const long long row = IOLAUS_GLOBAL_INDEX;
    if (row >= args.batch * args.m) return;
    const long long z = row / args.m, i = row % args.m;
    const long long m = args.m, n = args.n, k = args.k;
    const bool tf32 = args.tf32 != 0;
    const T* a = args.a + z * m * k;
    const T* b = args.b + z * k * n;
    T* c = args.c + row * n;
    for (long long j = 0; j < n; j++) c[j] = 0;
    for (long long p = 0; p < k; p++) {
        const T factor = gemm_factor(a[args.transpose_a ? p * m + i : i * k + p], tf32);
        if (args.transpose_b) {
            for (long long j = 0; j < n; j++) c[j] += factor * gemm_factor(b[j * k + p], tf32);
        } else {
            for (long long j = 0; j < n; j++) c[j] += factor * gemm_factor(b[p * n + j], tf32);
        }
    }
}

IOLAUS_BOTH(IOLAUS_KERNEL, gemm)
