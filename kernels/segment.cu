// Sum or largest of the rows of x that belong to one segment.
//
//   y[r, c] = fold over start[r] <= p < start[r + 1] of x[order[p], c];   an empty segment gives 0
//
// x (E, C), start (R + 1), order (E) or null where the rows are sorted by segment, y (R, C).
// Owner: one thread per element (or 16 bytes) of y; few long segments: a group of threads (tile.cuh).
// Bytes: E C + R C elements, 4 E + 4 R bytes of indices. Bound by memory. Deterministic: entries in the order of p with one
// walker, else in a fixed tree; no atomics.
#include "tile.cuh"

template <typename T>
struct segment_args {
    const T* x;
    const int* start;
    const int* order;   // null: the identity
    T* y;
    long long rows;     // R
    long long columns;  // C
    long long wide;     // 1: C and the addresses allow 16-byte packs
    long long lanes, walkers;
};
static_assert(sizeof(segment_args<double>) == 9 * 8, "9 members of 8 bytes");

template <typename T, int V, typename Fold>
__device__ void segment_fold(const segment_args<T>& args) {
    typedef iolaus_pack<T, V> Pack;
    const long long columns = args.columns / V;
    const iolaus_place at(columns, args.lanes, args.walkers);
    const bool inside = at.row < args.rows && at.column < columns;
    const Pack* x = reinterpret_cast<const Pack*>(args.x) + at.column;
    Pack value = {};
    if (inside) {
        const int from = args.start[at.row], to = args.start[at.row + 1];
        if (from < to) {
            const Pack head = x[(args.order ? args.order[from] : from) * columns];
            for (int k = 0; k < V; k++) value.v[k] = Fold::first(head.v[k]);
        }
#pragma unroll 4
        for (int p = from + static_cast<int>(at.walker); p < to; p += static_cast<int>(args.walkers)) {
            const Pack one = x[(args.order ? args.order[p] : p) * columns];
            for (int k = 0; k < V; k++) value.v[k] = Fold::fold(value.v[k], one.v[k]);
        }
    }
    iolaus_fold_walkers<T, V, Fold>(value, at.walker, args.lanes, args.walkers);
    if (inside && at.walker == 0) reinterpret_cast<Pack*>(args.y)[at.row * columns + at.column] = value;
}

template <typename T, typename Fold>
__device__ void segment(const segment_args<T>& args) {
    if (args.wide) {
        segment_fold<T, 16 / sizeof(T), Fold>(args);
    } else {
        segment_fold<T, 1, Fold>(args);
    }
}

IOLAUS_BLOCK_KERNEL(segment_sum_f64, segment_args<double>) { segment<double, iolaus_sum>(args); }
IOLAUS_BLOCK_KERNEL(segment_sum_f32, segment_args<float>) { segment<float, iolaus_sum>(args); }
IOLAUS_BLOCK_KERNEL(segment_max_f64, segment_args<double>) { segment<double, iolaus_largest>(args); }
IOLAUS_BLOCK_KERNEL(segment_max_f32, segment_args<float>) { segment<float, iolaus_largest>(args); }
