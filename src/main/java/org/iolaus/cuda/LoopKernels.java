package org.iolaus.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.iolaus.kernel.Loop;
import org.iolaus.lower.Schedule;
import org.iolaus.lower.Schedule.Fused;
import org.iolaus.tensor.ShapeException;
import org.iolaus.tensor.Sizes;

/// The generated kernels of a schedule's fused loops: compiled once, launched with a batch's sizes and addresses.
final class LoopKernels {
    private static final int BLOCK = 256;

    private final DeviceRuntime device;
    private final Map<Integer, Generated> kernels = new HashMap<>();

    private record Generated(Loop loop, LoopSource source, DeviceRuntime.Kernel kernel) {}

    /// Compiles the loops; steps with equal code share a kernel.
    LoopKernels(DeviceRuntime device, Schedule schedule, DeviceExecutor.Precision precision) {
        this.device = device;
        Map<Integer, LoopSource> sources = new LinkedHashMap<>();
        Map<String, String> names = new LinkedHashMap<>();
        for (int step = 0; step < schedule.steps().size(); step++) {
            if (schedule.steps().get(step) instanceof Fused fused) {
                LoopSource source = new LoopSource(fused.loop());
                sources.put(step, source);
                names.computeIfAbsent(source.body(), key -> "loop" + names.size());
            }
        }
        StringBuilder text = new StringBuilder("#include \"iolaus.cuh\"\ntypedef ")
                .append(precision.type)
                .append(" T;\n");
        names.forEach((body, name) -> text.append(LoopSource.kernel(name, body)));
        DeviceRuntime.Module module = device.compile("fused loops", text.toString());
        sources.forEach((step, source) -> {
            DeviceRuntime.Kernel kernel = module.kernel(Objects.requireNonNull(names.get(source.body())));
            kernels.put(step, new Generated(((Fused) schedule.steps().get(step)).loop(), source, kernel));
        });
    }

    /// The work of one fused step.
    ///
    /// @param address of each buffer
    /// @param csr compressed rows of the indices that segment operations walk
    /// @param memory holds the arguments; lives as long as the work may be started
    Runnable of(int step, Sizes sizes, long[] address, DeviceExecutor.Csr[] csr, Arena memory) {
        Generated generated = Objects.requireNonNull(kernels.get(step));
        Loop loop = generated.loop();
        long n = loop.iteration().volume().value(sizes);
        if (n > Integer.MAX_VALUE) {
            throw new ShapeException("loop over " + loop.iteration() + ": want at most 2^31 - 1 elements, got " + n);
        }
        if (n == 0) {
            return () -> {};
        }
        List<Long> values = new ArrayList<>();
        loop.loads().forEach(load -> values.add(address[load.buffer()]));
        loop.loads().stream()
                .filter(load -> load.indexBuffer() != Loop.NO_INDEX)
                .forEach(load -> values.add(address[load.indexBuffer()]));
        loop.stores().forEach(store -> values.add(address[store.buffer()]));
        values.add(n);
        for (long value : generated.source().symbolicValues(sizes)) {
            values.add(value);
        }
        MemorySegment arguments = memory.allocateFrom(
                ValueLayout.JAVA_LONG,
                values.stream().mapToLong(Long::longValue).toArray());
        int grid = (int) ((n + BLOCK - 1) / BLOCK);
        return () -> device.launch(generated.kernel(), grid, 1, BLOCK, 0, arguments);
    }
}
