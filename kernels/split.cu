// Factors of matrix products taken apart for tensor cores: a float is the sum of two numbers with 10 bits of fraction (TF32).
//
//   y[r, :, c] = (high, low, cross) for one factor, (high, cross, low) for the other one;  x (rows, width),
//   y (rows, 3, width);   high = x to the nearest, low = x - high to the nearest, cross = high
//
// A row is one of a matrix, or all of it. The parts of one factor times those of the other are high high + low high +
// high low: the product of floats but for 2^-21 of it, 2^-24 in the mean. Where x is infinite or no number, high = x, low = cross = 0,
// so that infinities stay what they are; what would be rounded to infinity is rounded towards zero. high + low is x to
// 2^-22 of it, and to 2^-137 where x is below 2^-115.
// Owner: one thread per element (or 16 bytes) of x. Bytes: each element of x and of y once. Bound by memory.
// Deterministic.
#include "tf32.cuh"
#include "tile.cuh"

struct split_args {
    const float* x;
    float* y;
    long long rows, width;
    long long other;
    long long wide;  // 1: width and addresses allow 16-byte packs
};
static_assert(sizeof(split_args) == 6 * 8, "6 members of 8 bytes");

template <int V>
__device__ void split(const split_args& args) {
    typedef iolaus_pack<float, V> Pack;
    const unsigned width = static_cast<unsigned>(args.width / V);
    const unsigned i = static_cast<unsigned>(IOLAUS_GLOBAL_INDEX);
    const unsigned r = i / width, c = i % width;
    if (r >= args.rows) return;
    const Pack x = reinterpret_cast<const Pack*>(args.x)[i];
    Pack high, low, cross;
    for (int k = 0; k < V; k++) {
        const bool finite = x.v[k] - x.v[k] == 0;
        high.v[k] = iolaus_tf32(x.v[k]);
        low.v[k] = finite ? iolaus_tf32(x.v[k] - high.v[k]) : 0.0f;
        cross.v[k] = finite ? high.v[k] : 0.0f;
    }
    Pack* y = reinterpret_cast<Pack*>(args.y) + static_cast<long long>(r) * 3 * width + c;
    y[0] = high;
    y[width] = args.other ? cross : low;
    y[2 * static_cast<long long>(width)] = args.other ? low : cross;
}

IOLAUS_KERNEL(split_f32, split_args) {
    if (args.wide) {
        split<4>(args);
    } else {
        split<1>(args);
    }
}
