// Matrix products too small for a library's tiles to fill a GPU, and what is done with their results in the same kernel.
//
//   c[s] = a[s] op(b[s])   S products of one shape; a (rows, k), op(b) (k, columns), c (rows, columns), row-major with any
//                          number of elements from row to row; TB: b is stored (columns, k)
//
// Parts of one product count as several: every third row of it, or a run of columns.
// Owner: a block of 128 threads per 32 x 32 tile; of each product a thread has 4 rows and 2 columns of it. The next 64
// entries of k, or the first of the next product, are loaded into registers while the last ones are multiplied from shared
// memory. Deterministic: products are added in the order of k.
#pragma once
#include "tile.cuh"

template <typename X, typename C, int S>
struct small_gemm_args {
    const X* a[S];
    const X* b[S];
    C* c[S];  // null where nobody reads it
    long long a_pitch[S], b_pitch[S], c_pitch[S], k[S];
    long long rows, columns;
    long long wide;  // 1: row lengths and addresses allow loads of four numbers
};
static_assert(sizeof(small_gemm_args<float, float, 1>) == 10 * 8, "10 members of 8 bytes");

constexpr int SMALL_GEMM_TILE = 32;
constexpr int SMALL_GEMM_DEPTH = 64;
constexpr int SMALL_GEMM_PITCH = SMALL_GEMM_DEPTH + 4;  // 8 neighbouring rows lie in different banks
constexpr int SMALL_GEMM_THREADS = 128;
constexpr int SMALL_GEMM_SUM_PITCH = SMALL_GEMM_TILE + 4;
/// From the sums of one product to those of the next.
constexpr int SMALL_GEMM_SUMS = SMALL_GEMM_TILE * SMALL_GEMM_SUM_PITCH;
constexpr int SMALL_GEMM_LOADS = SMALL_GEMM_TILE * SMALL_GEMM_DEPTH / 4 / SMALL_GEMM_THREADS;

/// A piece (32 rows, 64 of k) of an operand on its way to shared memory: four numbers per load.
template <typename X, bool TRANSPOSED>
struct small_gemm_piece {
    float4 value[SMALL_GEMM_LOADS];

    static __device__ __forceinline__ float4 four(const X* p) {
        const iolaus_pack<float, 4> pack = iolaus_load<float, 4>(p);
        return {pack.v[0], pack.v[1], pack.v[2], pack.v[3]};
    }

    /// @param rows of the operand, `from` the first of this tile; TRANSPOSED: it is stored (k, rows)
    /// @param pitch from one row in memory to the next
    __device__ __forceinline__ void load(bool wide, const X* x, long long pitch, int rows, int from, int k, int at) {
        if (wide) {
            load<true>(x, pitch, rows, from, k, at);
        } else {
            load<false>(x, pitch, rows, from, k, at);
        }
    }

    template <bool WIDE>
    __device__ __forceinline__ void load(const X* x, long long pitch, int rows, int from, int k, int at) {
#pragma unroll
        for (int i = 0; i < SMALL_GEMM_LOADS; i++) {
            const int item = static_cast<int>(threadIdx.x) + i * SMALL_GEMM_THREADS;
            float4 v = {0, 0, 0, 0};
            if (TRANSPOSED) {
                const int depth = at + item / (SMALL_GEMM_TILE / 4);
                const int row = from + item % (SMALL_GEMM_TILE / 4) * 4;
                const X* p = x + depth * pitch + row;
                if (depth < k && row < rows) {
                    if (WIDE) {
                        v = four(p);
                    } else {
                        v.x = p[0];
                        if (row + 1 < rows) v.y = p[1];
                        if (row + 2 < rows) v.z = p[2];
                        if (row + 3 < rows) v.w = p[3];
                    }
                }
            } else {
                const int row = from + item / (SMALL_GEMM_DEPTH / 4);
                const int depth = at + item % (SMALL_GEMM_DEPTH / 4) * 4;
                const X* p = x + row * pitch + depth;
                if (row < rows && depth < k) {
                    if (WIDE) {
                        v = four(p);
                    } else {
                        v.x = p[0];
                        if (depth + 1 < k) v.y = p[1];
                        if (depth + 2 < k) v.z = p[2];
                        if (depth + 3 < k) v.w = p[3];
                    }
                }
            }
            value[i] = v;
        }
    }

    /// Into `tile` (32 rows, pitch).
    __device__ __forceinline__ void store(float* tile) const {
#pragma unroll
        for (int i = 0; i < SMALL_GEMM_LOADS; i++) {
            const int item = static_cast<int>(threadIdx.x) + i * SMALL_GEMM_THREADS;
            if (TRANSPOSED) {
                const int depth = item / (SMALL_GEMM_TILE / 4);
                const int row = item % (SMALL_GEMM_TILE / 4) * 4;
                tile[row * SMALL_GEMM_PITCH + depth] = value[i].x;
                tile[(row + 1) * SMALL_GEMM_PITCH + depth] = value[i].y;
                tile[(row + 2) * SMALL_GEMM_PITCH + depth] = value[i].z;
                tile[(row + 3) * SMALL_GEMM_PITCH + depth] = value[i].w;
            } else {
                const int row = item / (SMALL_GEMM_DEPTH / 4);
                const int depth = item % (SMALL_GEMM_DEPTH / 4) * 4;
                *reinterpret_cast<float4*>(tile + row * SMALL_GEMM_PITCH + depth) = value[i];
            }
        }
    }
};

/// Nothing follows.
struct small_gemm_end {
    static constexpr int PACK = 0;
};

/// @param then is called with row, column and the address of the sums (rounded to C; those of product s from
///     s SMALL_GEMM_SUMS on) of THEN::PACK neighbouring elements; the number of columns is a multiple of that
template <typename X, typename C, int S, bool TB, typename Then>
__device__ __forceinline__ void small_gemm(const small_gemm_args<X, C, S>& args, const Then& then) {
    constexpr int OPERAND = SMALL_GEMM_TILE * SMALL_GEMM_PITCH;
    constexpr int SUMS = Then::PACK == 0 ? 0 : S * SMALL_GEMM_SUMS;
    __shared__ __align__(16) float shared[2 * OPERAND + SUMS];
    float* const a = shared;
    float* const b = shared + OPERAND;
    float* const sums = shared + 2 * OPERAND;
    const bool wide = args.wide != 0;
    const int rows = static_cast<int>(args.rows), columns = static_cast<int>(args.columns);
    const int tiles = (columns + SMALL_GEMM_TILE - 1) / SMALL_GEMM_TILE;
    const int row = static_cast<int>(blockIdx.x) / tiles * SMALL_GEMM_TILE;
    const int column = static_cast<int>(blockIdx.x) % tiles * SMALL_GEMM_TILE;
    // of the tile: rows r, r + 8, r + 16, r + 24, columns c and c + 4
    const int r = static_cast<int>(threadIdx.x) % 32 / 4;
    const int c = static_cast<int>(threadIdx.x) / 32 * 8 + static_cast<int>(threadIdx.x) % 4;
    small_gemm_piece<X, false> left;
    small_gemm_piece<X, !TB> right;
    left.load(wide, args.a[0], args.a_pitch[0], rows, row, static_cast<int>(args.k[0]), 0);
    right.load(wide, args.b[0], args.b_pitch[0], columns, column, static_cast<int>(args.k[0]), 0);
#pragma unroll 1
    for (int s = 0; s < S; s++) {
        const int k = static_cast<int>(args.k[s]);
        float sum[4][2] = {};
#pragma unroll 1
        for (int at = 0; at < k; at += SMALL_GEMM_DEPTH) {
            left.store(a);
            right.store(b);
            __syncthreads();
            const bool more = at + SMALL_GEMM_DEPTH < k;
            const int next = more ? s : s + 1, from = more ? at + SMALL_GEMM_DEPTH : 0;
            if (next < S) {
                const int depth = static_cast<int>(args.k[next]);
                left.load(wide, args.a[next], args.a_pitch[next], rows, row, depth, from);
                right.load(wide, args.b[next], args.b_pitch[next], columns, column, depth, from);
            }
#pragma unroll 4
            for (int p = 0; p < SMALL_GEMM_DEPTH; p += 4) {
                float4 x[4], y[2];
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    x[i] = *reinterpret_cast<const float4*>(a + (r + 8 * i) * SMALL_GEMM_PITCH + p);
                }
#pragma unroll
                for (int j = 0; j < 2; j++) {
                    y[j] = *reinterpret_cast<const float4*>(b + (c + 4 * j) * SMALL_GEMM_PITCH + p);
                }
#pragma unroll
                for (int i = 0; i < 4; i++) {
#pragma unroll
                    for (int j = 0; j < 2; j++) {
                        sum[i][j] += x[i].x * y[j].x;
                        sum[i][j] += x[i].y * y[j].y;
                        sum[i][j] += x[i].z * y[j].z;
                        sum[i][j] += x[i].w * y[j].w;
                    }
                }
            }
            __syncthreads();
        }
        C* const to = args.c[s];
#pragma unroll
        for (int i = 0; i < 4; i++) {
#pragma unroll
            for (int j = 0; j < 2; j++) {
                const int y = r + 8 * i, x = c + 4 * j;
                const C rounded = C(sum[i][j]);
                if constexpr (Then::PACK > 0) {
                    sums[s * SMALL_GEMM_SUMS + y * SMALL_GEMM_SUM_PITCH + x] = static_cast<float>(rounded);
                }
                if (to && row + y < rows && column + x < columns) {
                    to[(row + y) * args.c_pitch[s] + column + x] = rounded;
                }
            }
        }
    }
    if constexpr (Then::PACK > 0) {
        constexpr int PACKS = SMALL_GEMM_TILE / Then::PACK;
        __syncthreads();
#pragma unroll 2
        for (int item = static_cast<int>(threadIdx.x); item < SMALL_GEMM_TILE * PACKS; item += SMALL_GEMM_THREADS) {
            const int y = item / PACKS, x = item % PACKS * Then::PACK;
            if (row + y < rows && column + x < columns) {
                then(row + y, column + x, sums + y * SMALL_GEMM_SUM_PITCH + x);
            }
        }
    }
}
