// Matrix products in plain loops: what the emulated device has in place of cuBLAS.
//
//   c[z] = op(a[z]) op(b[z])   row-major without gaps, op(a) (m, k), op(b) (k, n), c (m, n), one after another
//
// Owner: one thread per row of c, some columns at a time; products are added in the order of k. gemm_f32 first rounds the
// factors to 10 bits of fraction if asked to (TF32). gemm_bf16: all are bfloat16, gemm_bf16_f32: the factors are; both
// sum in float. Bound by arithmetic; not meant for a GPU. Deterministic.
#include "tf32.cuh"

template <typename A, typename C>
struct gemm_args {
    const A* a;
    const A* b;
    C* c;
    long long batch, m, n, k;
    long long transpose_a, transpose_b;
    long long tf32;
    long long added;  // 1: to what is in c
};
static_assert(sizeof(gemm_args<double, double>) == 11 * 8, "11 members of 8 bytes");

constexpr int GEMM_COLUMNS = 64;

__device__ __forceinline__ double gemm_factor(double x, bool) { return x; }

__device__ __forceinline__ float gemm_factor(float x, bool tf32) { return tf32 ? iolaus_tf32(x) : x; }

template <typename T, typename A, typename C>
__device__ void gemm(const gemm_args<A, C>& args) {
    const long long row = IOLAUS_GLOBAL_INDEX;
    if (row >= args.batch * args.m) return;
    const long long z = row / args.m, i = row % args.m;
    const long long m = args.m, n = args.n, k = args.k;
    const bool tf32 = args.tf32 != 0;
    const A* a = args.a + z * m * k;
    const A* b = args.b + z * k * n;
    C* c = args.c + row * n;
    for (long long from = 0; from < n; from += GEMM_COLUMNS) {
        const int columns = static_cast<int>(iolaus_min(n - from, static_cast<long long>(GEMM_COLUMNS)));
        T sum[GEMM_COLUMNS] = {};
        for (long long p = 0; p < k; p++) {
            const T factor = gemm_factor(static_cast<T>(a[args.transpose_a ? p * m + i : i * k + p]), tf32);
            const A* other = args.transpose_b ? b + from * k + p : b + p * n + from;
            const long long step = args.transpose_b ? k : 1;
            for (int j = 0; j < columns; j++) sum[j] += factor * gemm_factor(static_cast<T>(other[j * step]), tf32);
        }
        for (int j = 0; j < columns; j++) c[from + j] = args.added ? static_cast<T>(c[from + j]) + sum[j] : sum[j];
    }
}

#define GEMM(name, T, A, C) \
    typedef gemm_args<A, C> name##_arguments; \
    IOLAUS_KERNEL(name, name##_arguments) { gemm<T, A, C>(args); }
GEMM(gemm_f64, double, double, double)
GEMM(gemm_f32, float, float, float)
GEMM(gemm_bf16, float, iolaus_bf16, iolaus_bf16)
GEMM(gemm_bf16_f32, float, iolaus_bf16, float)
