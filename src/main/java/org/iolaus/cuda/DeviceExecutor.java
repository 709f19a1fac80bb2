package org.iolaus.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.iolaus.ir.Program;
import org.iolaus.ir.ProgramExecutor;
import org.iolaus.ir.Type;
import org.iolaus.lower.LowPrecision;
import org.iolaus.lower.Precision;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.ShapeException;
import org.iolaus.tensor.Sizes;

/// Runs a program on a device with everything given and fetched anew: how devices are held to the definition. Memory
/// that a step should write holds NaNs before.
public final class DeviceExecutor implements ProgramExecutor {
    private static final long ALIGNMENT = 256;

    private final DeviceRuntime device;
    private final Precision precision;
    private final DeviceProgram program;

    public DeviceExecutor(DeviceRuntime device, Program program, Precision precision) {
        this(device, program, precision, precision.lowPrecision());
    }

    /// @param lowPrecision other than that of the precision, for tests
    public DeviceExecutor(DeviceRuntime device, Program program, Precision precision, LowPrecision lowPrecision) {
        this.device = device;
        this.precision = precision;
        this.program = new DeviceProgram(device, program, precision, lowPrecision, null);
    }

    @Override
    public Map<String, HostTensor> run(
            Map<String, HostTensor> floats, Map<String, Index> indices, Map<String, HostTensor> given) {
        Sizes sizes = program.program().sizes(floats, indices);
        Set<String> sorted = indices.entrySet().stream()
                .filter(entry -> entry.getValue().sorted())
                .map(Map.Entry::getKey)
                .collect(Collectors.toUnmodifiableSet());
        try (Run run = new Run(sizes, given)) {
            DeviceProgram.Bound bound = program.bind(sizes, sorted, run);
            try (Arena scope = Arena.ofConfined()) {
                MemorySegment staged = scope.allocate(Math.max(8, bound.inputBytes()), ALIGNMENT);
                bound.pack(staged, floats, indices);
                device.upload(run.inputs(), staged, bound.inputBytes());
                device.synchronize();
            }
            bound.tasks().forEach(task -> device.start(task.work()));
            return run.results();
        }
    }

    /// The memory of one run.
    private final class Run implements DeviceProgram.Places, AutoCloseable {
        private final long arena;
        private final long workspace;
        private final long inputs;
        private final Map<String, Long> parameters = new HashMap<>();
        private final Map<String, Long> outputs = new LinkedHashMap<>();
        private final Map<String, int[]> shapes = new HashMap<>();

        Run(Sizes sizes, Map<String, HostTensor> given) {
            DeviceProgram.Memory memory = program.memory(sizes);
            arena = poisoned(memory.arena());
            workspace = poisoned(memory.workspace());
            inputs = poisoned(memory.inputs());
            program.program().parameters().forEach((name, type) -> parameters.put(name, upload(name, type, given)));
            program.program().outputs().forEach((name, node) -> {
                shapes.put(name, node.shape().bind(sizes));
                outputs.put(name, poisoned(bytes(name)));
            });
        }

        private long poisoned(long bytes) {
            long address = device.allocate(Math.max(ALIGNMENT, bytes));
            device.fill(address, 0xFF, bytes);
            return address;
        }

        private long bytes(String output) {
            return HostTensor.volume(Objects.requireNonNull(shapes.get(output))) * precision.bytes();
        }

        private long upload(String name, Type type, Map<String, HostTensor> given) {
            HostTensor value = given.get(name);
            if (value == null) {
                throw new ShapeException(
                        "parameter " + name + ": want a value of shape " + type.shape() + ", got none");
            }
            double[] data = value.data();
            long bytes = (long) data.length * precision.bytes();
            try (Arena scope = Arena.ofConfined()) {
                MemorySegment staged = scope.allocate(Math.max(8, bytes), 8);
                for (int i = 0; i < data.length; i++) {
                    precision.put(staged, i, data[i]);
                }
                long address = device.allocate(Math.max(ALIGNMENT, bytes));
                device.upload(address, staged, bytes);
                device.synchronize();
                return address;
            }
        }

        Map<String, HostTensor> results() {
            Map<String, HostTensor> results = new LinkedHashMap<>();
            try (Arena scope = Arena.ofConfined()) {
                outputs.forEach((name, address) -> {
                    long bytes = bytes(name);
                    MemorySegment staged = scope.allocate(Math.max(8, bytes), 8);
                    device.download(staged, address, bytes);
                    double[] data = new double[(int) (bytes / precision.bytes())];
                    for (int i = 0; i < data.length; i++) {
                        data[i] = precision.get(staged, i);
                    }
                    results.put(name, new HostTensor(Objects.requireNonNull(shapes.get(name)), data));
                });
            }
            return results;
        }

        @Override
        public long arena() {
            return arena;
        }

        @Override
        public long workspace() {
            return workspace;
        }

        @Override
        public long inputs() {
            return inputs;
        }

        @Override
        public long parameter(String name) {
            return Objects.requireNonNull(parameters.get(name));
        }

        @Override
        public long output(String name) {
            return Objects.requireNonNull(outputs.get(name));
        }

        @Override
        public void close() {
            device.synchronize();
            device.free(arena);
            device.free(workspace);
            device.free(inputs);
            parameters.values().forEach(device::free);
            outputs.values().forEach(device::free);
        }
    }

    @Override
    public void close() {
        program.close();
    }
}
