// Stands in for libnccl.so.2 in tests: the same functions, sums of host memory over threads and processes of one host.
// As in NCCL a sum is only started by its call, and the sums of a device run one after another. A sum whose other ranks
// do not come never ends, but for ncclCommAbort. A thread says which device it uses by stub_device; stub_pending tells how
// many sums of a device are not done. Compiled with STUB_WITHOUT_SPLIT it lacks ncclCommSplit, as NCCL before 2.18 does.
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace {
constexpr long kRanks = 8, kSlot = 1 << 20;

// Each rank writes a chunk into its slot, waits until all have, adds the slots in the order of ranks.
struct Shared {
    std::atomic<long> joined, written[kRanks], read[kRanks], splitWritten[kRanks], splitRead[kRanks];
    std::atomic<int> color[kRanks], key[kRanks];
    alignas(64) char slots[kRanks][kSlot];
};

struct Communicator {
    Shared* shared;
    char name[128];
    int ranks, rank, device;
    long chunk = 0, splits = 0;
    std::atomic<int> pending{0};
    std::atomic<bool> aborted{false};

    template <class Ready> bool wait(Ready ready) {
        for (int r = 0; r < ranks; r++)
            while (!ready(r)) {
                if (aborted) return false;
                sched_yield();
            }
        return true;
    }

    template <class T> bool sum(char* data, long bytes) {
        ++chunk;
        if (!wait([&](int r) { return shared->read[r] >= chunk - 1; })) return false;
        std::memcpy(shared->slots[rank], data, bytes);
        shared->written[rank] = chunk;
        if (!wait([&](int r) { return shared->written[r] >= chunk; })) return false;
        T* out = reinterpret_cast<T*>(data);
        for (long i = 0; i < bytes / (long)sizeof(T); i++) {
            T total = 0;
            for (int r = 0; r < ranks; r++) total += reinterpret_cast<T*>(shared->slots[r])[i];
            out[i] = total;
        }
        shared->read[rank] = chunk;
        return true;
    }

    void end() {
        while (pending > 0) usleep(100);
    }
};

struct Work { Communicator* communicator; char* data; long count; int type; };

// Runs the sums of one rank in their order.
struct Device {
    std::atomic<int> pending{0}, error{0};
    std::mutex lock;
    std::condition_variable changed;
    std::deque<Work> queue;
    bool started = false;

    void push(Work work) {
        ++pending;
        ++work.communicator->pending;
        {
            std::lock_guard<std::mutex> held(lock);
            queue.push_back(work);
            if (!started) std::thread([this] { run(); }).detach();
            started = true;
        }
        changed.notify_all();
    }

    void run() {
        for (;;) {
            Work work;
            {
                std::unique_lock<std::mutex> held(lock);
                changed.wait(held, [&] { return !queue.empty(); });
                work = queue.front();
                queue.pop_front();
            }
            const long bytes = work.count * (work.type == 7 ? 4 : 8);
            bool good = true;
            for (long at = 0; good && at < bytes; at += kSlot) {
                const long size = bytes - at < kSlot ? bytes - at : kSlot;
                Communicator* c = work.communicator;
                good = work.type == 7 ? c->sum<float>(work.data + at, size) : c->sum<double>(work.data + at, size);
            }
            --work.communicator->pending;
            --pending;
        }
    }
};

Device* devices = new Device[kRanks];  // never freed: their threads run until the process ends
thread_local int device = 0;

struct Id { char name[128]; };

int join(Communicator** made, int ranks, const char* name, int rank) {
    const int file = shm_open(name, O_RDWR | O_CREAT, 0600);
    if (file < 0 || ftruncate(file, sizeof(Shared)) != 0) return 2;
    void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory == MAP_FAILED) return 2;
    auto* c = new Communicator;
    c->shared = static_cast<Shared*>(memory);
    std::snprintf(c->name, sizeof c->name, "%s", name);
    c->ranks = ranks;
    c->rank = rank;
    c->device = device;
    ++c->shared->joined;
    while (c->shared->joined < ranks) usleep(100);
    shm_unlink(name);
    *made = c;
    return 0;
}
}  // namespace

extern "C" {
int ncclGetVersion(int* version) { *version = 29901; return 0; }

int ncclGetUniqueId(char* id) {
    static std::atomic<int> count{0};
    std::memset(id, 0, 128);
    std::snprintf(id, 128, "/iolaus-nccl-stub-%d-%p-%d", (int)getpid(), (void*)&count, (int)++count);
    static struct Remove {
        char names[64][64];
        ~Remove() { for (auto& name : names) if (name[0]) shm_unlink(name); }
    } atExit;
    std::strncpy(atExit.names[count % 64], id, 63);
    return 0;
}

int ncclCommInitRank(Communicator** made, int ranks, Id id, int rank) {
    devices[device].error = 0;
    return join(made, ranks, id.name, rank);
}

#ifndef STUB_WITHOUT_SPLIT
int ncclCommSplit(Communicator* c, int color, int key, Communicator** made, void* config) {
    if (config != nullptr || color < 0 || c->pending > 0) return 4;
    Shared* shared = c->shared;
    const long turn = ++c->splits;
    if (!c->wait([&](int r) { return shared->splitRead[r] >= turn - 1; })) return 6;
    shared->color[c->rank] = color;
    shared->key[c->rank] = key;
    shared->splitWritten[c->rank] = turn;
    if (!c->wait([&](int r) { return shared->splitWritten[r] >= turn; })) return 6;
    int ranks = 0, rank = 0;
    for (int r = 0; r < c->ranks; r++)
        if (shared->color[r] == color) {
            ranks++;
            rank += shared->key[r] < key || (shared->key[r] == key && r < c->rank);
        }
    shared->splitRead[c->rank] = turn;
    char name[128];
    if (std::snprintf(name, sizeof name, "%s-%ld-%d", c->name, turn, color) >= (int)sizeof name) return 2;
    return join(made, ranks, name, rank);
}
#endif

int ncclAllReduce(char* send, char* receive, long count, int type, int operation, Communicator* c, long stream) {
    if (send != receive || operation != 0 || (type != 7 && type != 8) || stream != 42) return 4;
    devices[c->device].push({c, send, count, type});
    return 0;
}

int ncclCommGetAsyncError(Communicator* c, int* result) { *result = devices[c->device].error; return 0; }
int ncclCommDestroy(Communicator* c) { c->end(); return 0; }
int ncclCommAbort(Communicator* c) { c->aborted = true; c->end(); return 0; }
const char* ncclGetErrorString(int result) { return result == 6 ? "remote process exited" : "stub error"; }
const char* ncclGetLastError(Communicator*) { return ""; }

void stub_device(int rank) { device = rank; }
int stub_pending(int rank) { return devices[rank].pending; }
void stub_fail(int rank, int result) { devices[rank].error = result; }
}
