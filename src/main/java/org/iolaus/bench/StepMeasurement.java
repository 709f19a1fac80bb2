package org.iolaus.bench;

import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iolaus.bench.BenchLine.Spread;
import org.iolaus.comm.Comm;
import org.iolaus.cuda.Task;
import org.iolaus.cuda.Work;
import org.iolaus.cuda.WorkProfile;
import org.iolaus.cuda.WorkQueue;
import org.iolaus.data.Batch;
import org.iolaus.ir.Cost;
import org.iolaus.lower.Lowering;
import org.iolaus.lower.Precision;
import org.iolaus.lower.Schedule;
import org.iolaus.lower.Target;
import org.iolaus.nn.Parameters.Role;
import org.iolaus.run.ConfiguredModel;
import org.iolaus.tensor.Sizes;
import org.iolaus.train.engine.DeviceEngine;
import org.iolaus.train.engine.Engine;
import org.iolaus.train.engine.HostEngine;
import org.iolaus.train.engine.MemoryPrediction;
import org.iolaus.train.engine.ModelState;
import org.iolaus.train.engine.StepProfile;
import org.iolaus.train.engine.TrainingStep;
import org.iolaus.train.inputs.BatchInputs;
import org.iolaus.train.inputs.Columns;
import org.iolaus.train.inputs.PaddedSize;
import org.iolaus.train.inputs.ReadyBatch;
import org.iolaus.train.optimize.OptimizerType;
import org.iolaus.train.report.JsonLine;
import org.jspecify.annotations.Nullable;

/// Measures the training step of one model on one batch, again and again the same.
public final class StepMeasurement {
    private final Comm comm;
    private final ConfiguredModel configured;
    private final Engine engine;
    private final @Nullable WorkQueue queue;
    private final Batch batch;
    private final ReadyBatch ready;
    private final Plan plan;
    private final BatchInputs inputs;
    private final double learningRate;
    private double loss = Double.NaN;

    /// How much is measured.
    ///
    /// @param warmup steps before each timing
    /// @param steps of each timing
    /// @param listed kinds of work on a device that are listed
    public record Plan(int warmup, int steps, int listed) {}

    /// Times of some steps.
    ///
    /// @param each of a step with a wait for its end, ms; likewise `host`: until the host had started it
    /// @param backToBack mean of steps without waits, ms
    private record Times(Spread each, Spread host, double backToBack) {}

    /// Prepares to measure.
    public StepMeasurement(Comm comm, ConfiguredModel configured, Engine engine, Batch batch, Plan plan) {
        this.comm = comm;
        this.configured = configured;
        this.engine = engine;
        this.queue = engine instanceof DeviceEngine on ? on.queue() : null;
        this.batch = batch;
        this.plan = plan;
        this.inputs = new BatchInputs(configured.model(), configured.columns(), comm.size());
        this.ready = engine.ready(inputs, batch);
        this.learningRate = configured.training().optimizer().learningRate();
    }

    /// Measures and reports.
    public void addTo(JsonLine line) {
        MemoryPrediction prediction = null;
        if (engine instanceof DeviceEngine on) {
            PaddedSize bucket = inputs.paddedSize(batch);
            prediction = MemoryPrediction.of(
                    configured.model(), configured.training(), on.precision(), Set.of(bucket), Set.of());
            prediction.requireRoom(on.freeBytes(), on.deviceName(), "--batch", batch.graphs(), bucket);
        }
        ModelState state = new ModelState(
                configured.model().parameters(), configured.training().seed());
        try (TrainingStep step = engine.training(configured.model(), state, configured.training(), new StepProfile())) {
            step.reserve(Set.of(inputs.paddedSize(batch)));
            comm.startupDone();
            describe(line);
            WorkQueue started = queue;
            if (started == null || prediction == null) {
                onHost(line, step);
            } else {
                onDevice(line, step, started, prediction);
            }
        }
    }

    private void describe(JsonLine line) {
        boolean potential = configured.model().architecture().potential().enableInteratomicPotential();
        List<String> heads = configured.columns().targets().stream()
                .map(Columns.Target::label)
                .toList();
        PaddedSize bucket = queue == null ? inputs.exact(batch) : inputs.paddedSize(batch);
        line.put("model", configured.model().architecture().mpnnType().toString())
                .put("targets", potential ? "energy+forces" : String.join("+", heads))
                .put("parameters", configured.model().parameters().count(Role.TRAINED))
                .put("optimizer", configured.training().optimizer().type().toString())
                .put("ranks", comm.size())
                .put("graphs", batch.graphs())
                .put("atoms", batch.atoms())
                .put("edges", batch.edges())
                .put("padded_graphs", bucket.graphs())
                .put("padded_atoms", bucket.atoms())
                .put("padded_edges", bucket.edges())
                .put("ready_ms", BenchLine.rounded(readyMilliseconds()))
                .put("warmup", plan.warmup)
                .put("steps", plan.steps);
    }

    /// What the thread that reads ahead does to a batch: padding, inputs by name, compressed rows.
    private double readyMilliseconds() {
        double[] times = new double[9];
        for (int i = 0; i < times.length; i++) {
            long began = System.nanoTime();
            engine.ready(inputs, batch);
            times[i] = (System.nanoTime() - began) * 1e-6;
        }
        return Spread.of(times).median();
    }

    private void onHost(JsonLine line, TrainingStep step) {
        Times times = times(step);
        put(line, times);
        put(line, Peaks.host(((HostEngine) engine).threads()), times.backToBack, Precision.FP64);
    }

    private void onDevice(JsonLine line, TrainingStep step, WorkQueue started, MemoryPrediction prediction) {
        WorkProfile profile = new WorkProfile(started);
        profile.startApart(true);
        Times without = times(step);
        long launchesWithout = launches(step, profile);
        profile.startApart(false);
        Times times = times(step);
        put(line, times);
        line.put("launches", launches(step, profile))
                .put("ms_without_graph", BenchLine.rounded(without.each.median()))
                .put("ms_back_to_back_without_graph", BenchLine.rounded(without.backToBack))
                .put("host_ms_without_graph", BenchLine.rounded(without.host.median()))
                .put("launches_without_graph", launchesWithout);
        memory(line, (DeviceEngine) engine, prediction);
        List<WorkProfile.Timed> works = profile.of(() -> step.step(ready, learningRate));
        finish(step);
        double event = profile.eventMilliseconds();
        double busy = works.stream().mapToDouble(work -> less(work, event)).sum();
        line.put("gpu_busy_ms", BenchLine.rounded(busy))
                .put("gpu_idle_share", BenchLine.rounded(Math.max(0, 1 - busy / times.backToBack)))
                .put("gpu_idle_share_without_graph", BenchLine.rounded(Math.max(0, 1 - busy / without.backToBack)))
                .put("event_ms", BenchLine.rounded(event));
        List<WorkProfile.Timed> update =
                works.stream().filter(StepMeasurement::isUpdate).toList();
        double updating = update.stream().mapToDouble(work -> less(work, event)).sum();
        line.put("update_ms", BenchLine.rounded(updating)).put("update_launches", update.size());
        Precision precision = configured.training().precision();
        Peaks peaks = Peaks.of(started.device(), precision);
        put(line, peaks, times.backToBack, precision);
        if (plan.listed > 0) {
            line.raw("most", most(works, event, peaks, precision));
        }
    }

    private Times times(TrainingStep step) {
        for (int i = 0; i < plan.warmup; i++) {
            one(step);
        }
        finish(step);
        comm.barrier();
        double[] each = new double[plan.steps];
        double[] host = new double[plan.steps];
        for (int i = 0; i < plan.steps; i++) {
            long began = System.nanoTime();
            step.step(ready, learningRate);
            host[i] = (System.nanoTime() - began) * 1e-6;
            synchronize();
            each[i] = comm.max(System.nanoTime() - began) * 1e-6;
            step.report(false, this::account);
        }
        finish(step);
        comm.barrier();
        long began = System.nanoTime();
        for (int i = 0; i < plan.steps; i++) {
            one(step);
        }
        synchronize();
        double all = comm.max(System.nanoTime() - began) * 1e-6;
        finish(step);
        return new Times(Spread.of(each), Spread.of(host), all / plan.steps);
    }

    /// As the trainer does it.
    private void one(TrainingStep step) {
        step.step(ready, learningRate);
        step.report(false, this::account);
    }

    private void finish(TrainingStep step) {
        synchronize();
        step.report(true, this::account);
    }

    private void synchronize() {
        if (queue != null) {
            queue.device().synchronize();
        }
    }

    private void account(TrainingStep.Result result) {
        result.requireFinite("bench step", "");
        loss = result.loss();
    }

    private long launches(TrainingStep step, WorkProfile profile) {
        long before = profile.started();
        step.step(ready, learningRate);
        long launches = profile.started() - before;
        finish(step);
        return launches;
    }

    private void put(JsonLine line, Times times) {
        times.each
                .addTo(line, "ms")
                .put("ms_back_to_back", BenchLine.rounded(times.backToBack))
                .put("host_ms", BenchLine.rounded(times.host.median()))
                .put("loss", loss);
        double perSecond = 1e3 / times.backToBack * comm.size();
        line.put("graphs_per_s", BenchLine.rounded(batch.graphs() * perSecond))
                .put("atoms_per_s", BenchLine.rounded(batch.atoms() * perSecond))
                .put("edges_per_s", BenchLine.rounded(batch.edges() * perSecond));
    }

    private static void memory(JsonLine line, DeviceEngine on, MemoryPrediction prediction) {
        long predicted = on.usedBeforeBytes() + prediction.total();
        long used = on.usedBeforeBytes() + on.usedBytes();
        line.put("memory_before_mib", mib(on.usedBeforeBytes()))
                .put("memory_predicted_mib", mib(predicted))
                .put("memory_used_mib", mib(used))
                .put("memory_error", BenchLine.rounded((double) predicted / used - 1));
    }

    /// Pieces of work of one name. The cost of a step goes to its first piece.
    private static final class Kind {
        private int times;
        private double milliseconds;
        private double least;
        private Cost cost = Cost.NONE;
    }

    /// The kinds of work that take most time, as a JSON array.
    private String most(List<WorkProfile.Timed> works, double event, Peaks peaks, Precision precision) {
        Schedule schedule = schedule(precision);
        Sizes sizes = inputs.exact(batch).sizes();
        Map<String, Kind> kinds = new LinkedHashMap<>();
        Set<Integer> counted = new HashSet<>();
        for (WorkProfile.Timed work : works) {
            String name = work.task().work().name();
            Kind kind = kinds.computeIfAbsent(isUpdate(work) ? "update " + name : name, _ -> new Kind());
            kind.times++;
            kind.milliseconds += less(work, event);
            if (work.task().step() >= 0 && counted.add(work.task().step())) {
                Cost cost = schedule.cost(schedule.steps().get(work.task().step()), sizes);
                kind.cost = kind.cost.plus(cost);
                kind.least += 1e3 * peaks.seconds(cost, precision.bytes());
            }
        }
        List<String> objects = kinds.entrySet().stream()
                .sorted(Comparator.comparingDouble((Map.Entry<String, Kind> entry) -> -entry.getValue().milliseconds))
                .limit(plan.listed)
                .map(entry -> {
                    Kind kind = entry.getValue();
                    JsonLine object = new JsonLine()
                            .put("work", entry.getKey())
                            .put("times", kind.times)
                            .put("ms", BenchLine.rounded(kind.milliseconds));
                    if (kind.cost.elements() > 0) {
                        object.put("flops", kind.cost.flops())
                                .put("bytes", precision.bytes() * kind.cost.elements())
                                .put("roofline_ms", BenchLine.rounded(kind.least))
                                .put("roofline_share", BenchLine.rounded(kind.least / kind.milliseconds));
                    }
                    return object.toString();
                })
                .toList();
        return "[" + String.join(",", objects) + "]";
    }

    private Schedule schedule(Precision precision) {
        return Lowering.run(
                configured.model().train(configured.training().convCheckpointing()),
                queue == null ? Target.HOST : Target.DEVICE,
                precision.lowPrecision());
    }

    /// Whether work is that of the optimizer and what belongs to it: kernels and products outside the model's program.
    private static boolean isUpdate(WorkProfile.Timed work) {
        boolean computes =
                work.task().work() instanceof Work.Launch || work.task().work() instanceof Work.Gemm;
        return computes && work.task().step() == Task.NO_STEP;
    }

    private static double less(WorkProfile.Timed work, double event) {
        return Math.max(0, work.milliseconds() - event);
    }

    /// The cost model's step, without padding, against what the hardware was seen to do.
    private void put(JsonLine line, Peaks peaks, double milliseconds, Precision precision) {
        int bytesPerElement = precision.bytes();
        Schedule schedule = schedule(precision);
        Sizes sizes = inputs.exact(batch).sizes();
        Cost update = update();
        Cost all = schedule.cost(sizes).plus(update);
        double least = 1e3 * (peaks.seconds(schedule, sizes, bytesPerElement) + peaks.seconds(update, bytesPerElement));
        line.put("flops", all.flops())
                .put("bytes", bytesPerElement * all.elements())
                .put("gflop_per_s", BenchLine.rounded(1e-6 * all.flops() / milliseconds))
                .put("gb_per_s", BenchLine.rounded(1e-6 * bytesPerElement * all.elements() / milliseconds))
                .put("peak_gflop_per_s", BenchLine.rounded(1e-9 * peaks.flops()))
                .put("peak_gb_per_s", BenchLine.rounded(1e-9 * peaks.bytes()))
                .put("roofline_ms", BenchLine.rounded(least))
                .put("roofline_share", BenchLine.rounded(least / milliseconds));
    }

    /// The optimizer reads parameters, gradient (for its norm, too) and state, and writes parameters and state.
    private Cost update() {
        int slots =
                OptimizerType.rule(configured.training().optimizer()).slots().size();
        long n = configured.model().parameters().count(Role.TRAINED);
        return new Cost((6L + 4L * slots) * n, (4L + 2L * slots) * n);
    }

    private static double mib(long bytes) {
        return BenchLine.rounded(bytes / (double) (1 << 20));
    }
}
