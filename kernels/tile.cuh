// How reductions share their work, on the device and on the host.
//
// A block is cut into groups of `lanes x walkers` threads. A group owns `lanes` neighbouring columns of one result row;
// each of its threads walks every walkers-th entry, and a tree over the walkers in shared memory ends it. With one walker
// there is neither shared memory nor a barrier, and entries are added in their order. A column is a pack of V elements:
// 16 bytes where addresses and widths allow it, else one element.
#pragma once
#include "iolaus.cuh"

template <typename T, int V>
struct alignas(V * sizeof(T)) iolaus_pack {
    T v[V];
};

struct iolaus_sum {
    template <typename T>
    static __device__ T first(T) { return T(0); }
    template <typename T>
    static __device__ T fold(T a, T b) { return a + b; }
};

struct iolaus_largest {
    template <typename T>
    static __device__ T first(T x) { return x; }
    template <typename T>
    static __device__ T fold(T a, T b) { return iolaus_max(a, b); }
};

/// This thread's place: result row, column in packs, walker. Rows and columns may lie outside of the result.
struct iolaus_place {
    long long row, column;
    unsigned walker;

    __device__ iolaus_place(long long columns, long long lanes, long long walkers) {
        const unsigned l = static_cast<unsigned>(lanes), w = static_cast<unsigned>(walkers);
        const unsigned tiles = static_cast<unsigned>((columns + lanes - 1) / lanes);
        const unsigned item = blockIdx.x * (blockDim.x / (l * w)) + threadIdx.x / (l * w);
        row = item / tiles;
        column = static_cast<long long>(item % tiles) * l + threadIdx.x % l;
        walker = threadIdx.x / l % w;
    }
};

/// Folds the values of a group's walkers; the first walker has the result. All threads of the block take part.
template <typename T, int V, typename Fold>
__device__ void iolaus_fold_walkers(iolaus_pack<T, V>& value, unsigned walker, unsigned lanes, unsigned walkers) {
    IOLAUS_DYNAMIC_SHARED(T, part);
    if (walkers == 1) return;
    const unsigned n = blockDim.x, t = threadIdx.x;
    for (int k = 0; k < V; k++) part[k * n + t] = value.v[k];
    for (unsigned half = walkers / 2; half > 0; half /= 2) {
        __syncthreads();
        if (walker < half) {
            for (int k = 0; k < V; k++) part[k * n + t] = Fold::fold(part[k * n + t], part[k * n + t + half * lanes]);
        }
    }
    for (int k = 0; k < V; k++) value.v[k] = part[k * n + t];
}
