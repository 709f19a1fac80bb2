package org.iolaus.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.lower.InPlace;
import org.iolaus.lower.Lowering;
import org.iolaus.lower.Precision;
import org.iolaus.lower.Schedule;
import org.iolaus.lower.Target;
import org.iolaus.op.Definition;
import org.iolaus.op.Expr;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.Sizes;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Programs whose outputs take the memory of parameters, on the host and on the emulated device.
final class InPlaceTest {
    private static final int N = 48;

    /// New values of two matrices.
    @SuppressWarnings("unused") // by name: @EnumSource
    private enum Case {
        ELEMENT_BY_ELEMENT(1, 2) {
            @Override
            Map<String, Node> outputs(Node a, Node b) {
                return Map.of("a", Expr.add(a, b), "b", Expr.mul(a, b));
            }
        },
        SWAPPED(1, 1) {
            @Override
            Map<String, Node> outputs(Node a, Node b) {
                return Map.of("a", Expr.scale(b, 2), "b", Expr.shift(a, 1));
            }
        },
        SUMMED_BEFORE(2, 2) {
            @Override
            Map<String, Node> outputs(Node a, Node b) {
                return Map.of("a", Expr.sub(a, Expr.sum(a, 0, 1)), "b", Expr.sub(b, Expr.sum(b, 1)));
            }
        },
        MULTIPLIED_BEFORE(1, 1) {
            @Override
            Map<String, Node> outputs(Node a, Node b) {
                return Map.of("a", Expr.add(a, Expr.matmul(a, a)));
            }
        },
        /// Each needs the other as it was: one is computed elsewhere, as for those above.
        MULTIPLIED_AFTER(0, 1) {
            @Override
            Map<String, Node> outputs(Node a, Node b) {
                return Map.of("a", Expr.matmul(a, b), "b", Expr.matmul(b, a));
            }
        },
        TRANSPOSED(0, 0) {
            @Override
            Map<String, Node> outputs(Node a, Node b) {
                return Map.of("a", Expr.scale(Expr.transpose(a, 1, 0), 3));
            }
        },
        ROWS_OF_OTHERS(0, 0) {
            @Override
            Map<String, Node> outputs(Node a, Node b) {
                return Map.of("a", Expr.add(a, Expr.slice(a, 0, 0, 1)));
            }
        };

        private final int least;
        private final int most;

        /// @param least outputs that are computed where parameters are; likewise `most`
        Case(int least, int most) {
            this.least = least;
            this.most = most;
        }

        abstract Map<String, Node> outputs(Node a, Node b);
    }

    private final Random random = new Random(9);
    private final Map<String, HostTensor> parameters = new LinkedHashMap<>();

    private Program program(Case which) {
        List.of("a", "b")
                .forEach(name -> parameters.put(
                        name,
                        new HostTensor(
                                new int[] {N, N}, random.doubles(N * N, -1, 1).toArray())));
        Shape shape = Shape.of(N, N);
        Map<String, Node> outputs = new LinkedHashMap<>();
        which.outputs(Expr.parameter("a", shape), Expr.parameter("b", shape)).entrySet().stream()
                .sorted(Map.Entry.comparingByKey())
                .forEach(output -> outputs.put(output.getKey(), output.getValue()));
        return Program.of(outputs);
    }

    private Map<String, HostTensor> wanted(Program program) {
        Map<String, HostTensor> all = new HashMap<>(parameters);
        all.putAll(Definition.evaluate(program, parameters, Map.of(), Sizes.NONE));
        return all;
    }

    private static void check(Case which, Schedule schedule) {
        int found = InPlace.of(schedule).size();
        assertTrue(found >= which.least && found <= which.most, () -> found + " in place\n" + schedule);
    }

    @ParameterizedTest
    @EnumSource(Case.class)
    void onTheHost(Case which) {
        Program program = program(which);
        Map<String, HostTensor> want = wanted(program);
        check(which, Lowering.run(program, Target.HOST));
        try (CpuExecutor executor = CpuExecutor.replacing(program, CpuExecutor.Options.SINGLE)) {
            executor.run(
                    Map.of(),
                    Map.of(),
                    name -> new HostView(Objects.requireNonNull(parameters.get(name))),
                    (_, _) -> {});
        }
        want.forEach((name, tensor) ->
                assertArrayEquals(tensor.data(), parameters.get(name).data(), 1e-12, name));
    }

    @ParameterizedTest
    @EnumSource(Case.class)
    void onTheDevice(Case which) {
        Program program = program(which);
        Map<String, HostTensor> want = wanted(program);
        check(which, Lowering.run(program, Target.DEVICE));
        try (EmulatedRuntime device = Emulated.runtime();
                Arena scope = Arena.ofConfined();
                DeviceProgram made = new DeviceProgram(device, program, Precision.FP64, null)) {
            Map<String, Long> addresses = new HashMap<>();
            parameters.forEach((name, tensor) -> {
                long address = device.allocate(8L * N * N);
                device.upload(address, scope.allocateFrom(ValueLayout.JAVA_DOUBLE, tensor.data()), 8L * N * N);
                addresses.put(name, address);
            });
            DeviceProgram.Memory memory = made.memory(Sizes.NONE);
            long arena = device.allocate(memory.arena());
            long workspace = device.allocate(memory.workspace());
            DeviceProgram.Bound bound = made.bind(Sizes.NONE, Set.of(), new Places(arena, workspace, addresses));
            try (WorkQueue.Recording recording = new WorkQueue(device).recording(bound.tasks())) {
                recording.start();
            }
            want.forEach((name, tensor) -> {
                MemorySegment copy = scope.allocate(8L * N * N, 8);
                device.download(copy, Objects.requireNonNull(addresses.get(name)), 8L * N * N);
                assertArrayEquals(tensor.data(), copy.toArray(ValueLayout.JAVA_DOUBLE), 1e-12, name);
            });
        }
    }

    private record Places(long arena, long workspace, Map<String, Long> addresses) implements DeviceProgram.Places {
        @Override
        public long inputs() {
            return 0;
        }

        @Override
        public long parameter(String name) {
            return Objects.requireNonNull(addresses.get(name));
        }

        @Override
        public long output(String name) {
            return parameter(name);
        }
    }
}
