package org.iolaus.train.engine;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;
import org.iolaus.cuda.DeviceProgram;
import org.iolaus.cuda.DeviceRuntime;
import org.iolaus.cuda.Task;
import org.iolaus.lower.Precision;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// [UpdateProgram] on a device: its arrays and its work. Arrays are stored in full whatever the precision. Making it
/// makes room; [#load] fills it.
final class DeviceUpdate implements AutoCloseable {
    private final DeviceEngine engine;
    private final DeviceRuntime device;
    private final Precision precision;
    private final UpdateProgram update;
    /// Addresses; likewise `models`, of what belongs to the model.
    private final Map<String, Long> arrays = new HashMap<>();

    private final Map<String, Long> models = new HashMap<>();
    private final DeviceProgram program;
    private final List<DeviceProgram> programs = new ArrayList<>();
    private final @Nullable DeviceProgram keep;
    private final @Nullable DeviceProgram addEarlier;
    private final Set<String> sorted;
    private final long indices;

    /// @param averages null: none are kept
    DeviceUpdate(DeviceEngine engine, UpdateProgram update, DeviceState values, @Nullable DeviceState averages) {
        this.engine = engine;
        this.device = engine.device();
        this.precision = engine.precision().inFull();
        this.update = update;
        update.arrays().keySet().forEach(name -> arrays.put(name, device.allocate(bytes(name), purpose(update, name))));
        models.put(UpdateProgram.VALUES, values.address());
        models.put(UpdateProgram.AVERAGES, averages == null ? 0 : averages.address());
        this.program = made(update.program());
        this.keep = update.accumulates() ? made(update.keep()) : null;
        this.addEarlier = update.accumulates() ? made(UpdateProgram.addEarlier()) : null;
        this.sorted = update.indices().entrySet().stream()
                .filter(index -> index.getValue().sorted())
                .map(Map.Entry::getKey)
                .collect(Collectors.toSet());
        this.indices = device.allocate(program.memory(Sizes.NONE).inputs());
    }

    private DeviceProgram made(org.iolaus.ir.Program given) {
        DeviceProgram made = new DeviceProgram(device, given, precision, null);
        programs.add(made);
        return made;
    }

    private static String purpose(UpdateProgram update, String array) {
        return switch (array) {
            case UpdateProgram.GRADIENT, UpdateProgram.EARLIER, UpdateProgram.BUFFERS_BEFORE -> "gradient";
            default -> update.rule().slots().contains(array) ? "optimizer" : "other";
        };
    }

    /// Brings what the programs need to the device.
    void load() {
        arrays.forEach((name, address) -> device.fill(address, 0, bytes(name)));
        programs.forEach(DeviceProgram::load);
        allow();
        DeviceProgram.Bound bound = bind(program, Sizes.NONE, Map.of());
        try (Arena scope = Arena.ofConfined()) {
            MemorySegment block = scope.allocate(Math.max(1, bound.inputBytes()), 64);
            bound.pack(block, Map.of(), update.indices());
            device.upload(indices, block, bound.inputBytes());
            device.synchronize();
        }
    }

    private long bytes(String array) {
        return Objects.requireNonNull(update.arrays().get(array), array) * precision.bytes();
    }

    /// Sees to it that there is memory for what it computes.
    void reserve() {
        DeviceProgram.Memory memory = program.memory(Sizes.NONE);
        engine.reserve(new DeviceProgram.Memory(memory.arena(), memory.workspace(), 0), "the optimizer");
    }

    /// The first byte of an array.
    long address(String array) {
        if (array.equals(UpdateProgram.NUMBERS)) {
            return engine.header();
        }
        Long own = arrays.get(array);
        return own == null ? Objects.requireNonNull(models.get(array), array) : own;
    }

    /// The first byte of a number of an array.
    long address(String array, long number) {
        return address(array) + number * precision.bytes();
    }

    /// What ends a step.
    List<Task> tasks() {
        return tasks(program, Sizes.NONE, Map.of());
    }

    /// What follows a micro-batch that is not the last of its step.
    List<Task> keep() {
        FlatLayout.Range all = new FlatLayout.Range(0, update.accumulated());
        return tasks(Objects.requireNonNull(keep), rows(all), parts(all));
    }

    /// Adds what earlier micro-batches of the step gave to a part of the gradient. Buffers are not added up.
    List<Task> addEarlier(FlatLayout.Range range) {
        FlatLayout.Range part = new FlatLayout.Range(range.start(), Math.min(range.end(), update.accumulated()));
        return addEarlier == null || part.size() == 0 ? List.of() : tasks(addEarlier, rows(part), parts(part));
    }

    private static Sizes rows(FlatLayout.Range part) {
        return new Sizes(Map.of(UpdateProgram.ROWS, Math.toIntExact(part.size() / FlatLayout.ALIGNMENT)));
    }

    private Map<String, Long> parts(FlatLayout.Range part) {
        return Map.of(
                UpdateProgram.PART,
                address(UpdateProgram.GRADIENT, part.start()),
                UpdateProgram.EARLIER_PART,
                address(UpdateProgram.EARLIER, part.start()));
    }

    private List<Task> tasks(DeviceProgram made, Sizes sizes, Map<String, Long> parts) {
        return bind(made, sizes, parts).tasks().stream()
                .map(task -> new Task(task.work(), task.reads(), task.writes()))
                .toList();
    }

    /// @param parts addresses of leaves that are not [UpdateProgram#place]d
    private DeviceProgram.Bound bind(DeviceProgram made, Sizes sizes, Map<String, Long> parts) {
        ToLongFunction<String> address = leaf -> {
            Long part = parts.get(leaf);
            if (part != null) {
                return part;
            }
            UpdateProgram.Place place = update.place(leaf);
            return address(place.array(), place.start());
        };
        return made.bind(sizes, sorted, engine.places(address, address, indices));
    }

    /// Lets steps change things, also after one that was not finite.
    void allow() {
        upload(UpdateProgram.GUARD, new double[] {1});
    }

    /// Writes the first numbers of an array.
    void upload(String array, double[] values) {
        try (Arena scope = Arena.ofConfined()) {
            MemorySegment staged = scope.allocate((long) Math.max(1, values.length) * precision.bytes(), 64);
            for (int i = 0; i < values.length; i++) {
                precision.put(staged, i, values[i]);
            }
            device.upload(address(array), staged, (long) values.length * precision.bytes());
            device.synchronize();
        }
    }

    @Override
    public void close() {
        programs.forEach(DeviceProgram::close);
        arrays.values().forEach(device::free);
        device.free(indices);
    }
}
