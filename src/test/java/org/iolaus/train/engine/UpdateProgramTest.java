package org.iolaus.train.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.iolaus.comm.DeviceComm;
import org.iolaus.comm.SoloComm;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.cuda.Emulated;
import org.iolaus.cuda.EmulatedRuntime;
import org.iolaus.cuda.WorkQueue;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.lower.InPlace;
import org.iolaus.lower.Lowering;
import org.iolaus.lower.Precision;
import org.iolaus.lower.Schedule;
import org.iolaus.lower.Target;
import org.iolaus.model.Model;
import org.iolaus.nn.BatchNorm;
import org.iolaus.nn.Initializer;
import org.iolaus.nn.Linear;
import org.iolaus.nn.Parameters;
import org.iolaus.nn.Parameters.Group;
import org.iolaus.op.Expr;
import org.iolaus.tensor.Shape;
import org.iolaus.train.Training;
import org.iolaus.train.optimize.OptimizerType;
import org.iolaus.train.optimize.Update;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// The end of a step, on the host and on the emulated device.
final class UpdateProgramTest {
    private static final int HISTORY = 4;

    private final Parameters parameters = new Parameters();
    private final Random random = new Random(5);

    UpdateProgramTest() {
        Linear.of(parameters.root().at("first"), 70, 33);
        new BatchNorm(parameters.root().at("norm"), 70);
        Linear.of(parameters.root().at("second"), 33, 1);
        for (int i = 0; i < 2; i++) {
            parameters.root().at(i).parameter(Group.WEIGHTS, "weight", Initializer.normal(), 16, 8);
            parameters.root().at(i).parameter(Group.WEIGHTS, "weights", Initializer.normal(), 3, 5, 7);
        }
    }

    private static Training.Optimizer optimizer(OptimizerType type, List<Group> noDecay) {
        OptimizerType.Defaults defaults = type.defaults();
        double momentum = defaults.momentum() == null ? 0 : 0.9;
        return new Training.Optimizer(
                type, 0.1, false, 0.02, noDecay, List.of(0.8, 0.99), defaults.eps(), momentum, false);
    }

    private static UpdateProgram.Settings plain(OptimizerType type) {
        return new UpdateProgram.Settings(optimizer(type, List.of()), null, null, false, 1, HISTORY);
    }

    /// Outputs as a model's: the gradient's places do not depend on what is computed.
    private FlatLayout.Gradient gradientLayout(FlatLayout layout) {
        Map<String, Node> outputs = new LinkedHashMap<>();
        outputs.put(Model.LOSS, Expr.constant(0));
        outputs.put(Model.TASK_LOSSES, Expr.constant(Shape.of(2), 0, 0));
        parameters.specs().values().stream()
                .filter(spec -> spec.role() == Parameters.Role.BUFFER)
                .forEach(spec -> outputs.put(Model.BUFFER_AFTER + spec.name(), Expr.zeros(spec.shape())));
        return layout.gradient(Program.of(outputs), 1000);
    }

    /// The end of steps on the host.
    private final class Host implements AutoCloseable {
        final ModelState state = new ModelState(parameters, 3);
        final FlatLayout.Gradient layout = gradientLayout(state.layout());
        final UpdateProgram update;
        final HostUpdate host;

        Host(UpdateProgram.Settings settings) {
            update = new UpdateProgram(state.layout(), layout, settings);
            double[] averages =
                    settings.emaDecay() == null ? null : state.average().values();
            host = new HostUpdate(update, CpuExecutor.Options.SINGLE, state.values(), averages);
        }

        /// A gradient whose gaps are 0, with losses and buffers behind it.
        double[] draw() {
            double[] gradient = new double[(int) layout.size()];
            state.layout()
                    .withGaps(
                            random.doubles(parameters.count(Parameters.Role.TRAINED), -1, 1)
                                    .toArray(),
                            (at, value) -> gradient[(int) at] = value);
            layout.places().forEach((name, range) -> {
                for (long i = range.start(); i < range.end(); i++) {
                    gradient[(int) i] = random.nextDouble();
                }
            });
            return gradient;
        }

        void set(double[] gradient) {
            System.arraycopy(gradient, 0, host.array(UpdateProgram.GRADIENT), 0, gradient.length);
        }

        TrainingStep.Result result(int step) {
            double[] record = host.array(UpdateProgram.HISTORY);
            long row = (step - 1) % HISTORY * layout.losses().size();
            return update.result(i -> record[(int) (row + i)], 1);
        }

        /// All that steps may change, by array.
        Map<String, double[]> changing() {
            Map<String, double[]> all = new HashMap<>();
            all.put(UpdateProgram.VALUES, state.values().clone());
            all.put(UpdateProgram.AVERAGES, state.evaluated().values().clone());
            update.rule().slots().forEach(slot -> all.put(slot, host.array(slot).clone()));
            return all;
        }

        @Override
        public void close() {
            host.close();
        }
    }

    @ParameterizedTest
    @EnumSource(OptimizerType.class)
    void theEmulatedDeviceDoesAsTheHost(OptimizerType type) {
        List<UpdateProgram.Settings> all = List.of(
                plain(type),
                new UpdateProgram.Settings(optimizer(type, List.of(Group.BIASES)), 5.0, 0.9, true, 3, HISTORY));
        for (UpdateProgram.Settings settings : all) {
            for (Precision precision : List.of(Precision.FP64, Precision.BF16)) {
                compare(settings, precision);
            }
        }
    }

    private void compare(UpdateProgram.Settings settings, Precision precision) {
        EmulatedRuntime runtime = Emulated.runtime();
        try (Host host = new Host(settings);
                SoloComm solo = new SoloComm();
                DeviceEngine engine =
                        new DeviceEngine(1, runtime, precision, DeviceComm.open(DeviceComm.Kind.AUTO, solo, runtime))) {
            ModelState state = new ModelState(parameters, 3);
            DeviceState average = settings.emaDecay() == null ? null : engine.values(state.average());
            DeviceState values = engine.values(state);
            try (DeviceUpdate device = new DeviceUpdate(engine, host.update, values, average)) {
                device.load();
                device.reserve();
                try (WorkQueue.Recording recording = engine.queue().recording(device.tasks())) {
                    for (int step = 1; step <= 6; step++) {
                        double[] gradient = host.draw();
                        boolean added = step % 2 == 0;
                        device.upload(UpdateProgram.GRADIENT, gradient);
                        device.upload(UpdateProgram.NUMBERS, host.update.numbers(step, 0.01 * step, added));
                        recording.start();
                        host.set(gradient);
                        host.host.run(step, 0.01 * step, added);
                    }
                }
                // Muon's iterations multiply small singular values, and what is wrong with them, by up to 3.4^5
                boolean muon = settings.optimizer().type() == OptimizerType.MUON;
                double limit = precision.bytes() == 8 ? 1e-12 : muon ? 1e-3 : 3e-5;
                Map<String, double[]> want = host.changing();
                want.put(UpdateProgram.HISTORY, host.host.array(UpdateProgram.HISTORY));
                if (average == null) {
                    want.remove(UpdateProgram.AVERAGES);
                }
                want.forEach((name, numbers) -> {
                    double[] got = download(runtime, precision, device.address(name), numbers.length);
                    assertArrayEquals(numbers, got, limit, settings.optimizer().type() + " " + name);
                });
            }
        }
    }

    private static double[] download(EmulatedRuntime runtime, Precision precision, long address, int count) {
        try (Arena scope = Arena.ofConfined()) {
            MemorySegment copy = scope.allocate((long) count * precision.bytes(), 64);
            runtime.download(copy, address, (long) count * precision.bytes());
            double[] numbers = new double[count];
            for (int i = 0; i < count; i++) {
                numbers[i] = precision.get(copy, i);
            }
            return numbers;
        }
    }

    /// A large model: one pass for the norm, one for the update, three small pieces of work (the third for
    /// buffers), and nothing is copied.
    @ParameterizedTest
    @EnumSource(OptimizerType.class)
    void updatesRunAtTheSpeedOfMemory(OptimizerType type) {
        Parameters large = new Parameters();
        Linear.of(large.root(), 9000, 9000);
        new BatchNorm(large.root().at("norm"), 70);
        FlatLayout layout = new FlatLayout(large);
        UpdateProgram.Settings settings =
                new UpdateProgram.Settings(optimizer(type, List.of(Group.BIASES)), 5.0, 0.9, false, 1, 64);
        UpdateProgram update = new UpdateProgram(layout, gradientLayout(layout), settings);
        for (Target target : Target.values()) {
            Schedule schedule = Lowering.run(update.program(), target);
            assertEquals(schedule.outputs().size(), InPlace.of(schedule).size(), () -> "in place\n" + schedule);
        }
        Schedule schedule = Lowering.run(update.program(), Target.DEVICE);
        if (type == OptimizerType.MUON) {
            return; // its time goes into matrix products
        }
        boolean lamb = type == OptimizerType.FUSED_LAMB; // needs the length of each parameter's step first
        assertEquals(lamb ? 8 : 5, schedule.steps().size(), schedule::toString);
        long passes = 2 + 4 + 2L * update.rule().slots().size(); // the gradient twice, the rest read and written
        passes += lamb ? 3 : 0; // the step written and read, parameters read again
        double elements = schedule.cost(org.iolaus.tensor.Sizes.NONE).elements();
        assertEquals((double) passes, elements / layout.trained(), 0.1, schedule::toString);
    }

    @ParameterizedTest
    @EnumSource(OptimizerType.class)
    void whatIsNotFiniteChangesNothing(OptimizerType type) {
        UpdateProgram.Settings settings =
                new UpdateProgram.Settings(optimizer(type, List.of()), 5.0, 0.9, false, 1, HISTORY);
        for (boolean ofLoss : new boolean[] {false, true}) {
            for (double bad : new double[] {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY}) {
                try (Host host = new Host(settings)) {
                    host.set(host.draw());
                    host.host.run(1, 0.1, false);
                    Map<String, double[]> before = host.changing();
                    double[] gradient = host.draw();
                    gradient[ofLoss ? (int) host.layout.losses().start() : 77] = bad;
                    host.set(gradient);
                    host.host.run(2, 0.1, false);
                    assertTrue(host.result(1).isFinite());
                    assertFalse(host.result(2).isFinite());
                    assertEquals(ofLoss, !Double.isFinite(host.result(2).loss()));
                    host.set(host.draw());
                    host.host.run(3, 0.1, false); // later steps are done for already
                    assertTrue(host.result(3).isFinite());
                    Map<String, double[]> after = host.changing();
                    before.forEach((name, numbers) -> assertArrayEquals(numbers, after.get(name), 0.0, name));
                    host.host.allow();
                    host.host.run(2, 0.1, false);
                    assertNotEquals(
                            before.get(UpdateProgram.VALUES)[0], host.state.values()[0]);
                }
            }
        }
    }

    /// PyTorch's `clip_grad_norm_`, one step of an average, buffers of 4 ranks.
    @Test
    void clipsAveragesAndStoresByHand() {
        UpdateProgram.Settings settings =
                new UpdateProgram.Settings(optimizer(OptimizerType.SGD, List.of()), 0.25, 0.75, false, 4, HISTORY);
        try (Host host = new Host(settings)) {
            ModelState first = new ModelState(parameters, 3);
            double[] gradient = host.draw();
            double norm = 0;
            for (int i = 0; i < host.state.layout().trained(); i++) {
                norm += gradient[i] * gradient[i];
            }
            norm = Math.sqrt(norm);
            host.set(gradient);
            host.host.run(1, 0.5, false);
            TrainingStep.Result result = host.result(1);
            assertEquals(norm, result.gradientNorm(), 1e-12);
            assertEquals(gradient[(int) host.layout.losses().start()], result.loss());
            assertEquals(2, result.tasks().length);
            FlatLayout.Range tasks = host.layout.place(Model.TASK_LOSSES);
            assertEquals(gradient[(int) tasks.start() + 1], result.tasks()[1]);
            for (int i = 0; i < host.state.layout().trained(); i++) {
                double p = first.values()[i];
                double clipped = gradient[i] * 0.25 / (norm + 1e-6);
                double moved = p - 0.5 * (clipped + 0.02 * p);
                assertEquals(moved, host.state.values()[i], 1e-14);
                assertEquals(p + 0.25 * (moved - p), host.state.average().values()[i], 1e-14);
            }
            host.layout.buffers().forEach((name, after) -> {
                for (ModelState state : List.of(host.state, host.state.average())) {
                    double got = state.find(name).get(0);
                    assertEquals(gradient[(int) after.start()] / 4, got, 1e-15, name);
                }
            });
            assertTrue(host.layout.buffers().size() > 1);
        }
    }

    @Test
    void gradientsWithinTheLimitStayAsTheyAre() {
        UpdateProgram.Settings sgd = plain(OptimizerType.SGD);
        UpdateProgram.Settings clipped = new UpdateProgram.Settings(sgd.optimizer(), 1e9, null, false, 1, HISTORY);
        try (Host host = new Host(sgd);
                Host limited = new Host(clipped)) {
            double[] gradient = host.draw();
            for (Host one : List.of(host, limited)) {
                one.set(gradient);
                one.host.run(1, 0.5, false);
            }
            assertArrayEquals(host.state.values(), limited.state.values(), 0.0);
        }
    }

    /// Several micro-batches: if the step is not finite, buffers are again what they were before the first.
    @Test
    void buffersOfMicroBatchesAreTakenBack() {
        UpdateProgram.Settings settings =
                new UpdateProgram.Settings(optimizer(OptimizerType.ADAMW, List.of()), null, null, true, 1, HISTORY);
        try (Host host = new Host(settings)) {
            double[] before = host.host.array(UpdateProgram.BUFFERS_BEFORE);
            for (int i = 0; i < before.length; i++) {
                before[i] = i;
            }
            double[] gradient = host.draw();
            gradient[0] = Double.NaN;
            host.set(gradient);
            host.host.run(1, 0.5, true);
            host.layout.buffers().forEach((name, after) -> {
                double want = (double) (after.start() - host.layout.losses().end());
                assertEquals(want, host.state.find(name).get(0), name);
            });
        }
    }

    @Test
    void parametersAreTheFirstArray() {
        try (Host host = new Host(plain(OptimizerType.SGD))) {
            assertEquals(
                    UpdateProgram.VALUES, host.update.place(Update.PARAMETERS).array());
            assertEquals(
                    0,
                    Objects.requireNonNull(host.update.place(Update.PARAMETERS)).start());
        }
    }
}
