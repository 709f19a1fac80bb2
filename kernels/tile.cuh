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

/// The same for several values of a thread, one after another.
template <typename T, int V, int K>
__device__ void iolaus_sum_walkers(iolaus_pack<T, V> (&values)[K], unsigned walker, unsigned lanes, unsigned walkers) {
    if (walkers == 1) return;
#pragma unroll
    for (int k = 0; k < K; k++) {
        iolaus_fold_walkers<T, V, iolaus_sum>(values[k], walker, lanes, walkers);
        __syncthreads();  // before the memory is used again
    }
}

/// Sum over `lanes` neighbouring threads, 2 to 32, the same in each; all lanes of the warp take part.
template <int lanes, typename T>
__device__ __forceinline__ T iolaus_sum_lanes(T value) {
#pragma unroll
    for (int half = lanes / 2; half > 0; half /= 2) value += __shfl_xor_sync(IOLAUS_FULL_WARP, value, half, lanes);
    return value;
}

/// V elements as one access; the address is aligned to their size. Only for memory that the kernel does not write.
template <typename X, int V>
__device__ __forceinline__ iolaus_pack<X, V> iolaus_fetch(const X* p) {
#ifdef IOLAUS_HOST
    return *reinterpret_cast<const iolaus_pack<X, V>*>(p);
#else
    constexpr int bytes = V * sizeof(X);
    static_assert(bytes == 16 || bytes == 8 || bytes == 4 || bytes == 2, "one access");
    iolaus_pack<X, V> pack;
    if constexpr (bytes == 16) {
        *reinterpret_cast<uint4*>(&pack) = __ldg(reinterpret_cast<const uint4*>(p));
    } else if constexpr (bytes == 8) {
        *reinterpret_cast<uint2*>(&pack) = __ldg(reinterpret_cast<const uint2*>(p));
    } else if constexpr (bytes == 4) {
        *reinterpret_cast<unsigned*>(&pack) = __ldg(reinterpret_cast<const unsigned*>(p));
    } else {
        *reinterpret_cast<unsigned short*>(&pack) = __ldg(reinterpret_cast<const unsigned short*>(p));
    }
    return pack;
#endif
}

/// What was fetched, as what is computed with.
template <typename T, int V>
__device__ __forceinline__ iolaus_pack<T, V> iolaus_widen(const iolaus_pack<T, V>& fetched) {
    return fetched;
}

template <typename T, int V>
__device__ __forceinline__ iolaus_pack<T, V> iolaus_widen(const iolaus_pack<iolaus_bf16, V>& fetched) {
    iolaus_pack<T, V> pack;
#ifdef IOLAUS_HOST
    for (int k = 0; k < V; k++) pack.v[k] = static_cast<T>(fetched.v[k]);
#else
    if constexpr (V == 1) {
        pack.v[0] = fetched.v[0];
    } else {
#pragma unroll
        for (int k = 0; k < V / 2; k++) {
            const unsigned word = reinterpret_cast<const unsigned*>(&fetched)[k];
            pack.v[2 * k] = iolaus_float(word << 16);
            pack.v[2 * k + 1] = iolaus_float(word & 0xffff0000u);
        }
    }
#endif
    return pack;
}

/// Both: T holds what is computed with, X is T or bfloat16.
template <typename T, int V, typename X>
__device__ __forceinline__ iolaus_pack<T, V> iolaus_load(const X* p) {
    return iolaus_widen<T, V>(iolaus_fetch<X, V>(p));
}

template <typename T, int V>
__device__ __forceinline__ void iolaus_store(T* p, const iolaus_pack<T, V>& pack) {
    *reinterpret_cast<iolaus_pack<T, V>*>(p) = pack;
}

/// The same to bfloat16.
template <typename T, int V>
__device__ __forceinline__ void iolaus_store(iolaus_bf16* p, const iolaus_pack<T, V>& pack) {
    iolaus_pack<iolaus_bf16, V> rounded;
#pragma unroll
    for (int k = 0; k < V; k++) rounded.v[k] = iolaus_bf16(static_cast<float>(pack.v[k]));
    *reinterpret_cast<iolaus_pack<iolaus_bf16, V>*>(p) = rounded;
}
