// Sums of squares of runs of numbers.
//
//   y[part] = sum over part * run <= i < min((part + 1) * run, n) of x[i]^2, in double
//
// x (n); y (parts). Owner: a block of 256 threads for each part.
// Bytes: n read, parts written, elements. Bound by memory. Deterministic: a fixed tree.
#include "iolaus.cuh"

template <typename T>
struct square_sums_args {
    const T* x;
    T* y;
    long long n;
    long long run;
};
static_assert(sizeof(square_sums_args<float>) == 4 * 8, "4 members of 8 bytes");

template <typename T>
__device__ void square_sums(const square_sums_args<T>& args) {
    __shared__ double warp[8];
    const long long from = blockIdx.x * args.run;
    const long long to = iolaus_min(from + args.run, args.n);
    double sum = 0;
#pragma unroll 4
    for (long long i = from + threadIdx.x; i < to; i += blockDim.x) {
        const double x = args.x[i];
        sum += x * x;
    }
    for (int distance = 16; distance > 0; distance /= 2) sum += __shfl_down_sync(IOLAUS_FULL_WARP, sum, distance);
    if (threadIdx.x % 32 == 0) warp[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x > 0) return;
    for (int k = 1; k < 8; k++) sum += warp[k];
    args.y[blockIdx.x] = static_cast<T>(sum);
}

IOLAUS_BOTH(IOLAUS_BLOCK_KERNEL, square_sums)
