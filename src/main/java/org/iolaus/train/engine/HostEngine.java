package org.iolaus.train.engine;

import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.iolaus.comm.Comm;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.data.Batch;
import org.iolaus.ir.Program;
import org.iolaus.model.Model;
import org.iolaus.train.Training;
import org.iolaus.train.inputs.BatchInputs;
import org.iolaus.train.inputs.PaddedSize;
import org.iolaus.train.inputs.ReadyBatch;

/// Runs programs in float64 on this rank's threads. Batches have exactly the sizes that they need.
public final class HostEngine implements Engine {
    private final Comm comm;
    private final CpuExecutor.Options options;

    /// @param threads that share large steps
    public HostEngine(Comm comm, int threads) {
        this.comm = comm;
        this.options = new CpuExecutor.Options(threads, comm.size() == 1 ? null : comm::sum);
    }

    @Override
    public String describe() {
        return "float64 on the CPU, " + options.threads() + (options.threads() == 1 ? " thread" : " threads")
                + " per rank";
    }

    @Override
    public ReadyBatch ready(BatchInputs inputs, Batch batch) {
        PaddedSize exact = inputs.exact(batch);
        return new ReadyBatch(batch, exact, exact, inputs.bind(batch));
    }

    /// Batches have just the sizes that they need, so there is nothing to reserve.
    @Override
    public BatchSizes prepare(
            Model model, Training settings, Supplier<Set<PaddedSize>> training, Supplier<Set<PaddedSize>> evaluation) {
        return new BatchSizes(Set.of(), Set.of());
    }

    public int threads() {
        return options.threads();
    }

    @Override
    public Forward forward(Program program, ModelState state) {
        CpuExecutor executor = new CpuExecutor(program, options);
        return new Forward() {
            @Override
            public void reserve(Collection<PaddedSize> buckets) {}

            @Override
            public Map<String, double[]> run(ReadyBatch batch) {
                BatchInputs.Bound bound = batch.inputs();
                Map<String, double[]> outputs = new HashMap<>();
                executor.run(bound.floats(), bound.indices(), state, (name, view) -> {
                    int end = view.offset() + view.volume();
                    outputs.put(name, Arrays.copyOfRange(view.data(), view.offset(), end));
                });
                return outputs;
            }

            @Override
            public void close() {
                executor.close();
            }
        };
    }

    @Override
    public TrainingStep training(Model model, ModelState state, Training settings, StepProfile profile) {
        return new HostStep(comm, options, model, state, settings, profile);
    }

    @Override
    public void close() {}
}
