// Sum over the middle axis.
//
//   y[part, o, i] = sum over part * chunk <= p < min((part + 1) * chunk, P) of x[o, p, i]
//
// x (O, P, I); y (O, I), or (parts, O, I) as the first of two passes (the second sums (1, parts, O I)). Blocks: x over
// groups of (o, columns), y over parts.
// Regimes (chosen by the host, see Kernels.reduceSum): P small: one thread per element (or 16 bytes) of y; P large: a
// group of threads per few columns (tile.cuh); P large and few columns (column sums, one scalar): two passes.
// Bytes: O P I read, parts O I written, elements. Bound by memory. Deterministic.
#include "tile.cuh"

template <typename T>
struct reduce_sum_args {
    const T* x;
    T* y;
    long long outer;    // O
    long long reduced;  // P
    long long inner;    // I
    long long chunk;
    long long wide;     // 1: I and the addresses allow 16-byte packs
    long long lanes, walkers;
};
static_assert(sizeof(reduce_sum_args<double>) == 9 * 8, "9 members of 8 bytes");

template <typename T, int V>
__device__ void reduce_sum_fold(const reduce_sum_args<T>& args) {
    typedef iolaus_pack<T, V> Pack;
    const long long columns = args.inner / V;
    const iolaus_place at(columns, args.lanes, args.walkers);
    const bool inside = at.row < args.outer && at.column < columns;
    Pack value = {};
    if (inside) {
        const Pack* x = reinterpret_cast<const Pack*>(args.x) + at.row * args.reduced * columns + at.column;
        const long long from = blockIdx.y * args.chunk;
        const long long to = iolaus_min(from + args.chunk, args.reduced);
#pragma unroll 4
        for (long long p = from + at.walker; p < to; p += args.walkers) {
            const Pack one = x[p * columns];
            for (int k = 0; k < V; k++) value.v[k] += one.v[k];
        }
    }
    iolaus_fold_walkers<T, V, iolaus_sum>(value, at.walker, args.lanes, args.walkers);
    if (inside && at.walker == 0) {
        reinterpret_cast<Pack*>(args.y)[(blockIdx.y * args.outer + at.row) * columns + at.column] = value;
    }
}

template <typename T>
__device__ void reduce_sum(const reduce_sum_args<T>& args) {
    if (args.wide) {
        reduce_sum_fold<T, 16 / sizeof(T)>(args);
    } else {
        reduce_sum_fold<T, 1>(args);
    }
}

IOLAUS_BOTH(IOLAUS_BLOCK_KERNEL, reduce_sum)
