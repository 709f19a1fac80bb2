package org.iolaus.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.iolaus.cuda.Driver.DeviceAddress;
import org.iolaus.cuda.Driver.HostAddress;

/// Memory of a GPU and pinned memory of the host, and transfers between them.
final class CudaMemory {
    private static final int PORTABLE = 1;

    private final CudaContext context;
    private final Set<Long> deviceMemory = new HashSet<>();
    private final Map<Long, PinnedMemory> hostMemory = new HashMap<>();

    CudaMemory(CudaContext context) {
        this.context = context;
    }

    /// Bytes of the GPU, or those of them that are unused.
    long size(boolean unused) {
        context.enter();
        long[] free = {0};
        long[] total = {0};
        Driver.check("cuMemGetInfo", JCudaDriver.cuMemGetInfo(free, total));
        return unused ? free[0] : total[0];
    }

    long allocate(long bytes, String what) {
        context.enterOutsideCapture("allocate");
        DeviceAddress address = new DeviceAddress(0);
        int result = JCudaDriver.cuMemAlloc(address, Math.max(1, bytes));
        if (result != CUresult.CUDA_SUCCESS) {
            throw Driver.failure(
                    "cuMemAlloc(" + bytes + " bytes, " + what
                            + (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY
                                    ? ", free are " + size(true) + " of " + size(false)
                                    : ", after " + context.last())
                            + ")",
                    result);
        }
        deviceMemory.add(address.address());
        return address.address();
    }

    void free(long address) {
        context.enterOutsideCapture("free");
        if (!deviceMemory.remove(address)) {
            throw new IllegalArgumentException(
                    "free: want an address that was allocated, got 0x" + Long.toHexString(address));
        }
        context.check("cuMemFree", JCudaDriver.cuMemFree(new DeviceAddress(address)));
    }

    /// At most 2 GiB at once.
    @SuppressWarnings("MustBeClosedChecker") // the arena lives until freeHost
    MemorySegment allocateHost(long bytes) {
        context.enterOutsideCapture("allocateHost");
        if (bytes < 0 || bytes > Integer.MAX_VALUE) {
            throw new DeviceException("pinned host memory: want at most 2 GiB at once, got " + bytes + " bytes");
        }
        HostAddress address = new HostAddress();
        Driver.check(
                "cuMemHostAlloc(" + bytes + " bytes)",
                JCudaDriver.cuMemHostAlloc(address, Math.max(1, bytes), PORTABLE));
        PinnedMemory memory = new PinnedMemory(Arena.ofShared(), new HostAddress(address.address()));
        hostMemory.put(address.address(), memory);
        return MemorySegment.ofAddress(address.address()).reinterpret(bytes, memory.lifetime, null);
    }

    /// @param lifetime of the segment that stands for it
    private record PinnedMemory(Arena lifetime, HostAddress address) {
        int free() {
            lifetime.close();
            return JCudaDriver.cuMemFreeHost(address);
        }
    }

    void freeHost(MemorySegment memory) {
        context.enterOutsideCapture("freeHost");
        PinnedMemory pinned = hostMemory.remove(memory.address());
        if (pinned == null) {
            throw new IllegalArgumentException("freeHost: want memory of allocateHost, got " + memory);
        }
        context.check("cuMemFreeHost", pinned.free());
    }

    void upload(long destination, MemorySegment source, long bytes) {
        context.enter();
        checkSize("upload", source, bytes);
        if (bytes == 0) {
            return;
        }
        if (source.isNative()) {
            context.check("cuMemcpyHtoDAsync(" + bytes + " bytes)", upload(destination, source.address(), bytes));
            return;
        }
        context.enterOutsideCapture("upload from the Java heap");
        try (Arena copy = Arena.ofConfined()) {
            MemorySegment bytesOfHeap = copy.allocate(bytes);
            MemorySegment.copy(source, 0, bytesOfHeap, 0, bytes);
            context.check("cuMemcpyHtoDAsync(" + bytes + " bytes)", upload(destination, bytesOfHeap.address(), bytes));
            context.synchronize();
        }
    }

    private int upload(long destination, long source, long bytes) {
        return JCudaDriver.cuMemcpyHtoDAsync(
                new DeviceAddress(destination), new HostAddress(source), bytes, context.stream());
    }

    void download(MemorySegment destination, long source, long bytes) {
        context.enterOutsideCapture("download");
        checkSize("download", destination, bytes);
        if (bytes == 0) {
            context.synchronize();
            return;
        }
        try (Arena copy = Arena.ofConfined()) {
            MemorySegment target = destination.isNative() ? destination : copy.allocate(bytes);
            context.check("cuMemcpyDtoHAsync(" + bytes + " bytes)", startDownload(target, source, bytes));
            context.synchronize();
            if (!destination.isNative()) {
                MemorySegment.copy(target, 0, destination, 0, bytes);
            }
        }
    }

    private int startDownload(MemorySegment destination, long source, long bytes) {
        return JCudaDriver.cuMemcpyDtoHAsync(
                new HostAddress(destination.address()), new DeviceAddress(source), bytes, context.stream());
    }

    static void checkSize(String call, MemorySegment host, long bytes) {
        if (bytes < 0 || bytes > host.byteSize()) {
            throw new IllegalArgumentException(
                    call + ": want at most the " + host.byteSize() + " bytes of the host's segment, got " + bytes);
        }
    }

    void copy(Work.Copy copy) {
        if (copy.bytes() > 0) {
            context.check(
                    "cuMemcpyDtoDAsync(" + copy.bytes() + " bytes)",
                    JCudaDriver.cuMemcpyDtoDAsync(
                            new DeviceAddress(copy.destination()),
                            new DeviceAddress(copy.source()),
                            copy.bytes(),
                            context.stream()));
        }
    }

    void fill(Work.Fill fill) {
        if (fill.bytes() > 0) {
            context.check(
                    "cuMemsetD8Async(" + fill.bytes() + " bytes)",
                    JCudaDriver.cuMemsetD8Async(
                            new DeviceAddress(fill.address()), (byte) fill.value(), fill.bytes(), context.stream()));
        }
    }

    void close() {
        deviceMemory.forEach(address -> JCudaDriver.cuMemFree(new DeviceAddress(address)));
        hostMemory.values().forEach(PinnedMemory::free);
    }
}
