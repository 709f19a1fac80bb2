// The mask of a dropout layer, a pure function of (seed, step, stream, element).
//
//   base = mix(mix(mix(seed) + step) + stream);   u = (mix(base + i) >> 11) / 2^53
//   y[i] = u < probability ? 0 : 1 / (1 - probability)
//
// mix is the output function of SplitMix64 (Steele, Lea and Flood, 2014) at a counter. key (2) holds seed and step as
// numbers, so float keeps them exact below 2^24. y (n).
// Owner: one thread per element. Bytes: n elements written. Bound by memory. Deterministic.
#include "iolaus.cuh"

template <typename T>
struct dropout_mask_args {
    const T* key;
    T* y;
    double probability;
    long long stream;
    long long n;
};
static_assert(sizeof(dropout_mask_args<float>) == 5 * 8, "5 members of 8 bytes");

__device__ __forceinline__ unsigned long long dropout_mix(unsigned long long counter) {
    unsigned long long z = (counter + 1) * 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

template <typename T>
__device__ void dropout_mask(const dropout_mask_args<T>& args) {
    const long long i = IOLAUS_GLOBAL_INDEX;
    if (i >= args.n) return;
    const unsigned long long seed = static_cast<unsigned long long>(static_cast<long long>(args.key[0]));
    const unsigned long long step = static_cast<unsigned long long>(static_cast<long long>(args.key[1]));
    const unsigned long long stream = static_cast<unsigned long long>(args.stream);
    const unsigned long long base = dropout_mix(dropout_mix(dropout_mix(seed) + step) + stream);
    const double uniform = static_cast<double>(dropout_mix(base + static_cast<unsigned long long>(i)) >> 11) / 9007199254740992.0;
    args.y[i] = uniform < args.probability ? T(0) : static_cast<T>(1 / (1 - args.probability));
}

IOLAUS_BOTH(IOLAUS_KERNEL, dropout_mask)
