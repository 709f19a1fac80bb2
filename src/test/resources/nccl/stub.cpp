// Stands in for libnccl.so.2 in tests: the same functions, sums of host memory over threads and processes of one host.
// As in NCCL a sum is only started by its call; stub_pending tells a test's device how many are not done. A sum
// whose other ranks do not come never ends, but for ncclCommAbort.
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

// Each rank writes a piece into its slot, waits until all have, adds the slots in the order of ranks.
struct Shared {
    std::atomic<long> joined, written[kRanks], read[kRanks];
    alignas(64) char slots[kRanks][kSlot];
};

struct Work { char* data; long count; int type; };

struct Communicator {
    Shared* shared;
    int ranks, rank;
    long piece = 0;
    std::atomic<int> pending{0}, error{0};
    std::atomic<bool> aborted{false}, closing{false};
    std::mutex lock;
    std::condition_variable changed;
    std::deque<Work> queue;
    std::thread worker;

    template <class Ready> bool wait(Ready ready) {
        for (int r = 0; r < ranks; r++)
            while (!ready(r)) {
                if (aborted) return false;
                sched_yield();
            }
        return true;
    }

    template <class T> bool sum(char* data, long bytes) {
        ++piece;
        if (!wait([&](int r) { return shared->read[r] >= piece - 1; })) return false;
        std::memcpy(shared->slots[rank], data, bytes);
        shared->written[rank] = piece;
        if (!wait([&](int r) { return shared->written[r] >= piece; })) return false;
        T* out = reinterpret_cast<T*>(data);
        for (long i = 0; i < bytes / (long)sizeof(T); i++) {
            T total = 0;
            for (int r = 0; r < ranks; r++) total += reinterpret_cast<T*>(shared->slots[r])[i];
            out[i] = total;
        }
        shared->read[rank] = piece;
        return true;
    }

    void run() {
        for (;;) {
            Work work;
            {
                std::unique_lock<std::mutex> held(lock);
                changed.wait(held, [&] { return !queue.empty() || closing; });
                if (queue.empty()) return;
                work = queue.front();
                queue.pop_front();
            }
            const long bytes = work.count * (work.type == 7 ? 4 : 8);
            bool good = true;
            for (long at = 0; good && at < bytes; at += kSlot) {
                const long size = bytes - at < kSlot ? bytes - at : kSlot;
                good = work.type == 7 ? sum<float>(work.data + at, size) : sum<double>(work.data + at, size);
            }
            --pending;
        }
    }

    void end() {
        {
            std::lock_guard<std::mutex> held(lock);
            closing = true;
        }
        changed.notify_all();
        worker.join();
    }
};

Communicator* latest[kRanks];  // of each rank of this process; never freed
}  // namespace

extern "C" {
int ncclGetVersion(int* version) { *version = 29901; return 0; }

int ncclGetUniqueId(char* id) {
    static std::atomic<int> count{0};
    std::memset(id, 0, 128);
    std::snprintf(id, 128, "/iolaus-nccl-stub-%d-%d", (int)getpid(), ++count);
    static struct Remove {
        char names[64][64];
        ~Remove() { for (auto& name : names) if (name[0]) shm_unlink(name); }
    } atExit;
    std::strncpy(atExit.names[count % 64], id, 63);
    return 0;
}

struct Id { char name[128]; };

int ncclCommInitRank(Communicator** made, int ranks, Id id, int rank) {
    const int file = shm_open(id.name, O_RDWR | O_CREAT, 0600);
    if (file < 0 || ftruncate(file, sizeof(Shared)) != 0) return 2;
    void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory == MAP_FAILED) return 2;
    auto* c = new Communicator;
    c->shared = static_cast<Shared*>(memory);
    c->ranks = ranks;
    c->rank = rank;
    ++c->shared->joined;
    while (c->shared->joined < ranks) usleep(100);
    shm_unlink(id.name);
    c->worker = std::thread([c] { c->run(); });
    *made = latest[rank] = c;
    return 0;
}

int ncclAllReduce(char* send, char* receive, long count, int type, int operation, Communicator* c, long stream) {
    if (send != receive || operation != 0 || (type != 7 && type != 8) || stream != 42) return 4;
    ++c->pending;
    {
        std::lock_guard<std::mutex> held(c->lock);
        c->queue.push_back({send, count, type});
    }
    c->changed.notify_all();
    return 0;
}

int ncclGroupStart() { return 0; }
int ncclGroupEnd() { return 0; }
int ncclCommGetAsyncError(Communicator* c, int* result) { *result = c->error; return 0; }
int ncclCommDestroy(Communicator* c) { c->end(); return 0; }
int ncclCommAbort(Communicator* c) { c->aborted = true; c->end(); return 0; }
const char* ncclGetErrorString(int result) { return result == 6 ? "remote process exited" : "stub error"; }
const char* ncclGetLastError(Communicator*) { return ""; }

int stub_pending(int rank) { return latest[rank] ? latest[rank]->pending.load() : 0; }
void stub_fail(int rank, int result) { latest[rank]->error = result; }
}
