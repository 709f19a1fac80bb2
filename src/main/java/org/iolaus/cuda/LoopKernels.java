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
import java.util.stream.IntStream;
import org.iolaus.kernel.Loop;
import org.iolaus.lower.Precision;
import org.iolaus.lower.Schedule;
import org.iolaus.lower.Schedule.Fused;
import org.iolaus.tensor.ShapeException;
import org.iolaus.tensor.Sizes;

/// The generated kernels of a schedule's fused loops: compiled once, launched with a batch's sizes and addresses.
final class LoopKernels {
    private static final int BLOCK = 256;
    private static final int FEWEST_IN_SOURCE = 4;
    /// Threads that give every processor of a large device enough to do.
    private static final long ENOUGH_THREADS = 132 * 2048;

    private final DeviceRuntime device;
    private final Schedule schedule;
    private final Precision precision;
    private final Map<Integer, Generated> kernels = new HashMap<>();

    private record Generated(List<Loop> loops, LoopSource source, DeviceRuntime.Kernel kernel) {}

    /// Compiles the loops; steps with equal code share a kernel.
    LoopKernels(DeviceRuntime device, Schedule schedule, Precision precision) {
        this.device = device;
        this.schedule = schedule;
        this.precision = precision;
        Map<Integer, LoopSource> sources = new LinkedHashMap<>();
        Map<String, String> names = new LinkedHashMap<>();
        int steps = schedule.steps().size();
        LoopSource[] written = new LoopSource[steps];
        IntStream.range(0, steps).parallel().forEach(step -> {
            if (schedule.steps().get(step) instanceof Fused fused) {
                written[step] = new LoopSource(
                        fused.loops(),
                        precision.bytes(),
                        buffer -> schedule.buffers().get(buffer).bf16());
            }
        });
        for (int step = 0; step < steps; step++) {
            LoopSource source = written[step];
            if (source != null) {
                sources.put(step, source);
                names.computeIfAbsent(source.body(), key -> "loop" + names.size());
            }
        }
        Map<String, DeviceRuntime.Kernel> compiled = compile(names);
        sources.forEach((step, source) -> {
            DeviceRuntime.Kernel kernel = Objects.requireNonNull(compiled.get(source.body()));
            kernels.put(step, new Generated(((Fused) schedule.steps().get(step)).loops(), source, kernel));
        });
    }

    /// Compiles kernels, in as many sources as are compiled at the same time.
    ///
    /// @param names by body
    private Map<String, DeviceRuntime.Kernel> compile(Map<String, String> names) {
        int count = Math.clamp(names.size() / FEWEST_IN_SOURCE, 1, device.compilesAtOnce());
        List<StringBuilder> texts = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            texts.add(new StringBuilder("#include \"tile.cuh\"\ntypedef ")
                    .append(precision.bytes() == 8 ? "double" : "float")
                    .append(" T;\n"));
        }
        int next = 0;
        for (Map.Entry<String, String> kernel : names.entrySet()) {
            texts.get(next++ % count).append(LoopSource.kernel(kernel.getValue(), kernel.getKey()));
        }
        List<DeviceRuntime.Module> modules = device.compile(
                "fused loops", texts.stream().map(StringBuilder::toString).toList());
        Map<String, DeviceRuntime.Kernel> kernelOf = new HashMap<>();
        next = 0;
        for (Map.Entry<String, String> kernel : names.entrySet()) {
            kernelOf.put(kernel.getKey(), modules.get(next++ % count).kernel(kernel.getValue()));
        }
        return kernelOf;
    }

    /// The work of one fused step.
    ///
    /// @param address of each buffer
    /// @param csr compressed rows of the indices that segment operations walk
    /// @param memory holds the arguments; lives as long as the work may be started
    List<Work> of(int step, Sizes sizes, long[] address, Csr[] csr, Arena memory) {
        Generated generated = Objects.requireNonNull(kernels.get(step));
        Loop loop = generated.loops().getFirst();
        LoopLayout layout = generated.source().layout();
        long elements = loop.iteration().volume().value(sizes);
        if (elements > Integer.MAX_VALUE) {
            throw new ShapeException(
                    "loop over " + loop.iteration() + ": want at most 2^31 - 1 elements, got " + elements);
        }
        long rows = layout.rows(sizes);
        long results = loop.walk() instanceof Loop.Walk.None
                ? rows
                : loop.results().dim(0).value(sizes);
        if (results * layout.packs() == 0) {
            return List.of();
        }
        long walkers = walkers(loop, layout, rows, results);
        List<Long> values = new ArrayList<>();
        for (Loop one : generated.loops()) {
            addAddresses(values, one, address, csr);
            values.add(rows);
            if (!(one.walk() instanceof Loop.Walk.None)) {
                values.add(results);
                values.add(walkers);
                values.add((rows + results - 1) / results);
            }
            for (long value : generated.source().symbolicValues(sizes)) {
                values.add(value);
            }
        }
        MemorySegment arguments = memory.allocateFrom(
                ValueLayout.JAVA_LONG,
                values.stream().mapToLong(Long::longValue).toArray());
        long items = layout.lanes() == 1 && loop.walk() instanceof Loop.Walk.None
                ? results * layout.packs() / layout.packsPerLane()
                : results * layout.tiles();
        int perBlock = (int) (BLOCK / (layout.lanes() * walkers));
        int grid = Math.toIntExact((items + perBlock - 1) / perBlock);
        int shared = walkers == 1 ? 0 : BLOCK * layout.pack() * precision.bytes();
        return List.of(
                new Work.Launch(generated.kernel(), grid, generated.loops().size(), BLOCK, shared, arguments));
    }

    private void addAddresses(List<Long> values, Loop loop, long[] address, Csr[] csr) {
        List<Loop.Load> loads = loop.loads();
        loads.forEach(load -> values.add(at(address, load.buffer())));
        for (Loop.Load load : loads) {
            if (LoopSource.readsIndex(loop, load)) {
                values.add(address[load.indexBuffer()]);
            }
        }
        loop.stores().forEach(store -> values.add(at(address, store.buffer())));
        if (loop.walk() instanceof Loop.Walk.Segments segments) {
            Csr compressed = Objects.requireNonNull(csr[segments.indexBuffer()]);
            values.add(compressed.start());
            values.add(compressed.order());
        }
    }

    /// Groups of threads that share the rows of one result: where results alone would leave processors idle.
    private static long walkers(Loop loop, LoopLayout layout, long rows, long results) {
        long average = rows / results;
        long enough = ENOUGH_THREADS / (results * layout.tiles() * layout.lanes());
        long wanted = switch (loop.walk()) {
            case Loop.Walk.None _ -> 1;
            // a thread has several rows on their way at a time
            case Loop.Walk.Chunks _ -> Math.max(Math.min(average, enough), average / LoopSource.MOST_ROWS_AT_ONCE);
            case Loop.Walk.Segments _ -> Math.min(average / 2, enough);
        };
        return Math.min(BLOCK / layout.lanes(), Long.highestOneBit(Math.max(1, wanted)));
    }

    private long at(long[] address, int buffer) {
        if (address[buffer] % 16 != 0) {
            throw new DeviceException(
                    "buffer " + buffer + " (" + schedule.buffers().get(buffer).type()
                            + "): want an address that is a multiple of 16, got " + address[buffer]);
        }
        return address[buffer];
    }
}
