// Matrix products too small for a library's tiles to fill a GPU.
//
//   c = a op(b)   row-major without gaps, a (m, k), op(b) (k, n), c (m, n); small_gemm_nt: b is stored (n, k)
//
// _f32: all are float; _bf16: all are bfloat16; _bf16_f32: the factors are. Sums are float.
// Owner: a block of 128 threads per 32 x 32 tile of c; a thread has 4 rows and 2 columns of it. The next 64 entries of k
// are loaded into registers while the last ones are multiplied from shared memory.
// Bytes: (m k + k n) times the number of tiles that share them (from the cache), m n written. Bound by latency at the sizes
// that it is for: 2.2 us for 90 x 64 x 64 on an H100, where cuBLAS 13.1 takes 5.5. Deterministic: products are added in the
// order of k.
#include "tile.cuh"

template <typename X, typename C>
struct small_gemm_args {
    const X* a;
    const X* b;
    C* c;
    long long m, n, k;
    long long wide;  // 1: row lengths and addresses allow loads of four numbers
};
static_assert(sizeof(small_gemm_args<float, float>) == 7 * 8, "7 members of 8 bytes");

constexpr int SMALL_GEMM_TILE = 32;
constexpr int SMALL_GEMM_DEPTH = 64;
constexpr int SMALL_GEMM_PITCH = SMALL_GEMM_DEPTH + 4;  // 8 neighbouring rows lie in different banks
constexpr int SMALL_GEMM_THREADS = 128;
constexpr int SMALL_GEMM_LOADS = SMALL_GEMM_TILE * SMALL_GEMM_DEPTH / 4 / SMALL_GEMM_THREADS;

/// A piece (32 rows, 64 of k) of an operand on its way to shared memory: four numbers per load.
template <typename X, bool TRANSPOSED, bool WIDE>
struct small_gemm_piece {
    float4 value[SMALL_GEMM_LOADS];

    static __device__ __forceinline__ float4 four(const X* p) {
        const iolaus_pack<float, 4> pack = iolaus_load<float, 4>(p);
        return {pack.v[0], pack.v[1], pack.v[2], pack.v[3]};
    }

    /// @param rows of the operand, `from` the first of this tile; TRANSPOSED: it is stored (k, rows)
    __device__ __forceinline__ void load(const X* x, int rows, int from, int k, int at) {
#pragma unroll
        for (int i = 0; i < SMALL_GEMM_LOADS; i++) {
            const int item = static_cast<int>(threadIdx.x) + i * SMALL_GEMM_THREADS;
            float4 v = {0, 0, 0, 0};
            if (TRANSPOSED) {
                const int depth = at + item / (SMALL_GEMM_TILE / 4);
                const int row = from + item % (SMALL_GEMM_TILE / 4) * 4;
                const X* p = x + static_cast<long long>(depth) * rows + row;
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
                const X* p = x + static_cast<long long>(row) * k + depth;
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

template <typename X, typename C, bool TB, bool WIDE>
__device__ __forceinline__ void small_gemm(const small_gemm_args<X, C>& args) {
    __shared__ __align__(16) float a[SMALL_GEMM_TILE * SMALL_GEMM_PITCH];
    __shared__ __align__(16) float b[SMALL_GEMM_TILE * SMALL_GEMM_PITCH];
    const int m = static_cast<int>(args.m), n = static_cast<int>(args.n), k = static_cast<int>(args.k);
    const int columns = (n + SMALL_GEMM_TILE - 1) / SMALL_GEMM_TILE;
    const int row = static_cast<int>(blockIdx.x) / columns * SMALL_GEMM_TILE;
    const int column = static_cast<int>(blockIdx.x) % columns * SMALL_GEMM_TILE;
    // of the tile: rows r, r + 8, r + 16, r + 24, columns c and c + 4
    const int r = static_cast<int>(threadIdx.x) % 32 / 4;
    const int c = static_cast<int>(threadIdx.x) / 32 * 8 + static_cast<int>(threadIdx.x) % 4;
    float sum[4][2] = {};
    small_gemm_piece<X, false, WIDE> left;
    small_gemm_piece<X, !TB, WIDE> right;
    left.load(args.a, m, row, k, 0);
    right.load(args.b, n, column, k, 0);
    for (int at = 0; at < k; at += SMALL_GEMM_DEPTH) {
        left.store(a);
        right.store(b);
        __syncthreads();
        if (at + SMALL_GEMM_DEPTH < k) {
            left.load(args.a, m, row, k, at + SMALL_GEMM_DEPTH);
            right.load(args.b, n, column, k, at + SMALL_GEMM_DEPTH);
        }
#pragma unroll 4
        for (int p = 0; p < SMALL_GEMM_DEPTH; p += 4) {
            float4 x[4], y[2];
#pragma unroll
            for (int i = 0; i < 4; i++) x[i] = *reinterpret_cast<const float4*>(a + (r + 8 * i) * SMALL_GEMM_PITCH + p);
#pragma unroll
            for (int j = 0; j < 2; j++) y[j] = *reinterpret_cast<const float4*>(b + (c + 4 * j) * SMALL_GEMM_PITCH + p);
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
#pragma unroll
    for (int i = 0; i < 4; i++) {
#pragma unroll
        for (int j = 0; j < 2; j++) {
            const int y = row + r + 8 * i, x = column + c + 4 * j;
            if (y < m && x < n) args.c[static_cast<long long>(y) * n + x] = sum[i][j];
        }
    }
}

#define SMALL_GEMM(name, X, C, TB) \
    typedef small_gemm_args<X, C> name##_arguments; \
    IOLAUS_BLOCK_KERNEL(name, name##_arguments) { \
        if (args.wide) { \
            small_gemm<X, C, TB, true>(args); \
        } else { \
            small_gemm<X, C, TB, false>(args); \
        } \
    }

SMALL_GEMM(small_gemm_nn_f32, float, float, false)
SMALL_GEMM(small_gemm_nt_f32, float, float, true)
SMALL_GEMM(small_gemm_nn_bf16, iolaus_bf16, iolaus_bf16, false)
SMALL_GEMM(small_gemm_nt_bf16, iolaus_bf16, iolaus_bf16, true)
SMALL_GEMM(small_gemm_nn_bf16_f32, iolaus_bf16, float, false)
SMALL_GEMM(small_gemm_nt_bf16_f32, iolaus_bf16, float, true)
