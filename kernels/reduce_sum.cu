// Sum over the middle axis.
//
//   y[part, o, i] = sum over part * chunk <= p < min((part + 1) * chunk, P) of x[o, p, i]
//
// x (O, P, I); y (O, I), or (parts, O, I) as the first of two passes (the second sums (1, parts, O I)). Blocks: x over
// groups of (o, columns), y over parts.
// reduce_sum_bf16: x is bfloat16, sums and y are float.
// Regimes (chosen by the host, see Kernels.reduceSum): P small: one thread per element (or 16 bytes) of y; P large: a
// group of threads per few columns (tile.cuh); P large and few columns (column sums, one scalar): two passes.
// Bytes: O P I read, parts O I written, elements. Bound by memory. Deterministic.
#include "tile.cuh"

template <typename X, typename T>
struct reduce_sum_args {
    const X* x;
    T* y;
    long long outer;    // O
    long long reduced;  // P
    long long inner;    // I
    long long chunk;
    long long wide;     // 1: I and the addresses allow 16-byte packs
    long long lanes, walkers;
};
static_assert(sizeof(reduce_sum_args<double, double>) == 9 * 8, "9 members of 8 bytes");

template <typename X, typename T, int V>
__device__ void reduce_sum_fold(const reduce_sum_args<X, T>& args) {
    typedef iolaus_pack<T, V> Pack;
    const long long columns = args.inner / V;
    const iolaus_place at(columns, args.lanes, args.walkers);
    const bool inside = at.row < args.outer && at.column < columns;
    Pack value = {};
    if (inside) {
        const X* x = args.x + (at.row * args.reduced * columns + at.column) * V;
        const long long from = blockIdx.y * args.chunk;
        const long long to = iolaus_min(from + args.chunk, args.reduced);
#pragma unroll 4
        for (long long p = from + at.walker; p < to; p += args.walkers) {
            const Pack one = iolaus_load<T, V>(x + p * args.inner);
            for (int k = 0; k < V; k++) value.v[k] += one.v[k];
        }
    }
    iolaus_fold_walkers<T, V, iolaus_sum>(value, at.walker, args.lanes, args.walkers);
    if (inside && at.walker == 0) {
        reinterpret_cast<Pack*>(args.y)[(blockIdx.y * args.outer + at.row) * columns + at.column] = value;
    }
}

template <typename X, typename T>
__device__ void reduce_sum(const reduce_sum_args<X, T>& args) {
    if (args.wide) {
        reduce_sum_fold<X, T, 16 / sizeof(T)>(args);
    } else {
        reduce_sum_fold<X, T, 1>(args);
    }
}

#define REDUCE_SUM(name, X, T) \
    typedef reduce_sum_args<X, T> name##_arguments; \
    IOLAUS_BLOCK_KERNEL(name, name##_arguments) { reduce_sum<X, T>(args); }
REDUCE_SUM(reduce_sum_f64, double, double)
REDUCE_SUM(reduce_sum_f32, float, float)
REDUCE_SUM(reduce_sum_bf16, iolaus_bf16, float)
