// Copies of bands of rows: the pieces of a concatenation, slices, padding.
//
//   copy:  y[r * destination_pitch + c] = x[r * source_pitch + c]                               0 <= c < width
//   pad:   y[r, c] = x[r, c - before] where before <= c < before + width, else 0                0 <= c < total
//
// copy: x and y point at the first element of the band; the rest of y stays as it is. pad: x (rows, width), y (rows, total),
// every element written. Pitches and widths are in elements.
// Owner: one thread per element (or 16 bytes) of the band, of y. Bytes: each element read and written once. Bound by
// memory. Deterministic.
#include "tile.cuh"

template <typename T>
struct copy_args {
    const T* x;
    T* y;
    long long rows, width;
    long long source_pitch, destination_pitch;
    long long wide;  // 1: width, pitches and addresses allow 16-byte packs
};
static_assert(sizeof(copy_args<double>) == 7 * 8, "7 members of 8 bytes");

template <typename T, int V>
__device__ void copy_packs(const copy_args<T>& args) {
    typedef iolaus_pack<T, V> Pack;
    const unsigned width = static_cast<unsigned>(args.width / V);
    const unsigned i = static_cast<unsigned>(IOLAUS_GLOBAL_INDEX);
    const unsigned r = i / width, c = i % width;
    if (r >= args.rows) return;
    reinterpret_cast<Pack*>(args.y)[r * (args.destination_pitch / V) + c] =
        reinterpret_cast<const Pack*>(args.x)[r * (args.source_pitch / V) + c];
}

template <typename T>
__device__ void copy(const copy_args<T>& args) {
    if (args.wide) {
        copy_packs<T, 16 / sizeof(T)>(args);
    } else {
        copy_packs<T, 1>(args);
    }
}

template <typename T>
struct pad_args {
    const T* x;
    T* y;
    long long rows, width, before, total;
};
static_assert(sizeof(pad_args<double>) == 6 * 8, "6 members of 8 bytes");

template <typename T>
__device__ void pad(const pad_args<T>& args) {
    const unsigned i = static_cast<unsigned>(IOLAUS_GLOBAL_INDEX);
    const unsigned r = i / static_cast<unsigned>(args.total);
    if (r >= args.rows) return;
    const long long c = i % static_cast<unsigned>(args.total) - args.before;
    args.y[i] = c >= 0 && c < args.width ? args.x[r * args.width + c] : T(0);
}

IOLAUS_BOTH(IOLAUS_KERNEL, copy)
IOLAUS_BOTH(IOLAUS_KERNEL, pad)
