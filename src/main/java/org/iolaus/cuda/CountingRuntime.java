package org.iolaus.cuda;

import java.lang.foreign.MemorySegment;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// A device that only counts what is allocated on it, by what it is for: whoever makes room on it as on a real
/// one learns what a run will take. It has endless memory and starts no work; of kernels it has the names.
public final class CountingRuntime implements DeviceRuntime {
    private static final long ALIGNMENT = 256;

    private final Map<Long, Block> blocks = new HashMap<>();
    private final Map<String, Long> bytes = new TreeMap<>();
    private long next = ALIGNMENT;

    private record Block(String what, long bytes) {}

    /// Bytes that are allocated now, by what they are for.
    public Map<String, Long> allocated() {
        return Map.copyOf(bytes);
    }

    @Override
    public String name() {
        return "a device that only counts";
    }

    @Override
    public long totalBytes() {
        return Long.MAX_VALUE;
    }

    @Override
    public long freeBytes() {
        return totalBytes() - bytes.values().stream().mapToLong(Long::longValue).sum();
    }

    @Override
    public long allocate(long size, String what) {
        long address = next;
        next += Math.ceilDiv(size + 1, ALIGNMENT) * ALIGNMENT;
        blocks.put(address, new Block(what, size));
        bytes.merge(what, size, Long::sum);
        return address;
    }

    @Override
    public void free(long address) {
        Block block = blocks.remove(address);
        if (block == null) {
            throw new IllegalArgumentException("free: want an address that was allocated, got " + address);
        }
        bytes.merge(block.what, -block.bytes, Long::sum);
    }

    @Override
    public MemorySegment allocateHost(long size) {
        return MemorySegment.NULL;
    }

    @Override
    public void freeHost(MemorySegment memory) {}

    @Override
    public void upload(long destination, MemorySegment source, long size) {}

    @Override
    public void download(MemorySegment destination, long source, long size) {
        throw unable("download");
    }

    @Override
    public Feed feed(long size) {
        long slots = allocate(Feed.SLOTS * size, "inputs");
        return new Feed() {
            @Override
            public MemorySegment next() {
                throw unable("feed");
            }

            @Override
            public void send(long destination, long count) {}

            @Override
            public void close() {
                free(slots);
            }
        };
    }

    @Override
    public Module builtin() {
        return name -> () -> name;
    }

    @Override
    public int compilesAtOnce() {
        return 1;
    }

    @Override
    public List<Module> compile(List<Source> sources) {
        return Collections.nCopies(sources.size(), builtin());
    }

    @Override
    public void start(Work work) {}

    @Override
    public Graph graph(List<Work> work, List<List<Integer>> after) {
        throw unable("graph");
    }

    @Override
    public void synchronize() {}

    @Override
    public Event record() {
        throw unable("record");
    }

    @Override
    public void close() {}

    private static UnsupportedOperationException unable(String call) {
        return new UnsupportedOperationException(call + ": this device only counts memory");
    }
}
