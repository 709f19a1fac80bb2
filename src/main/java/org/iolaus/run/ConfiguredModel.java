package org.iolaus.run;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.FutureTask;
import java.util.function.Supplier;
import org.iolaus.comm.Comm;
import org.iolaus.config.Config;
import org.iolaus.data.ShardIndex;
import org.iolaus.data.Statistics;
import org.iolaus.ir.Program;
import org.iolaus.lower.Lowering;
import org.iolaus.lower.Precision;
import org.iolaus.lower.Target;
import org.iolaus.model.Architecture;
import org.iolaus.model.Model;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.Training;
import org.iolaus.train.engine.ModelState;
import org.iolaus.train.inputs.Columns;

/// A model that [ModelFactory] made, with the configuration that it was made from.
///
/// @param config complete: with the sizes that follow from the data
/// @param columns which columns of the data the model reads and predicts
public record ConfiguredModel(Config config, Columns columns, Model model) {

    public Training training() {
        return config.neuralNetwork().training();
    }

    /// The values that training begins with: parameters from the seed, and buffers from the training frames.
    public ModelState initialState(Statistics statistics) {
        ModelState state = new ModelState(model.parameters(), training().seed());
        if (state.has(Model.ELEMENT_ENERGY)) {
            double[] energies = statistics.elementEnergies();
            int[] shape = state.find(Model.ELEMENT_ENERGY).shape();
            state.set(Model.ELEMENT_ENERGY, new HostTensor(shape, Arrays.copyOf(energies, shape[0])));
        }
        if (state.has(Model.ENERGY_MEAN)) {
            Statistics.Spread energy =
                    Objects.requireNonNull(statistics.columns().get("graphs/energy"));
            state.set(Model.ENERGY_MEAN, HostTensor.of(new int[] {1}, energy.mean()[0]));
        }
        for (int head = 0; head < columns.targets().size(); head++) {
            if (state.has(Model.targetMean(head))) {
                Columns.Target target = columns.targets().get(head);
                int[] shape = {target.column().width()};
                state.set(Model.targetMean(head), new HostTensor(shape, target.shift(statistics)));
                state.set(Model.targetStd(head), new HostTensor(shape, target.scale(statistics)));
            }
        }
        return state;
    }

    /// Refuses a shard set that this model cannot be measured on.
    public void requireFit(Comm comm, ShardIndex index) {
        Architecture architecture = config.neuralNetwork().architecture();
        comm.rootFirst(() -> {
            columns.requireIn(index, architecture.potential().enableInteratomicPotential());
            Cutoffs.requireIn(index, architecture);
            return index;
        });
    }

    /// Starts to lower the programs of a training run, beside what this thread does next. Whoever needs a schedule
    /// waits for it, and gets the failure if there is one.
    public void lowerAhead() {
        Training training = training();
        boolean host = training.device() == Training.Device.CPU;
        Precision precision = host ? Precision.FP64 : training.precision();
        Target target = host ? Target.HOST : Target.DEVICE;
        for (Supplier<Program> program :
                List.<Supplier<Program>>of(() -> model.train(training.convCheckpointing()), model::evaluate)) {
            ForkJoinPool.commonPool()
                    .execute(new FutureTask<>(() -> Lowering.run(program.get(), target, precision.lowPrecision())));
        }
    }
}
