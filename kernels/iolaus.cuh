// What kernels are written with. One source, two flavours:
//   GPU (nvcc, NVRTC): a few macros and helpers, no includes.
//   host (g++ -DIOLAUS_HOST, C++17): the words of CUDA that kernels use, run one block after another on the calling
//   thread. It is strict where a GPU is undefined: a barrier in a kernel that is not marked for it, a warp operation
//   that not all lanes reach, shared memory written past its end and a barrier that part of a warp leaves out are errors.
//
// A kernel takes one structure by value, whose members are all 8 bytes wide:
//   struct scale_args { const double* x; double* y; double factor; long long n; };
//   IOLAUS_KERNEL(scale_f64, scale_args) {
//       const long long i = IOLAUS_GLOBAL_INDEX;
//       if (i < args.n) args.y[i] = args.factor * args.x[i];
//   }
// IOLAUS_KERNEL        threads know nothing of each other: no barrier, no warp operation, no shared memory
// IOLAUS_BLOCK_KERNEL  threads of a block work together; warp operations need blockDim.x to be a multiple of 32 and all
//                      lanes of the warp
// IOLAUS_BOTH(KIND, op) makes op_f64 and op_f32 of `template <typename T> __device__ void op(const op_args<T>& args)`,
//                      where KIND is one of the two above
// IOLAUS_BOUNDS(name, Args, threads, blocks)  before a kernel: how many threads a block has, and how many blocks of them
//                      the registers of a processor should do for
// IOLAUS_DYNAMIC_SHARED(T, name)  the shared memory whose size the launch gives, as T* name
// IOLAUS_GLOBAL_INDEX  number of this thread in its row of blocks
#pragma once

#define IOLAUS_FULL_WARP 0xffffffffu
#define IOLAUS_GLOBAL_INDEX (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x)
#define IOLAUS_GLOBAL_STRIDE (static_cast<long long>(gridDim.x) * blockDim.x)
#define IOLAUS_BOTH(KIND, op) \
    KIND(op##_f64, op##_args<double>) { op<double>(args); } \
    KIND(op##_f32, op##_args<float>) { op<float>(args); }

#ifndef IOLAUS_HOST

// In a graph the blocks of a kernel may be put on processors while those that it depends on still run: it waits for them
// here, before it touches memory, and then lets those that depend on it come, which wait in the same place.
__device__ __forceinline__ void iolaus_await() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;\n\tgriddepcontrol.launch_dependents;" ::: "memory");
#endif
}
#define IOLAUS_KERNEL(name, Args) \
    static __device__ __forceinline__ void name##__body(const Args& args); \
    extern "C" __global__ void name(const __grid_constant__ Args args) { \
        iolaus_await(); \
        name##__body(args); \
    } \
    static __device__ __forceinline__ void name##__body(const Args& args)
#define IOLAUS_BLOCK_KERNEL(name, Args) IOLAUS_KERNEL(name, Args)
#define IOLAUS_BOUNDS(name, Args, threads, blocks) \
    extern "C" __global__ void __launch_bounds__(threads, blocks) name(const __grid_constant__ Args args);
#define IOLAUS_DYNAMIC_SHARED(T, name) \
    extern __shared__ __align__(16) unsigned char iolaus_dynamic_shared[]; \
    T* const name = reinterpret_cast<T*>(iolaus_dynamic_shared)

#else

#include <setjmp.h>
#include <string.h>
#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#define __host__
#define __device__
#define __global__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)
// one block runs at a time on a host thread, so its shared memory belongs to that thread
#define __shared__ static thread_local

using std::abs;
using std::ceil;
using std::cos;
using std::exp;
using std::expm1;
using std::fabs;
using std::floor;
using std::fma;
using std::fmax;
using std::fmin;
using std::isfinite;
using std::isinf;
using std::isnan;
using std::log;
using std::log1p;
using std::pow;
using std::sin;
using std::sqrt;
using std::tanh;
template <typename T>
inline T rsqrt(T x) { return T(1) / std::sqrt(x); }

struct iolaus_dim { unsigned x, y, z; };
static thread_local iolaus_dim threadIdx, blockIdx, blockDim, gridDim;

struct alignas(16) double2 { double x, y; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };

namespace iolaus_host {

enum State { READY, AT_BARRIER, AT_WARP, LEFT };
constexpr unsigned WARP = 32;
constexpr size_t STACK = 64 * 1024;
constexpr size_t GUARD = 256;
constexpr unsigned char GUARD_BYTE = 0xFD;

/// A thread of a block: a stack of its own that is left and entered at barriers.
struct Fiber {
    jmp_buf at;
    ucontext_t start;
    std::unique_ptr<char[]> stack;
    State state = LEFT;
    unsigned operations = 0;      // warp operations that it has entered
    uint64_t posted[2] = {0, 0};  // what it gave to the last two: a lane is never more than one operation ahead
};

/// The block that runs on this host thread.
struct Block {
    std::vector<std::unique_ptr<Fiber>> fibers;
    void (*body)(const void*) = nullptr;
    const void* args = nullptr;
    Fiber* running = nullptr;
    jmp_buf scheduler;
    std::vector<unsigned char> shared;
    unsigned launches = 0;
    bool backwards = false;
    const char* error = nullptr;
    char text[256];
};
static thread_local Block block;

/// Leaves one context for another; returns when something enters the first again.
__attribute__((noinline)) static void change(jmp_buf from, jmp_buf to) {
    if (_setjmp(from) == 0) _longjmp(to, 1);
}

static void wait(State state) {
    Fiber* self = block.running;
    self->state = state;
    change(self->at, block.scheduler);
}

static void fiberMain() {
    for (;;) {
        block.body(block.args);
        wait(LEFT);
    }
}

__attribute__((noinline)) static void enter(Fiber* fiber, bool first) {
    if (_setjmp(block.scheduler) == 0) {
        if (first) setcontext(&fiber->start);
        _longjmp(fiber->at, 1);
    }
}

static void resume(unsigned thread) {
    Fiber* fiber = block.fibers[thread].get();
    bool first = !fiber->stack;
    if (first) {
        fiber->stack.reset(new char[STACK]);
        getcontext(&fiber->start);
        fiber->start.uc_stack.ss_sp = fiber->stack.get();
        fiber->start.uc_stack.ss_size = STACK;
        fiber->start.uc_link = nullptr;
        makecontext(&fiber->start, fiberMain, 0);
    }
    block.running = fiber;
    threadIdx = {thread, 0, 0};
    enter(fiber, first);
    block.running = nullptr;
}

static void fail(const char* what) {
    if (block.error) return;
    snprintf(block.text, sizeof block.text, "%s (block %u,%u thread %u)", what, blockIdx.x, blockIdx.y, threadIdx.x);
    block.error = block.text;
}

/// Runs the lanes of a warp until each stands at a barrier or has left.
static void runWarp(unsigned from, unsigned to) {
    for (;;) {
        for (unsigned i = 0; i < to - from; i++) {
            unsigned thread = block.backwards ? to - 1 - i : from + i;
            if (block.fibers[thread]->state == READY) resume(thread);
        }
        unsigned count[4] = {0, 0, 0, 0};
        for (unsigned t = from; t < to; t++) count[block.fibers[t]->state]++;
        threadIdx = {from, 0, 0};
        if (count[AT_WARP] == 0) {
            if (count[AT_BARRIER] > 0 && count[LEFT] > 0) fail("part of a warp waits at __syncthreads, part has returned");
            return;
        }
        if (count[AT_WARP] != WARP) {
            fail("want all 32 lanes of a warp in a warp operation, got fewer");
            return;
        }
        for (unsigned t = from; t < to; t++) block.fibers[t]->state = READY;
    }
}

static void runTogether() {
    unsigned n = blockDim.x;
    while (block.fibers.size() < n) block.fibers.emplace_back(new Fiber);
    for (unsigned t = 0; t < n; t++) {
        block.fibers[t]->state = READY;
        block.fibers[t]->operations = 0;
    }
    bool waiting = true;
    while (waiting && !block.error) {
        const unsigned warps = (n + WARP - 1) / WARP;
        for (unsigned i = 0; i < warps && !block.error; i++) {
            unsigned from = (block.backwards ? warps - 1 - i : i) * WARP;
            runWarp(from, from + WARP < n ? from + WARP : n);
        }
        waiting = false;
        for (unsigned t = 0; t < n && !block.error; t++) {
            if (block.fibers[t]->state == AT_BARRIER) {
                block.fibers[t]->state = READY;
                waiting = true;
            }
        }
    }
    if (block.error) block.fibers.clear();  // some stand in the middle of their work
}

static void runAlone() {
    unsigned n = blockDim.x;
    for (unsigned t = 0; t < n && !block.error; t++) {
        threadIdx = {t, 0, 0};
        block.body(block.args);
    }
}

/// Runs a grid from column `firstX` of blocks on; gives null, or what went wrong. Every other block runs its threads from the last to the first, and so
/// does at least one of three launches in a row: what depends on an order that no barrier makes differs between runs.
/// Dynamic shared memory begins as NaN; static shared memory holds what the block before left there.
static const char* run(void (*body)(const void*), bool together, const void* args, int firstX, int gridX, int gridY,
                       int blockX, int sharedBytes) {
    block.body = body;
    block.args = args;
    block.error = nullptr;
    const unsigned turn = unsigned(__builtin_parity(block.launches++));  // 0 1 1 0 1 0 0 1 ...: no period
    gridDim = {unsigned(gridX), unsigned(gridY), 1};
    blockDim = {unsigned(blockX), 1, 1};
    threadIdx = {0, 0, 0};
    for (unsigned y = 0; y < gridDim.y && !block.error; y++) {
        for (unsigned x = unsigned(firstX); x < gridDim.x && !block.error; x++) {
            blockIdx = {x, y, 0};
            block.backwards = ((x + turn) & 1) != 0;
            block.shared.assign(size_t(sharedBytes) + GUARD, 0xFF);  // NaN
            memset(block.shared.data() + sharedBytes, GUARD_BYTE, GUARD);
            together ? runTogether() : runAlone();
            for (size_t i = 0; i < GUARD; i++) {
                if (block.shared[size_t(sharedBytes) + i] != GUARD_BYTE) fail("wrote past the end of dynamic shared memory");
            }
        }
    }
    return block.error;
}

/// All lanes post a value; then each may read those of the others.
inline uint64_t* post(uint64_t bits, unsigned mask, unsigned& parity) {
    Fiber* self = block.running;
    if (!self || mask != IOLAUS_FULL_WARP) {
        fail(self ? "want the full mask in a warp operation" : "warp operation in a kernel not marked IOLAUS_BLOCK_KERNEL");
        parity = 0;
        return nullptr;
    }
    parity = self->operations++ & 1;
    self->posted[parity] = bits;
    wait(AT_WARP);
    return self->posted;
}

template <typename T>
inline T exchange(T value, unsigned mask, int source, int width) {
    static_assert(sizeof(T) <= 8, "shuffles move at most 8 bytes");
    unsigned lane = threadIdx.x % WARP;
    unsigned parity;
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    if (!post(bits, mask, parity)) return value;
    int group = int(lane) / width * width;
    int from = source >= 0 && source < group + width && source >= group ? source : int(lane);
    T result;
    memcpy(&result, &block.fibers[threadIdx.x - lane + from]->posted[parity], sizeof result);
    return result;
}

}  // namespace iolaus_host

inline void __syncthreads() {
    if (iolaus_host::block.running) {
        iolaus_host::wait(iolaus_host::AT_BARRIER);
    } else {
        iolaus_host::fail("__syncthreads in a kernel not marked IOLAUS_BLOCK_KERNEL");
    }
}

inline unsigned __ballot_sync(unsigned mask, int predicate) {
    unsigned parity;
    if (!iolaus_host::post(predicate != 0, mask, parity)) return 0;
    unsigned first = threadIdx.x / iolaus_host::WARP * iolaus_host::WARP;
    unsigned votes = 0;
    for (unsigned lane = 0; lane < iolaus_host::WARP; lane++) {
        votes |= unsigned(iolaus_host::block.fibers[first + lane]->posted[parity]) << lane;
    }
    return votes;
}

inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) == IOLAUS_FULL_WARP; }
inline void __syncwarp(unsigned mask = IOLAUS_FULL_WARP) { __ballot_sync(mask, 0); }
inline int __popc(unsigned bits) { return __builtin_popcount(bits); }

template <typename T>
inline T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
    int lane = int(threadIdx.x % iolaus_host::WARP);
    return iolaus_host::exchange(value, mask, lane / width * width + (source & (width - 1)), width);
}
template <typename T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
    return iolaus_host::exchange(value, mask, int(threadIdx.x % iolaus_host::WARP + delta), width);
}
template <typename T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32) {
    return iolaus_host::exchange(value, mask, int(threadIdx.x % iolaus_host::WARP) - int(delta), width);
}
template <typename T>
inline T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32) {
    return iolaus_host::exchange(value, mask, int(threadIdx.x % iolaus_host::WARP) ^ bits, width);
}

#define IOLAUS_HOST_KERNEL(name, Args, together) \
    static void name##__body(const Args& args); \
    extern "C" __attribute__((visibility("default"))) const char* name##__host( \
        const void* bytes, int firstX, int gridX, int gridY, int blockX, int sharedBytes) { \
        Args args; \
        memcpy(&args, bytes, sizeof args); \
        return iolaus_host::run( \
            [](const void* one) { name##__body(*static_cast<const Args*>(one)); }, together, &args, firstX, \
            gridX, gridY, blockX, sharedBytes); \
    } \
    static void name##__body(const Args& args)
#define IOLAUS_KERNEL(name, Args) IOLAUS_HOST_KERNEL(name, Args, false)
#define IOLAUS_BLOCK_KERNEL(name, Args) IOLAUS_HOST_KERNEL(name, Args, true)
#define IOLAUS_BOUNDS(name, Args, threads, blocks)
#define IOLAUS_DYNAMIC_SHARED(T, name) T* const name = reinterpret_cast<T*>(iolaus_host::block.shared.data())

#endif

#ifdef IOLAUS_HOST
inline unsigned iolaus_bits(float x) {
    unsigned bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
inline float iolaus_float(unsigned bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
#else
__device__ __forceinline__ unsigned iolaus_bits(float x) { return __float_as_uint(x); }
__device__ __forceinline__ float iolaus_float(unsigned bits) { return __uint_as_float(bits); }
#endif

/// bfloat16, the upper half of a float: only stored, never computed with. Rounds to nearest, ties to even.
struct iolaus_bf16 {
    unsigned short bits;

    iolaus_bf16() = default;
    __device__ __forceinline__ iolaus_bf16(float x) {
#ifdef IOLAUS_HOST
        const unsigned all = iolaus_bits(x);
        bits = static_cast<unsigned short>(x != x ? 0x7fffu : (all + 0x7fffu + (all >> 16 & 1u)) >> 16);
#else
        asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
#endif
    }
    __device__ __forceinline__ operator float() const { return iolaus_float(static_cast<unsigned>(bits) << 16); }
};
static_assert(sizeof(iolaus_bf16) == 2, "16 bits");

/// The larger of two; NaN if either is.
template <typename T>
__device__ __forceinline__ T iolaus_max(T a, T b) {
    return a > b || a != a ? a : b;
}

/// The smaller of two; NaN if either is.
template <typename T>
__device__ __forceinline__ T iolaus_min(T a, T b) {
    return a < b || a != a ? a : b;
}
