// Small matrix products (small_gemm.cuh), one at a time.
//
//   c = a op(b)   row-major without gaps; small_gemm_nt: b is stored (n, k)
//
// _f32: all are float; _bf16: all are bfloat16; _bf16_f32: the factors are. Sums are float.
// Bytes: (m k + k n) times the number of tiles that share them (from the cache), m n written. Bound by latency at the sizes
// that it is for: 2.2 us for 90 x 64 x 64 on an H100, where cuBLAS 13.1 takes 5.5.
#include "small_gemm.cuh"

#define SMALL_GEMM(name, X, C, TB) \
    typedef small_gemm_args<X, C, 1> name##_arguments; \
    IOLAUS_BLOCK_KERNEL(name, name##_arguments) { small_gemm<X, C, 1, TB>(args, small_gemm_end()); }

SMALL_GEMM(small_gemm_nn_f32, float, float, false)
SMALL_GEMM(small_gemm_nt_f32, float, float, true)
SMALL_GEMM(small_gemm_nn_bf16, iolaus_bf16, iolaus_bf16, false)
SMALL_GEMM(small_gemm_nt_bf16, iolaus_bf16, iolaus_bf16, true)
SMALL_GEMM(small_gemm_nn_bf16_f32, iolaus_bf16, float, false)
SMALL_GEMM(small_gemm_nt_bf16_f32, iolaus_bf16, float, true)
