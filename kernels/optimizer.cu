// The optimizer step over flat buffers. What changes from step to step (step number, learning rate, gradient scale) lies
// in device memory, so that a recorded graph can be replayed. The formulas are those of org.iolaus.train.UpdateRule.
//
// increment     counter[0] += 1, before the update: the first step is number 1. One thread.
// square_sum    partial[b] = sum of x[i]^2 over what block b owns (every gridDim.x-th run of blockDim.x elements), in double
// clip_scale    norm = sqrt(sum of partial); result = (min(1, maximum / (norm + 1e-6)), norm); the scale is 1 where norm
//               is not finite and where maximum is 0 (no clipping). One block.
// append        history[(counter[0] - 1) % capacity][i] = x[i], after the increment: one row per step. One block.
// scaled_copy   y[i] = factor * x[i]
// add_to        y[i] += x[i]
// take_up       y[i] += x[i], then x[i] = 0
// moving_average  y[i] += share * (x[i] - y[i])
// adamw, sgd, adadelta, adagrad, adamax, rmsprop
//               p, g and the state (n) each; g is multiplied by scale[0] unless scale is null; the weight decay is
//               left out for element i where undecayed[i / 64] is 1, unless undecayed is null.
//
// Owner: a thread owns every element whose number modulo the grid's threads is its own.
// Bytes: adamw 4 n read, 3 n written; sgd 3 n read, 2 n written (without momentum 2 and 1); moving_average 2 n read, n
// written; add_to 2 n read, n written; take_up 2 n read, 2 n written; square_sum n read; elements.
// Bound by memory. Deterministic: fixed trees for a given launch.
#include "iolaus.cuh"

struct increment_args {
    long long* counter;
};

IOLAUS_KERNEL(increment, increment_args) {
    if (IOLAUS_GLOBAL_INDEX == 0) args.counter[0] += 1;
}

template <typename T>
struct append_args {
    const T* x;        // (n)
    T* history;        // (capacity, n)
    const long long* counter;
    long long capacity, n;
};

template <typename T>
__device__ void append(const append_args<T>& args) {
    T* row = args.history + (args.counter[0] - 1) % args.capacity * args.n;
    for (long long i = IOLAUS_GLOBAL_INDEX; i < args.n; i += IOLAUS_GLOBAL_STRIDE) row[i] = args.x[i];
}

IOLAUS_BOTH(IOLAUS_KERNEL, append)

template <typename T>
struct scaled_copy_args {
    const T* x;
    T* y;
    double factor;
    long long n;
};

template <typename T>
__device__ void scaled_copy(const scaled_copy_args<T>& args) {
    const T factor = static_cast<T>(args.factor);
    for (long long i = IOLAUS_GLOBAL_INDEX; i < args.n; i += IOLAUS_GLOBAL_STRIDE) args.y[i] = factor * args.x[i];
}

IOLAUS_BOTH(IOLAUS_KERNEL, scaled_copy)

template <typename T>
struct add_to_args {
    const T* x;
    T* y;
    long long n;
};

template <typename T>
__device__ void add_to(const add_to_args<T>& args) {
    for (long long i = IOLAUS_GLOBAL_INDEX; i < args.n; i += IOLAUS_GLOBAL_STRIDE) args.y[i] += args.x[i];
}

IOLAUS_BOTH(IOLAUS_KERNEL, add_to)

template <typename T>
struct take_up_args {
    T* x;
    T* y;
    long long n;
};

template <typename T>
__device__ void take_up(const take_up_args<T>& args) {
    for (long long i = IOLAUS_GLOBAL_INDEX; i < args.n; i += IOLAUS_GLOBAL_STRIDE) {
        args.y[i] += args.x[i];
        args.x[i] = 0;
    }
}

IOLAUS_BOTH(IOLAUS_KERNEL, take_up)

template <typename T>
struct moving_average_args {
    const T* x;
    T* y;
    double share;
    long long n;
};

template <typename T>
__device__ void moving_average(const moving_average_args<T>& args) {
    const T share = static_cast<T>(args.share);
    for (long long i = IOLAUS_GLOBAL_INDEX; i < args.n; i += IOLAUS_GLOBAL_STRIDE)
        args.y[i] += share * (args.x[i] - args.y[i]);
}

IOLAUS_BOTH(IOLAUS_KERNEL, moving_average)

/// Sum over the block, to thread 0; blockDim.x is a multiple of 32 up to 1024.
__device__ __forceinline__ double optimizer_block_sum(double value) {
    __shared__ double part[32];
    for (int distance = 16; distance > 0; distance /= 2) value += __shfl_down_sync(IOLAUS_FULL_WARP, value, distance);
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = value;
    __syncthreads();
    if (threadIdx.x >= 32) return 0;
    value = threadIdx.x < blockDim.x / 32 ? part[threadIdx.x] : 0;
    for (int distance = 16; distance > 0; distance /= 2) value += __shfl_down_sync(IOLAUS_FULL_WARP, value, distance);
    return value;
}

template <typename T>
struct square_sum_args {
    const T* x;
    double* partial;  // (gridDim.x)
    long long n;
};

template <typename T>
__device__ void square_sum(const square_sum_args<T>& args) {
    double sum = 0;
    for (long long i = IOLAUS_GLOBAL_INDEX; i < args.n; i += IOLAUS_GLOBAL_STRIDE) {
        const double x = args.x[i];
        sum += x * x;
    }
    sum = optimizer_block_sum(sum);
    if (threadIdx.x == 0) args.partial[blockIdx.x] = sum;
}

struct clip_scale_args {
    const double* partial;  // (count)
    double* result;         // (2): scale, norm
    double maximum;
    long long count;
};

IOLAUS_BLOCK_KERNEL(clip_scale, clip_scale_args) {
    double sum = 0;
    for (long long i = threadIdx.x; i < args.count; i += blockDim.x) sum += args.partial[i];
    sum = optimizer_block_sum(sum);
    if (threadIdx.x == 0) {
        const double norm = sqrt(sum);
        const double factor = args.maximum / (norm + 1e-6);
        const bool finite = norm - norm == 0;
        args.result[0] = finite && args.maximum > 0 && factor < 1 ? factor : 1;
        args.result[1] = norm;
    }
}

/// Whether the weight decay of element i is left out.
__device__ __forceinline__ bool without_decay(const signed char* undecayed, long long i) {
    return undecayed && undecayed[i / 64];
}

template <typename T>
struct adamw_args {
    T* p;
    const T* g;
    T* mean;
    T* square;
    const long long* step;
    const double* learning_rate;
    const double* scale;  // or null
    const signed char* undecayed;  // (ceil(n / 64)) or null
    double beta1, beta2, epsilon, weight_decay;
    long long decoupled;  // 1: AdamW
    long long n;
};
static_assert(sizeof(adamw_args<float>) == 14 * 8, "14 members of 8 bytes");

template <typename T>
__device__ void adamw(const adamw_args<T>& args) {
    __shared__ double correction[2];
    if (threadIdx.x == 0) {
        const double step = static_cast<double>(args.step[0]);
        correction[0] = 1 - pow(args.beta1, step);
        correction[1] = sqrt(1 - pow(args.beta2, step));
    }
    __syncthreads();
    const double rate = args.learning_rate[0];
    const T step_size = static_cast<T>(rate / correction[0]);
    const T square_correction = static_cast<T>(correction[1]);
    const T keep = static_cast<T>(args.decoupled ? 1 - rate * args.weight_decay : 1);
    const T coupled = static_cast<T>(args.decoupled ? 0 : args.weight_decay);
    const T scale = static_cast<T>(args.scale ? args.scale[0] : 1);
    const T mean_share = static_cast<T>(1 - args.beta1);
    const T beta2 = static_cast<T>(args.beta2);
    const T square_share = static_cast<T>(1 - args.beta2);
    const T epsilon = static_cast<T>(args.epsilon);
    for (long long i = IOLAUS_GLOBAL_INDEX; i < args.n; i += IOLAUS_GLOBAL_STRIDE) {
        const T p = args.p[i];
        const bool free = without_decay(args.undecayed, i);
        const T d = args.g[i] * scale + (free ? T(0) : coupled) * p;
        const T m = args.mean[i] + mean_share * (d - args.mean[i]);
        const T v = beta2 * args.square[i] + square_share * d * d;
        args.mean[i] = m;
        args.square[i] = v;
        args.p[i] = (free ? T(1) : keep) * p - step_size * m / (sqrt(v) / square_correction + epsilon);
    }
}

template <typename T>
struct sgd_args {
    T* p;
    const T* g;
    T* buffer;  // null without momentum
    const long long* step;
    const double* learning_rate;
    const double* scale;  // or null
    const signed char* undecayed;  // (ceil(n / 64)) or null
    double momentum, dampening, weight_decay;
    long long nesterov;
    long long n;
};
static_assert(sizeof(sgd_args<float>) == 12 * 8, "12 members of 8 bytes");

template <typename T>
__device__ void sgd(const sgd_args<T>& args) {
    const T rate = static_cast<T>(args.learning_rate[0]);
    const T scale = static_cast<T>(args.scale ? args.scale[0] : 1);
    const T decay = static_cast<T>(args.weight_decay);
    const T momentum = static_cast<T>(args.momentum);
    const T fresh = static_cast<T>(args.step[0] == 1 ? 1 : 1 - args.dampening);
    for (long long i = IOLAUS_GLOBAL_INDEX; i < args.n; i += IOLAUS_GLOBAL_STRIDE) {
        const T p = args.p[i];
        T move = args.g[i] * scale + (without_decay(args.undecayed, i) ? T(0) : decay) * p;
        if (args.buffer) {
            const T b = momentum * args.buffer[i] + fresh * move;
            args.buffer[i] = b;
            move = args.nesterov ? move + momentum * b : b;
        }
        args.p[i] = p - rate * move;
    }
}

/// Of the rarer rules: the states come in the order of UpdateRule.slots, then what the rule is set to.
template <typename T>
struct adaptive_args {
    T* p;
    const T* g;
    T* first;
    T* second;  // rmsprop: null unless centered
    T* third;   // rmsprop: null without momentum
    const long long* step;
    const double* learning_rate;
    const double* scale;     // or null
    const signed char* undecayed;  // (ceil(n / 64)) or null
    double decay, momentum;  // adadelta rho; adagrad learning rate decay; adamax beta2, beta1; rmsprop alpha, momentum
    double epsilon, weight_decay;
    long long n;
};
static_assert(sizeof(adaptive_args<float>) == 14 * 8, "14 members of 8 bytes");
template <typename T> using adadelta_args = adaptive_args<T>;
template <typename T> using adagrad_args = adaptive_args<T>;
template <typename T> using adamax_args = adaptive_args<T>;
template <typename T> using rmsprop_args = adaptive_args<T>;

/// The gradient of an element, scaled and with the decay of its weight.
template <typename T>
__device__ __forceinline__ T adaptive_gradient(const adaptive_args<T>& args, long long i) {
    const T scale = static_cast<T>(args.scale ? args.scale[0] : 1);
    const T decay = static_cast<T>(without_decay(args.undecayed, i) ? 0 : args.weight_decay);
    return args.g[i] * scale + decay * args.p[i];
}

template <typename T>
__device__ void adadelta(const adaptive_args<T>& args) {
    const T rate = static_cast<T>(args.learning_rate[0]);
    const T rho = static_cast<T>(args.decay), share = static_cast<T>(1 - args.decay);
    const T epsilon = static_cast<T>(args.epsilon);
    for (long long i = IOLAUS_GLOBAL_INDEX; i < args.n; i += IOLAUS_GLOBAL_STRIDE) {
        const T d = adaptive_gradient(args, i);
        const T v = rho * args.first[i] + share * d * d;
        const T delta = sqrt(args.second[i] + epsilon) / sqrt(v + epsilon) * d;
        args.first[i] = v;
        args.second[i] = rho * args.second[i] + share * delta * delta;
        args.p[i] -= rate * delta;
    }
}

template <typename T>
__device__ void adagrad(const adaptive_args<T>& args) {
    const double steps = static_cast<double>(args.step[0] - 1);
    const T rate = static_cast<T>(args.learning_rate[0] / (1 + steps * args.decay));
    const T epsilon = static_cast<T>(args.epsilon);
    for (long long i = IOLAUS_GLOBAL_INDEX; i < args.n; i += IOLAUS_GLOBAL_STRIDE) {
        const T d = adaptive_gradient(args, i);
        const T s = args.first[i] + d * d;
        args.first[i] = s;
        args.p[i] -= rate * d / (sqrt(s) + epsilon);
    }
}

template <typename T>
__device__ void adamax(const adaptive_args<T>& args) {
    __shared__ double correction[1];
    if (threadIdx.x == 0) correction[0] = 1 - pow(args.momentum, static_cast<double>(args.step[0]));
    __syncthreads();
    const T step_size = static_cast<T>(args.learning_rate[0] / correction[0]);
    const T share = static_cast<T>(1 - args.momentum), beta2 = static_cast<T>(args.decay);
    const T epsilon = static_cast<T>(args.epsilon);
    for (long long i = IOLAUS_GLOBAL_INDEX; i < args.n; i += IOLAUS_GLOBAL_STRIDE) {
        const T d = adaptive_gradient(args, i);
        const T m = args.first[i] + share * (d - args.first[i]);
        const T u = iolaus_max(beta2 * args.second[i], fabs(d) + epsilon);
        args.first[i] = m;
        args.second[i] = u;
        args.p[i] -= step_size * m / u;
    }
}

template <typename T>
__device__ void rmsprop(const adaptive_args<T>& args) {
    const T rate = static_cast<T>(args.learning_rate[0]);
    const T alpha = static_cast<T>(args.decay), share = static_cast<T>(1 - args.decay);
    const T momentum = static_cast<T>(args.momentum), epsilon = static_cast<T>(args.epsilon);
    for (long long i = IOLAUS_GLOBAL_INDEX; i < args.n; i += IOLAUS_GLOBAL_STRIDE) {
        const T d = adaptive_gradient(args, i);
        T v = alpha * args.first[i] + share * d * d;
        args.first[i] = v;
        if (args.second) {
            const T mean = args.second[i] + share * (d - args.second[i]);
            args.second[i] = mean;
            v -= mean * mean;
        }
        T move = d / (sqrt(v) + epsilon);
        if (args.third) {
            move += momentum * args.third[i];
            args.third[i] = move;
        }
        args.p[i] -= rate * move;
    }
}

IOLAUS_BOTH(IOLAUS_BLOCK_KERNEL, square_sum)
IOLAUS_BOTH(IOLAUS_BLOCK_KERNEL, adamw)
IOLAUS_BOTH(IOLAUS_KERNEL, sgd)
IOLAUS_BOTH(IOLAUS_KERNEL, adadelta)
IOLAUS_BOTH(IOLAUS_KERNEL, adagrad)
IOLAUS_BOTH(IOLAUS_BLOCK_KERNEL, adamax)
IOLAUS_BOTH(IOLAUS_KERNEL, rmsprop)
