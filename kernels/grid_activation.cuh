// SiLU of functions on the sphere on a grid that stays in registers, and its derivatives (GridActivation).
//
//   y[e, i, c] = sum over points p of S[p, i] silu^(n)(sum_j T[p, j] x[e, j, c]) product over k of (sum_j S_k[p, j] v_k[e, j, c])
//
// x, v_k, y (E, R, C), each of type T or, by its bit of BF16, bfloat16. The matrices are products,
// S[(ring, a), r] = polar[ring, r] wave(r)(a), so a ring's values come from 2 M + 1 waves that R coefficients are first gathered
// into. Points a and -a share their cosine and sine parts, a ring and its mirror image what even and odd coefficients give.
// Owner: one thread per column (e, c); it holds the column's coefficients and their sums (or, where those do not fit in
// registers, reads the coefficients again for each ring).
// Bytes: each array once. Arithmetic per column: for each matrix RINGS (R / 2 + AZIMUTHS (M + 1)) multiply-adds, and at each point
// an exponential and a reciprocal (FAST: a hyperbolic tangent). With M = 2 those bind, not memory. Deterministic.
//
// GridKernels writes the grid into the program, as a class G:
//   T; RINGS, AZIMUTHS, COEFFICIENTS, WAVES; INPUTS: x and the factors; KEPT: coefficients stay in registers; FAST
//   wave(r): of a coefficient; wave_at(j, w): the wave's value at point j of a ring (w = 0: 1, 2m - 1: cosine, 2m: sine)
//   polar(k, ring): factors of input k, or of the result for k = INPUTS: packs of 16 bytes, filled up behind COEFFICIENTS
//   BF16: bit k for input k, bit INPUTS for y
//   A, a(i), B, b(i): silu^(n) is, but for a constant, s (a(s) + q b(s)), s the sigmoid and q the argument times -log2(e), or
//   if FAST (1 + s) (a(s) + q b(s)), s the hyperbolic tangent and q half the argument. The factor of the argument is one of
//   polar(0, ...), too, and the constant is taken back by polar(INPUTS, ...).
//   MIRRORED: ring RINGS - 1 - i has the factors of ring i, negative ones for a coefficient that is odd(r)
#pragma once
#include "tile.cuh"

template <typename T, int INPUTS>
struct grid_activation_args {
    const void* in[INPUTS];
    void* y;
    long long columns;  // E C
    long long channels;
};
static_assert(sizeof(grid_activation_args<double, 2>) == 5 * 8, "3 members of 8 bytes and one for each input");

// grid_again: a value as if just learnt, so that what follows from it is computed anew and not kept in registers meanwhile
// grid_sigmoid: s of q = -log2(e) f
#ifdef IOLAUS_HOST
inline unsigned grid_again(unsigned value) { return value; }

template <typename T>
inline T grid_sigmoid(T q) { return T(1) / (T(1) + std::exp2(q)); }

/// tanh with the 11 bits that a GPU's instruction has.
inline float grid_tanh(float q) {
    union { float value; uint32_t bits; } word = {std::tanh(q)};
    if (q == q) word.bits = (word.bits + (1u << 12)) & ~((1u << 13) - 1u);
    return word.value;
}
#else
__device__ __forceinline__ unsigned grid_again(unsigned value) {
    asm volatile("" : "+r"(value) : : "memory");
    return value;
}

__device__ __forceinline__ double grid_sigmoid(double q) { return 1.0 / (1.0 + exp2(q)); }

__device__ __forceinline__ float grid_sigmoid(float q) {
    float power, inverse;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(q));
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(inverse) : "f"(1.0f + power));
    return inverse;
}

__device__ __forceinline__ float grid_tanh(float q) {
    float result;
    asm("tanh.approx.f32 %0, %1;" : "=f"(result) : "f"(q));
    return result;
}
#endif

/// silu^(n), times a constant.
template <class G>
__device__ __forceinline__ typename G::T grid_silu(typename G::T q) {
    typedef typename G::T T;
    T s;
    if constexpr (G::FAST) {
        s = grid_tanh(q);
    } else {
        s = grid_sigmoid(q);
    }
    T b = G::b(G::B - 1);
#pragma unroll
    for (int i = G::B - 2; i >= 0; i--) b = b * s + G::b(i);
    T sum = q * b;
    if constexpr (G::A > 0) {
        T a = G::a(G::A - 1);
#pragma unroll
        for (int i = G::A - 2; i >= 0; i--) a = a * s + G::a(i);
        sum += a;
    }
    return G::FAST ? sum * s + sum : s * sum;
}

/// What a point adds to the result.
template <class G>
__device__ __forceinline__ typename G::T grid_point(const typename G::T (&value)[G::INPUTS]) {
    typename G::T product = grid_silu<G>(value[0]);
#pragma unroll
    for (int k = 1; k < G::INPUTS; k++) product *= value[k];
    return product;
}

/// Values of one ring's points from its waves, and what they add to waves.
template <class G>
__device__ __forceinline__ void grid_ring(
    const typename G::T (&wave)[G::INPUTS][G::WAVES], typename G::T (&back)[G::WAVES]) {
    typedef typename G::T T;
#pragma unroll
    for (int w = 0; w < G::WAVES; w++) back[w] = 0;
#pragma unroll
    for (int j = 0; 2 * j <= G::AZIMUTHS; j++) {
        const bool alone = j == 0 || 2 * j == G::AZIMUTHS;  // point j is its own mirror image
        T here[G::INPUTS], there[G::INPUTS];
#pragma unroll
        for (int k = 0; k < G::INPUTS; k++) {
            T even = wave[k][0], odd = 0;
#pragma unroll
            for (int w = 1; w < G::WAVES; w += 2) {
                even += wave[k][w] * G::wave_at(j, w);
                if (!alone) odd += wave[k][w + 1] * G::wave_at(j, w + 1);
            }
            here[k] = alone ? even : even + odd;
            there[k] = even - odd;
        }
        const T one = grid_point<G>(here);
        if (alone) {
            back[0] += one;
#pragma unroll
            for (int w = 1; w < G::WAVES; w += 2) back[w] += one * G::wave_at(j, w);
        } else {
            const T other = grid_point<G>(there);
            const T sum = one + other, difference = one - other;
            back[0] += sum;
#pragma unroll
            for (int w = 1; w < G::WAVES; w += 2) {
                back[w] += sum * G::wave_at(j, w);
                back[w + 1] += difference * G::wave_at(j, w + 1);
            }
        }
    }
}

/// Sum and difference instead of two numbers.
template <typename T>
__device__ __forceinline__ void grid_mirror(T& one, T& other) {
    const T difference = one - other;
    one += other;
    other = difference;
}

template <typename T>
__device__ __forceinline__ T grid_load(const void* x, bool bf16, long long at) {
    return bf16 ? iolaus_load<T, 1>(static_cast<const iolaus_bf16*>(x) + at).v[0] : static_cast<const T*>(x)[at];
}

template <typename T>
__device__ __forceinline__ void grid_store(void* y, bool bf16, long long at, T value) {
    if (bf16) {
        static_cast<iolaus_bf16*>(y)[at] = iolaus_bf16(static_cast<float>(value));
    } else {
        static_cast<T*>(y)[at] = value;
    }
}

template <class G>
__device__ __forceinline__ void grid_activation(const grid_activation_args<typename G::T, G::INPUTS>& args) {
    typedef typename G::T T;
    enum { PACK = 16 / sizeof(T), SIDES = G::MIRRORED ? 2 : 1 };
    typedef iolaus_pack<T, PACK> Pack;
    const long long column = IOLAUS_GLOBAL_INDEX;
    if (column >= args.columns) return;
    const unsigned channels = static_cast<unsigned>(args.channels);
    const unsigned item = static_cast<unsigned>(column) / channels;
    const long long start = column + static_cast<long long>(item) * (G::COEFFICIENTS - 1) * channels;
    T kept[G::INPUTS][G::KEPT ? G::COEFFICIENTS : 1];
    if (G::KEPT) {
#pragma unroll
        for (int k = 0; k < G::INPUTS; k++) {
#pragma unroll
            for (int r = 0; r < G::COEFFICIENTS; r++) {
                kept[k][G::KEPT ? r : 0] = grid_load<T>(args.in[k], G::BF16 >> k & 1, start + r * channels);
            }
        }
    }
    T sum[G::COEFFICIENTS];
#pragma unroll
    for (int r = 0; r < G::COEFFICIENTS; r++) sum[r] = 0;
#pragma unroll 1
    for (int ring = 0; ring < G::RINGS / SIDES; ring++) {
        // those of even and of odd coefficients, then of a ring and its mirror image, and back
        T wave[SIDES][G::INPUTS][G::WAVES], back[SIDES][G::WAVES];
#pragma unroll
        for (int k = 0; k < G::INPUTS; k++) {
            const unsigned stride = G::KEPT ? channels : grid_again(channels);
            const Pack* polar = G::template polar<Pack>(k, ring);
#pragma unroll
            for (int i = 0; i < SIDES * G::WAVES; i++) wave[i / G::WAVES][k][i % G::WAVES] = 0;
#pragma unroll
            for (int first = 0; first < G::COEFFICIENTS; first += PACK) {
                const Pack factors = polar[first / PACK];
#pragma unroll
                for (int i = 0; i < PACK && first + i < G::COEFFICIENTS; i++) {
                    const int r = first + i;
                    const T x = G::KEPT ? kept[k][G::KEPT ? r : 0]
                                        : grid_load<T>(args.in[k], G::BF16 >> k & 1, start + r * stride);
                    wave[G::odd(r)][k][G::wave(r)] += factors.v[i] * x;
                }
            }
            if constexpr (G::MIRRORED) {
#pragma unroll
                for (int w = 0; w < G::WAVES; w++) grid_mirror(wave[0][k][w], wave[1][k][w]);
            }
        }
#pragma unroll
        for (int side = 0; side < SIDES; side++) grid_ring<G>(wave[side], back[side]);
        if constexpr (G::MIRRORED) {
#pragma unroll
            for (int w = 0; w < G::WAVES; w++) grid_mirror(back[0][w], back[1][w]);
        }
        const Pack* polar = G::template polar<Pack>(G::INPUTS, ring);
#pragma unroll
        for (int first = 0; first < G::COEFFICIENTS; first += PACK) {
            const Pack factors = polar[first / PACK];
#pragma unroll
            for (int i = 0; i < PACK && first + i < G::COEFFICIENTS; i++) {
                sum[first + i] += factors.v[i] * back[G::odd(first + i)][G::wave(first + i)];
            }
        }
    }
    const unsigned stride = grid_again(channels);
#pragma unroll
    for (int r = 0; r < G::COEFFICIENTS; r++) {
        grid_store<T>(args.y, G::BF16 >> G::INPUTS & 1, start + r * stride, sum[r]);
    }
}
