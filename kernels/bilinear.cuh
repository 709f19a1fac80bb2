// Sparse bilinear maps with a fixed pattern, for each item e and channel c (BilinearProduct, BilinearOuter, and
// GatheredProduct, SummedProduct of the lowering).
//
//   product:  y[e, i, c] = sum over the terms of row i of coefficient * a[e, entry] * x[e, column, c]
//   gathered: the same with x[index[e], column, c]
//   summed:   y[n, i, c] = sum over start[n] <= p < start[n + 1] of the product for e = order[p]
//   outer:    z[e, p] = sum over the terms of entry p of coefficient * sum over c of u[e, row, c] * v[e, column, c]
//
// a, z (E, ENTRIES), x, v (E, COLUMNS, C) or gathered (N, COLUMNS, C), y, u (E, ROWS, C) or summed (N, ROWS, C). The pattern
// is not an argument: BilinearKernels writes it into the program as two tables, terms grouped by row and by entry, and the
// sizes as template arguments. x, y, u and v may be bfloat16 each; all is computed in T.
// Owner: product and summed, one thread per element (or 16 bytes) of y; outer, `lanes` neighbouring threads per element of z.
// A block works on whole items, so that what several rows read of x comes from memory once; summed, rows of one item follow
// one another, and what they read of x comes from a cache.
// Bytes: each array once. Arithmetic: 2 C per term. Bound by memory where C is wide. Deterministic: terms in their order,
// channels in a fixed tree, items of a sum in the order of p.
#pragma once
#include "tile.cuh"

template <typename T>
struct bilinear_term {
    int first, second;  // product: entry, column; outer: row, column
    T coefficient;
};

/// Numbers of one access: 16 bytes of the features that are longer.
template <typename T, typename X, typename Y>
constexpr __device__ int bilinear_pack() {
    return static_cast<int>(16 / (sizeof(X) == sizeof(Y) ? sizeof(X) : sizeof(T)));
}

template <typename T, typename X, typename Y>
struct bilinear_product_args {
    const T* a;
    const X* x;
    Y* y;
    const int* index;  // null: item e reads row e of x
    long long items, channels;
    long long per_block;  // items of one block
    long long wide;       // 1: channels and addresses allow 16-byte packs
};
static_assert(sizeof(bilinear_product_args<double, double, double>) == 8 * 8, "8 members of 8 bytes");

template <typename T, typename X, typename Y, int V, int ROWS, int ENTRIES, int COLUMNS>
__device__ void bilinear_product_packs(
    const bilinear_product_args<T, X, Y>& args, const int* start, const bilinear_term<T>* terms) {
    typedef iolaus_pack<T, V> Pack;
    const unsigned packs = static_cast<unsigned>(args.channels / V);
    const unsigned per_item = ROWS * packs;
    const long long first = blockIdx.x * args.per_block;
    const long long rest = args.items - first;
    const unsigned items = static_cast<unsigned>(rest < args.per_block ? rest : args.per_block);
    for (unsigned i = threadIdx.x; i < items * per_item; i += blockDim.x) {
        const unsigned row = i % per_item / packs, c = i % packs;
        const long long e = first + i / per_item;
        const T* a = args.a + e * ENTRIES;
        const X* x = args.x + ((args.index ? args.index[e] : e) * COLUMNS * packs + c) * V;
        Pack sum = {};
#pragma unroll 4
        for (int t = start[row]; t < start[row + 1]; t++) {
            const bilinear_term<T> term = terms[t];
            const T factor = term.coefficient * a[term.first];
            const Pack one = iolaus_load<T, V>(x + term.second * packs * V);
            for (int k = 0; k < V; k++) sum.v[k] += factor * one.v[k];
        }
        iolaus_store<T, V>(args.y + ((e * ROWS + row) * packs + c) * V, sum);
    }
}

template <typename T, typename X, typename Y, int ROWS, int ENTRIES, int COLUMNS>
__device__ void bilinear_product(
    const bilinear_product_args<T, X, Y>& args, const int* start, const bilinear_term<T>* terms) {
    if (args.wide) {
        bilinear_product_packs<T, X, Y, bilinear_pack<T, X, Y>(), ROWS, ENTRIES, COLUMNS>(args, start, terms);
    } else {
        bilinear_product_packs<T, X, Y, 1, ROWS, ENTRIES, COLUMNS>(args, start, terms);
    }
}

template <typename T, typename X, typename Y>
struct bilinear_summed_args {
    const T* a;
    const X* x;
    Y* y;
    const int* start;
    const int* order;  // null: the identity
    long long items, channels;  // items of the result
    long long wide;
};
static_assert(sizeof(bilinear_summed_args<double, double, double>) == 8 * 8, "8 members of 8 bytes");

/// MOST: terms of the longest row. Few are held in registers, as every item of the sum needs them.
template <typename T, typename X, typename Y, int V, int ROWS, int ENTRIES, int COLUMNS, int MOST>
__device__ void bilinear_summed_packs(
    const bilinear_summed_args<T, X, Y>& args, const int* start, const bilinear_term<T>* terms) {
    typedef iolaus_pack<T, V> Pack;
    const unsigned packs = static_cast<unsigned>(args.channels / V);
    const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i >= args.items * ROWS * packs) return;
    const unsigned row = static_cast<unsigned>(i / packs % ROWS), c = static_cast<unsigned>(i % packs);
    const long long n = i / packs / ROWS;
    const int first = start[row], count = start[row + 1] - first;
    constexpr int KEPT = MOST <= 8 ? MOST : 0;
    bilinear_term<T> kept[KEPT + 1] = {};
#pragma unroll
    for (int t = 0; t < KEPT; t++) {
        if (t < count) kept[t] = terms[first + t];
    }
    Pack sum = {};
    const auto add = [&](const bilinear_term<T>& term, const T* a, const X* x) {
        const T factor = term.coefficient * a[term.first];
        const Pack one = iolaus_load<T, V>(x + term.second * packs * V);
        for (int k = 0; k < V; k++) sum.v[k] += factor * one.v[k];
    };
#pragma unroll 2
    for (int p = args.start[n]; p < args.start[n + 1]; p++) {
        const long long e = args.order ? args.order[p] : p;
        const T* a = args.a + e * ENTRIES;
        const X* x = args.x + (e * COLUMNS * packs + c) * V;
        if constexpr (KEPT > 0) {
#pragma unroll
            for (int t = 0; t < KEPT; t++) {
                if (t < count) add(kept[t], a, x);
            }
        } else {
            for (int t = 0; t < count; t++) add(terms[first + t], a, x);
        }
    }
    iolaus_store<T, V>(args.y + i * V, sum);
}

template <typename T, typename X, typename Y, int ROWS, int ENTRIES, int COLUMNS, int MOST>
__device__ void bilinear_summed(
    const bilinear_summed_args<T, X, Y>& args, const int* start, const bilinear_term<T>* terms) {
    if (args.wide) {
        bilinear_summed_packs<T, X, Y, bilinear_pack<T, X, Y>(), ROWS, ENTRIES, COLUMNS, MOST>(args, start, terms);
    } else {
        bilinear_summed_packs<T, X, Y, 1, ROWS, ENTRIES, COLUMNS, MOST>(args, start, terms);
    }
}

template <typename T, typename X, typename Y>
struct bilinear_outer_args {
    const Y* u;
    const X* v;
    T* z;
    long long items, channels;
    long long per_block;
    long long wide;
    long long lanes;  // threads per element of z: a power of two up to 32
};
static_assert(sizeof(bilinear_outer_args<double, double, double>) == 8 * 8, "8 members of 8 bytes");

template <typename T, typename X, typename Y, int V, int ROWS, int ENTRIES, int COLUMNS>
__device__ void bilinear_outer_packs(
    const bilinear_outer_args<T, X, Y>& args, const int* start, const bilinear_term<T>* terms) {
    typedef iolaus_pack<T, V> Pack;
    const unsigned packs = static_cast<unsigned>(args.channels / V);
    const unsigned lanes = static_cast<unsigned>(args.lanes), lane = threadIdx.x % lanes;
    const long long first = blockIdx.x * args.per_block;
    const long long rest = args.items - first;
    const unsigned total = static_cast<unsigned>(rest < args.per_block ? rest : args.per_block) * ENTRIES;
    // all threads of the block make the same number of turns
    for (unsigned from = 0; from < total; from += blockDim.x / lanes) {
        const unsigned i = from + threadIdx.x / lanes;
        const unsigned p = i % ENTRIES;
        const long long e = first + i / ENTRIES;
        T sum = 0;
        if (i < total) {
            for (int t = start[p]; t < start[p + 1]; t++) {
                const bilinear_term<T> term = terms[t];
                const Y* u = args.u + (e * ROWS + term.first) * args.channels;
                const X* v = args.v + (e * COLUMNS + term.second) * args.channels;
                T part = 0;
#pragma unroll 4
                for (unsigned c = lane; c < packs; c += lanes) {
                    const Pack one = iolaus_load<T, V>(u + c * V), other = iolaus_load<T, V>(v + c * V);
                    for (int k = 0; k < V; k++) part += one.v[k] * other.v[k];
                }
                sum += term.coefficient * part;
            }
        }
        for (unsigned half = lanes / 2; half > 0; half /= 2) sum += __shfl_xor_sync(IOLAUS_FULL_WARP, sum, half);
        if (i < total && lane == 0) args.z[e * ENTRIES + p] = sum;
    }
}

template <typename T, typename X, typename Y, int ROWS, int ENTRIES, int COLUMNS>
__device__ void bilinear_outer(
    const bilinear_outer_args<T, X, Y>& args, const int* start, const bilinear_term<T>* terms) {
    if (args.wide) {
        bilinear_outer_packs<T, X, Y, bilinear_pack<T, X, Y>(), ROWS, ENTRIES, COLUMNS>(args, start, terms);
    } else {
        bilinear_outer_packs<T, X, Y, 1, ROWS, ENTRIES, COLUMNS>(args, start, terms);
    }
}
