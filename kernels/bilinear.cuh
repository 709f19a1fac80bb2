// Sparse bilinear maps with a fixed pattern, for each item e and channel c (BilinearProduct, BilinearOuter, and
// GatheredProduct, SummedProduct of the lowering).
//
//   product:  y[e, i, c] = sum over the terms of row i of coefficient * a[e, entry] * x[e, column, c]
//   gathered: the same with x[index[e], column, c]
//   summed:   y[n, i, c] = sum over start[n] <= p < start[n + 1] of the product for e = order[p]
//   outer:    z[e, p] = sum over the terms of entry p of coefficient * sum over c of u[e, row, c] * v[e, column, c]
//
// a, z (E, ENTRIES), x, v (E, COLUMNS, C) or gathered (N, COLUMNS, C), y, u (E, ROWS, C) or summed (N, ROWS, C). The pattern
// is not an argument: BilinearKernels writes it into the program. x, y, u and v may be bfloat16 each; all is computed in T.
// Owner: product and summed, one thread per item, V channels and part, a few rows with all of their terms: the columns that
// rows share (those of one degree) are read once, and the rows stay in registers. All threads of a block have one part.
// Outer, `lanes` neighbouring threads per element of z; a block works on whole items.
// Bytes: each array once. Arithmetic: 2 C per term. Bound by memory where C is wide. Deterministic: terms in a fixed order,
// channels in a fixed tree, items of a sum in the order of p.
//
// The program gives a class G: T, X, Y; V, PACKS = C / V; ROWS, ENTRIES, COLUMNS; for product and summed PARTS and classes part<k>:
//   ROWS: how many; add<G>(a, x, sum): adds what one item gives to each; store<G>(y, sum)
#pragma once
#include "tile.cuh"

/// Runs `work` for the part of this number.
template <class G, int K = 0, class Work>
__device__ __forceinline__ void bilinear_part(unsigned part, const Work& work) {
    if constexpr (K + 1 < G::PARTS) {
        if (part > K) return bilinear_part<G, K + 1>(part, work);
    }
    work.template run<typename G::template part<K>>();
}

/// What a thread has of a row or a column: V channels.
template <class G>
using bilinear_sum = iolaus_pack<typename G::T, G::V>;

template <class G>
__device__ __forceinline__ bilinear_sum<G> bilinear_column(const typename G::X* x, int column) {
    return iolaus_load<typename G::T, G::V>(x + column * G::PACKS * G::V);
}

template <class G>
__device__ __forceinline__ void bilinear_add(
    bilinear_sum<G>& sum, typename G::T coefficient, const typename G::T* a, const bilinear_sum<G>& column) {
    const typename G::T factor = coefficient * iolaus_fetch<typename G::T, 1>(a).v[0];
#pragma unroll
    for (int k = 0; k < G::V; k++) sum.v[k] += factor * column.v[k];
}

template <class G>
__device__ __forceinline__ void bilinear_store(typename G::Y* y, int row, const bilinear_sum<G>& sum) {
    iolaus_store<typename G::T, G::V>(y + row * G::PACKS * G::V, sum);
}

template <typename T, typename X, typename Y>
struct bilinear_product_args {
    const T* a;
    const X* x;
    Y* y;
    const int* index;  // null: item e reads row e of x
    long long items;
};
static_assert(sizeof(bilinear_product_args<double, double, double>) == 5 * 8, "5 members of 8 bytes");

template <class G>
struct bilinear_one_item {
    const typename G::T* a;
    const typename G::X* x;
    typename G::Y* y;

    template <class P>
    __device__ __forceinline__ void run() const {
        bilinear_sum<G> sum[P::ROWS] = {};
        P::template add<G>(a, x, sum);
        P::template store<G>(y, sum);
    }
};

template <class G>
__device__ __forceinline__ void bilinear_product(
    const bilinear_product_args<typename G::T, typename G::X, typename G::Y>& args) {
    const unsigned i = blockIdx.x / G::PARTS * blockDim.x + threadIdx.x;
    const unsigned e = i / G::PACKS, c = i % G::PACKS;
    if (e >= args.items) return;
    const long long from = args.index ? args.index[e] : e, to = e;
    const bilinear_one_item<G> work = {
        args.a + to * G::ENTRIES,
        args.x + (from * G::COLUMNS * G::PACKS + c) * G::V,
        args.y + (to * G::ROWS * G::PACKS + c) * G::V};
    bilinear_part<G>(blockIdx.x % G::PARTS, work);
}

template <typename T, typename X, typename Y>
struct bilinear_summed_args {
    const T* a;
    const X* x;
    Y* y;
    const int* start;
    const int* order;  // null: the identity
    long long items;   // of the result
};
static_assert(sizeof(bilinear_summed_args<double, double, double>) == 6 * 8, "6 members of 8 bytes");

template <class G>
struct bilinear_all_items {
    const typename G::T* a;
    const typename G::X* x;
    typename G::Y* y;
    const int* order;
    int first, end;

    template <class P>
    __device__ __forceinline__ void run() const {
        bilinear_sum<G> sum[P::ROWS] = {};
        for (int p = first; p < end; p++) {
            const long long e = order ? order[p] : p;
            P::template add<G>(a + e * G::ENTRIES, x + e * G::COLUMNS * G::PACKS * G::V, sum);
        }
        P::template store<G>(y, sum);
    }
};

template <class G>
__device__ __forceinline__ void bilinear_summed(
    const bilinear_summed_args<typename G::T, typename G::X, typename G::Y>& args) {
    const unsigned i = blockIdx.x / G::PARTS * blockDim.x + threadIdx.x;
    const unsigned n = i / G::PACKS, c = i % G::PACKS;
    if (n >= args.items) return;
    const long long to = n;
    const bilinear_all_items<G> work = {
        args.a,
        args.x + c * G::V,
        args.y + (to * G::ROWS * G::PACKS + c) * G::V,
        args.order,
        args.start[n],
        args.start[n + 1]};
    bilinear_part<G>(blockIdx.x % G::PARTS, work);
}

template <typename T>
struct bilinear_term {
    int row, column;
    T coefficient;
};

template <typename T, typename X, typename Y>
struct bilinear_outer_args {
    const Y* u;
    const X* v;
    T* z;
    long long items;
    long long per_block;  // items of one block
    long long lanes;      // threads per element of z: a power of two up to 32
};
static_assert(sizeof(bilinear_outer_args<double, double, double>) == 6 * 8, "6 members of 8 bytes");

/// @param start, terms: those of each entry
template <class G>
__device__ __forceinline__ void bilinear_outer(
    const bilinear_outer_args<typename G::T, typename G::X, typename G::Y>& args,
    const int* start,
    const bilinear_term<typename G::T>* terms) {
    typedef typename G::T T;
    typedef iolaus_pack<T, G::V> Pack;
    const unsigned lanes = static_cast<unsigned>(args.lanes), lane = threadIdx.x % lanes;
    const long long first = blockIdx.x * args.per_block;
    const long long rest = args.items - first;
    const unsigned total = static_cast<unsigned>(rest < args.per_block ? rest : args.per_block) * G::ENTRIES;
    // all threads of the block make the same number of turns
    for (unsigned from = 0; from < total; from += blockDim.x / lanes) {
        const unsigned i = from + threadIdx.x / lanes;
        const unsigned p = i % G::ENTRIES;
        const long long e = first + i / G::ENTRIES;
        T sum = 0;
        if (i < total) {
            for (int t = start[p]; t < start[p + 1]; t++) {
                const bilinear_term<T> term = terms[t];
                const typename G::Y* u = args.u + (e * G::ROWS + term.row) * (G::PACKS * G::V);
                const typename G::X* v = args.v + (e * G::COLUMNS + term.column) * (G::PACKS * G::V);
                T part = 0;
#pragma unroll 4
                for (unsigned c = lane; c < G::PACKS; c += lanes) {
                    const Pack one = iolaus_load<T, G::V>(u + c * G::V), other = iolaus_load<T, G::V>(v + c * G::V);
                    for (int k = 0; k < G::V; k++) part += one.v[k] * other.v[k];
                }
                sum += term.coefficient * part;
            }
        }
        for (unsigned half = lanes / 2; half > 0; half /= 2) sum += __shfl_xor_sync(IOLAUS_FULL_WARP, sum, half);
        if (i < total && lane == 0) args.z[e * G::ENTRIES + p] = sum;
    }
}
