package org.iolaus.cpu;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Op;
import org.iolaus.ir.Program;
import org.iolaus.ir.ProgramExecutor;
import org.iolaus.ir.Type;
import org.iolaus.kernel.Loop;
import org.iolaus.lower.InPlace;
import org.iolaus.lower.Lowering;
import org.iolaus.lower.MemoryPlan;
import org.iolaus.lower.Schedule;
import org.iolaus.lower.Schedule.Buffer;
import org.iolaus.lower.Schedule.Call;
import org.iolaus.lower.Schedule.Fused;
import org.iolaus.lower.Target;
import org.iolaus.op.AllReduce;
import org.iolaus.op.Constant;
import org.iolaus.op.MatMul;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// Runs a program in float64: the definition that other devices are held to.
public final class CpuExecutor implements ProgramExecutor {
    /// Work (in elements or multiply-adds) from which a second thread pays for its start, some tens of microseconds.
    private static final long WORTH_SHARING = 2_000_000;

    /// How a program is run.
    ///
    /// @param threads threads that share large steps
    /// @param allReduce sums an array over ranks in place; null on a single rank
    public record Options(int threads, @Nullable Reduction allReduce) {
        public static final Options SINGLE = new Options(1, null);
    }

    /// Sums `data[offset .. offset + length)` over all ranks in place.
    public interface Reduction {
        void sum(double[] data, int offset, int length);
    }

    /// Receives each output as soon as it is complete; the view is valid until the next run.
    public interface Sink {
        void complete(String name, HostView value);
    }

    /// Finds the memory of a parameter by name.
    public interface ParameterSource {
        HostView find(String name);
    }

    private final Program program;
    private final Schedule schedule;
    private final Options options;
    private final Workers workers;
    private final List<List<Output>> completed;
    private final Map<Integer, Integer> inPlace;
    private final Map<Integer, String> copied = new LinkedHashMap<>();
    private final Map<Integer, double[]> constants = new HashMap<>();
    private final LoopRunner.Registers[] registers;
    private double[] arena = new double[0];
    private @Nullable Bound bound;

    private record Output(String name, int buffer, Shape shape) {}

    /// A schedule with everything that depends on sizes worked out.
    private record Bound(Sizes sizes, MemoryPlan plan, List<@Nullable LoopRunner> loops) {}

    public CpuExecutor(Program program, Options options) {
        this(program, options, false);
    }

    /// One that gives parameters new values: outputs take the memory of the parameters of their names.
    public static CpuExecutor replacing(Program program, Options options) {
        return new CpuExecutor(program, options, true);
    }

    private CpuExecutor(Program program, Options options, boolean replaces) {
        this.program = program;
        this.options = options;
        this.schedule = Lowering.run(program, Target.HOST);
        this.workers = new Workers(options.threads());
        this.completed = completions();
        this.inPlace = replaces ? InPlace.of(schedule) : Map.of();
        schedule.outputs().forEach((name, buffer) -> {
            if (replaces && !inPlace.containsKey(buffer)) {
                copied.put(buffer, name);
            }
        });
        for (Buffer buffer : schedule.buffers()) {
            if (buffer.value() != null && buffer.value().op() instanceof Constant constant) {
                double[] values = constant.values().stream()
                        .mapToDouble(Double::doubleValue)
                        .toArray();
                constants.put(buffer.number(), values);
            }
        }
        int most = schedule.steps().stream()
                .mapToInt(step -> step instanceof Fused fused ? LoopRunner.tileCount(only(fused)) : 0)
                .max()
                .orElse(0);
        this.registers = new LoopRunner.Registers[options.threads()];
        for (int i = 0; i < registers.length; i++) {
            registers[i] = new LoopRunner.Registers(most);
        }
    }

    public Program program() {
        return program;
    }

    public Schedule schedule() {
        return schedule;
    }

    /// For each step, the outputs that are complete after it; those that no step writes come last.
    private List<List<Output>> completions() {
        List<List<Output>> result = new ArrayList<>();
        for (int step = 0; step <= schedule.steps().size(); step++) {
            result.add(new ArrayList<>());
        }
        program.outputs().forEach((name, node) -> {
            int number = schedule.outputs().getOrDefault(name, -1);
            Buffer buffer = schedule.buffers().get(number);
            boolean given = buffer.storage() != Schedule.Storage.ARENA;
            result.get(given ? schedule.steps().size() : buffer.complete()).add(new Output(name, number, node.shape()));
        });
        return result;
    }

    @Override
    public Map<String, HostTensor> run(
            Map<String, HostTensor> floats, Map<String, Index> indices, Map<String, HostTensor> parameters) {
        Map<String, HostTensor> results = new LinkedHashMap<>();
        program.outputs().keySet().forEach(name -> results.put(name, HostTensor.scalar(0)));
        run(
                floats,
                indices,
                name -> {
                    HostTensor value = parameters.get(name);
                    if (value == null) {
                        throw new ShapeException("parameter " + name + ": want a value, got none");
                    }
                    return new HostView(value);
                },
                (name, view) -> {
                    double[] copy = new double[view.volume()];
                    System.arraycopy(view.data(), view.offset(), copy, 0, copy.length);
                    results.put(name, new HostTensor(view.shape().clone(), copy));
                });
        return results;
    }

    /// Runs once; outputs go to the sink in the order in which they are complete.
    ///
    /// @throws ShapeException if an input is missing or its shape is wrong, naming it
    public void run(Map<String, HostTensor> floats, Map<String, Index> indices, ParameterSource parameters, Sink sink) {
        Sizes sizes = program.sizes(floats, indices);
        Bound plan = bind(sizes);
        Memory memory = new Memory(plan, floats, indices, parameters);
        for (int at = 0; at < schedule.steps().size(); at++) {
            switch (schedule.steps().get(at)) {
                case Fused fused -> loop(plan, memory, at, only(fused));
                case Call call -> call(memory, call);
            }
            complete(at, memory, sink);
        }
        complete(schedule.steps().size(), memory, sink);
        copied.forEach((buffer, name) -> {
            HostView parameter = parameters.find(name);
            System.arraycopy(
                    memory.data(buffer),
                    memory.offset(buffer),
                    parameter.data(),
                    parameter.offset(),
                    parameter.volume());
        });
    }

    private void complete(int step, Memory memory, Sink sink) {
        for (Output output : completed.get(step)) {
            int[] shape = output.shape().bind(memory.plan.sizes());
            HostView view = new HostView(memory.data(output.buffer()), memory.offset(output.buffer()), shape);
            sink.complete(output.name(), view);
        }
    }

    private static Loop only(Fused fused) {
        if (fused.loops().size() != 1) {
            throw new IllegalArgumentException(
                    "cpu: want steps of one loop, got " + fused.loops().size());
        }
        return fused.loops().getFirst();
    }

    private void loop(Bound plan, Memory memory, int at, Loop loop) {
        LoopRunner runner = plan.loops().get(at);
        if (runner == null) {
            throw new IllegalStateException("cpu: want a bound loop at step " + at);
        }
        long work = (long) runner.elements()
                * (loop.loads().size() + loop.instructions().size());
        workers.split(
                runner.elements(),
                LoopRunner.TILE,
                work > WORTH_SHARING,
                (member, from, to) -> runner.run(memory, registers[member], from, to));
    }

    private void call(Memory memory, Call call) {
        List<HostCall.Argument> arguments = new ArrayList<>(call.inputs().size());
        for (int i = 0; i < call.inputs().size(); i++) {
            int number = call.inputs().get(i);
            Type type = call.node().input(i).type();
            arguments.add(
                    type.isIndex()
                            ? HostCall.Argument.of(memory.indexOf(number))
                            : HostCall.Argument.of(new HostView(
                                    memory.data(number),
                                    memory.offset(number),
                                    type.shape().bind(memory.plan.sizes()))));
        }
        int[] shape = call.node().shape().bind(memory.plan.sizes());
        HostCall host =
                new HostCall(new HostView(memory.data(call.out()), memory.offset(call.out()), shape), arguments);
        switch (call.op()) {
            case MatMul matmul -> matmul(matmul, host);
            case AllReduce reduce -> {
                reduce.cpu(host);
                Reduction reduction = options.allReduce();
                if (reduction != null) {
                    reduction.sum(
                            host.out().data(), host.out().offset(), host.out().volume());
                }
            }
            default -> share(call.op(), host);
        }
    }

    private void share(Op op, HostCall host) {
        long work = op.sharedWork(host);
        if (work == 0) {
            op.cpu(host);
        } else {
            workers.split(
                    host.out().shape()[0], 1, work > WORTH_SHARING, (member, from, to) -> op.rows(host, from, to));
        }
    }

    private void matmul(MatMul op, HostCall host) {
        HostView a = host.in(0);
        HostView b = host.in(1);
        HostView out = host.out();
        int rank = out.shape().length;
        int m = out.shape()[rank - 2];
        int n = out.shape()[rank - 1];
        int k = a.shape()[op.transposeA() ? rank - 2 : rank - 1];
        int batch = rank == 3 ? out.shape()[0] : 1;
        boolean pays = (long) m * n * k > WORTH_SHARING;
        if (batch > 1) {
            workers.split(batch, 1, pays, (member, from, to) -> {
                for (int z = from; z < to; z++) {
                    Gemm.rows(
                            op.transposeA(),
                            op.transposeB(),
                            m,
                            n,
                            k,
                            a,
                            z * m * k,
                            b,
                            z * k * n,
                            out,
                            z * m * n,
                            0,
                            m);
                }
            });
        } else {
            workers.split(
                    m,
                    16,
                    pays,
                    (member, from, to) ->
                            Gemm.rows(op.transposeA(), op.transposeB(), m, n, k, a, 0, b, 0, out, 0, from, to));
        }
    }

    private Bound bind(Sizes sizes) {
        Bound known = bound;
        if (known != null && known.sizes().equals(sizes)) {
            return known;
        }
        MemoryPlan plan = MemoryPlan.of(schedule, sizes, inPlace.keySet());
        if (plan.elements() > Integer.MAX_VALUE - 16) {
            throw new ShapeException("cpu: want a step of at most " + (Integer.MAX_VALUE - 16)
                    + " numbers in memory, got " + plan.elements() + " for " + sizes + "; make the batch smaller");
        }
        if (arena.length < plan.elements()) {
            arena = new double[(int) plan.elements()];
        }
        List<@Nullable LoopRunner> loops = new ArrayList<>();
        for (Schedule.Step step : schedule.steps()) {
            loops.add(step instanceof Fused fused ? new LoopRunner(only(fused), sizes) : null);
        }
        Bound fresh = new Bound(sizes, plan, loops);
        bound = fresh;
        return fresh;
    }

    /// The memory behind buffer numbers during one run.
    private final class Memory implements LoopRunner.Memory {
        private final Bound plan;
        private final double[][] outside;
        private final int[] outsideOffset;
        private final @Nullable Index[] indices;

        Memory(Bound plan, Map<String, HostTensor> floats, Map<String, Index> given, ParameterSource parameters) {
            this.plan = plan;
            int count = schedule.buffers().size();
            outside = new double[count][];
            outsideOffset = new int[count];
            indices = new Index[count];
            for (Buffer buffer : schedule.buffers()) {
                int number = buffer.number();
                switch (buffer.storage()) {
                    case ARENA -> {
                        outside[number] = arena;
                        outsideOffset[number] = (int) plan.plan().offset()[number];
                    }
                    case INPUT -> {
                        if (buffer.type().isIndex()) {
                            indices[number] = given.get(buffer.label());
                        } else {
                            outside[number] = Objects.requireNonNull(floats.get(buffer.label()))
                                    .data();
                        }
                    }
                    case PARAMETER -> {
                        HostView view = parameters.find(buffer.label());
                        int[] want = buffer.type().shape().bind(plan.sizes());
                        if (!Arrays.equals(want, view.shape())) {
                            throw new ShapeException("parameter " + buffer.label() + ": want shape "
                                    + buffer.type().shape() + ", got " + Arrays.toString(view.shape()));
                        }
                        outside[number] = view.data();
                        outsideOffset[number] = view.offset();
                    }
                    case CONSTANT -> outside[number] = Objects.requireNonNull(constants.get(number));
                }
            }
            inPlace.forEach((output, parameter) -> {
                outside[output] = outside[parameter];
                outsideOffset[output] = outsideOffset[parameter];
            });
        }

        @Override
        public double[] data(int buffer) {
            return outside[buffer];
        }

        @Override
        public int offset(int buffer) {
            return outsideOffset[buffer];
        }

        @Override
        public int[] index(int buffer) {
            return indexOf(buffer).values();
        }

        Index indexOf(int buffer) {
            Index index = indices[buffer];
            if (index == null) {
                throw new IllegalStateException("cpu: want an index in buffer " + buffer);
            }
            return index;
        }
    }

    @Override
    public void close() {
        workers.close();
    }
}
