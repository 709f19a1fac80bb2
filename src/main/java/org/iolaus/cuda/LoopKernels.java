package org.iolaus.cuda;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.iolaus.kernel.Loop;
import org.iolaus.lower.Precision;
import org.iolaus.lower.Schedule;
import org.iolaus.lower.Schedule.Fused;
import org.iolaus.tensor.ShapeException;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// The generated kernels of a schedule's fused loops: compiled once, launched with a batch's sizes and addresses.
final class LoopKernels {
    private static final int BLOCK = 256;
    private static final int FEWEST_IN_SOURCE = 4;
    /// Threads that give every processor of a large device enough to do.
    private static final long ENOUGH_THREADS = 132 * 2048;

    /// Elements of the largest arrays and loops for which 32 bits do.
    private static final long MOST_IN_32_BITS = Integer.MAX_VALUE;
    /// Rows of a walk, which are counted in steps of as many as a block has threads at most.
    private static final long MOST_ROWS = Integer.MAX_VALUE - (1L << 16);

    private final DeviceRuntime device;
    private final Schedule schedule;
    private final Precision precision;
    /// By step.
    private final Map<Integer, Generated> generated = new HashMap<>();
    /// Number of each kernel by its text; steps with equal text share a kernel.
    private final Map<String, Integer> numbers = new LinkedHashMap<>();
    private final int texts;
    private @Nullable List<DeviceRuntime.Module> modules;
    private final Map<String, DeviceRuntime.Kernel> of64Bits = new HashMap<>();

    private record Generated(List<Loop> loops, LoopSource source) {}

    /// Writes the kernels of a schedule's loops.
    LoopKernels(DeviceRuntime device, Schedule schedule, Precision precision) {
        this.device = device;
        this.schedule = schedule;
        this.precision = precision;
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
                generated.put(step, new Generated(((Fused) schedule.steps().get(step)).loops(), source));
                numbers.putIfAbsent(source.body(), numbers.size());
            }
        }
        texts = Math.clamp(numbers.size() / FEWEST_IN_SOURCE, 1, device.compilesAtOnce());
    }

    /// The kernels, in as many texts as are compiled at the same time.
    List<DeviceRuntime.Source> sources() {
        List<StringBuilder> written = new ArrayList<>();
        for (int i = 0; i < texts; i++) {
            written.add(new StringBuilder(head("unsigned")));
        }
        numbers.forEach((body, number) -> written.get(number % texts).append(LoopSource.kernel(name(number), body)));
        return written.stream()
                .map(text -> new DeviceRuntime.Source("fused loops", text.toString()))
                .toList();
    }

    /// @param offset type of the numbers of rows and elements
    private String head(String offset) {
        return "#include \"tile.cuh\"\ntypedef " + (precision.bytes() == 8 ? "double" : "float") + " T;\ntypedef "
                + offset + " offset;\n";
    }

    private static String name(int number) {
        return "loop" + number;
    }

    /// The kernel of a text, which finds elements by 32 bits or, where that is not enough, by 64.
    private DeviceRuntime.Kernel kernel(String body, boolean large) {
        if (large) {
            return of64Bits.computeIfAbsent(body, text -> {
                String whole = head("unsigned long long") + LoopSource.kernel(name(0), text);
                return device.compile("fused loop over large arrays", whole).kernel(name(0));
            });
        }
        List<DeviceRuntime.Module> compiled = modules;
        if (compiled == null) {
            compiled = device.compile(sources());
            modules = compiled;
        }
        int number = Objects.requireNonNull(numbers.get(body));
        return compiled.get(number % texts).kernel(name(number));
    }

    /// The work of one fused step.
    List<Work> of(int step, Binding binding) {
        Generated made = Objects.requireNonNull(generated.get(step));
        Loop loop = made.loops().getFirst();
        LoopLayout layout = made.source().layout();
        Sizes sizes = binding.sizes();
        long rows = layout.rows(sizes);
        long results = loop.walk() instanceof Loop.Walk.None
                ? rows
                : loop.results().dim(0).value(sizes);
        if (results * layout.packs() == 0) {
            return List.of();
        }
        if (!(loop.walk() instanceof Loop.Walk.None) && rows > MOST_ROWS) {
            throw new ShapeException(
                    "loop over " + loop.iteration() + ": want at most " + MOST_ROWS + " rows, got " + rows);
        }
        long walkers = walkers(loop, layout, rows, results);
        List<Long> values = new ArrayList<>();
        for (Loop one : made.loops()) {
            addAddresses(values, one, binding);
            values.add(rows);
            if (!(one.walk() instanceof Loop.Walk.None)) {
                values.add(results);
                values.add(walkers);
                values.add((rows + results - 1) / results);
            }
            for (long value : made.source().symbolicValues(sizes)) {
                values.add(value);
            }
        }
        long[] arguments = values.stream().mapToLong(Long::longValue).toArray();
        long items = layout.lanes() == 1 && loop.walk() instanceof Loop.Walk.None
                ? results * layout.packs() / layout.packsPerLane()
                : results * layout.tiles();
        int perBlock = (int) (BLOCK / (layout.lanes() * walkers));
        int grid = Math.toIntExact((items + perBlock - 1) / perBlock);
        int shared = walkers == 1 ? 0 : BLOCK * layout.pack() * precision.bytes();
        DeviceRuntime.Kernel kernel = kernel(made.source().body(), isLarge(made.loops(), sizes));
        return List.of(
                new Work.Launch(kernel, grid, made.loops().size(), BLOCK, shared, MemorySegment.ofArray(arguments)));
    }

    /// Whether a loop, or an array that it touches, has more elements than 32 bits tell apart.
    private boolean isLarge(List<Loop> loops, Sizes sizes) {
        return loops.stream()
                .anyMatch(loop -> loop.iteration().volume().value(sizes) > MOST_IN_32_BITS
                        || Stream.concat(
                                        loop.loads().stream().map(Loop.Load::buffer),
                                        loop.stores().stream().map(Loop.Store::buffer))
                                .map(buffer ->
                                        schedule.buffers().get(buffer).type().shape())
                                .anyMatch(shape -> shape.volume().value(sizes) > MOST_IN_32_BITS));
    }

    private void addAddresses(List<Long> values, Loop loop, Binding binding) {
        long[] address = binding.address();
        List<Loop.Load> loads = loop.loads();
        loads.forEach(load -> values.add(at(address, load.buffer())));
        for (Loop.Load load : loads) {
            if (LoopSource.readsIndex(loop, load)) {
                values.add(address[load.indexBuffer()]);
            }
        }
        loop.stores().forEach(store -> values.add(at(address, store.buffer())));
        if (loop.walk() instanceof Loop.Walk.Segments segments) {
            Csr compressed = binding.rows(segments.indexBuffer());
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
