package org.iolaus.train.engine;

import java.util.Collection;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.iolaus.data.Batch;
import org.iolaus.ir.Program;
import org.iolaus.model.Model;
import org.iolaus.train.Training;
import org.iolaus.train.inputs.BatchInputs;
import org.iolaus.train.inputs.PaddedSize;
import org.iolaus.train.inputs.ReadyBatch;

/// Where the programs of a model run on this rank: the host, or a device with its part of the model's values.
public sealed interface Engine extends AutoCloseable permits HostEngine, DeviceEngine {

    /// For people: `float64 on the CPU, 2 threads`, `fp32 on NVIDIA H100, one rank`.
    String describe();

    /// Pads a batch if need be, and puts it in the form in which it is taken. Any thread may call it.
    ReadyBatch ready(BatchInputs inputs, Batch batch);

    /// Gets ready for a training run, before anything is allocated for it. A collective.
    ///
    /// @return the sizes of batches to reserve memory for
    /// @throws org.iolaus.cuda.DeviceException if the largest batches would not fit
    BatchSizes prepare(
            Model model, Training settings, Supplier<Set<PaddedSize>> training, Supplier<Set<PaddedSize>> evaluation);

    /// Sizes of the batches that a run trains on and is evaluated on.
    record BatchSizes(Set<PaddedSize> training, Set<PaddedSize> evaluation) {}

    /// Runs one of the model's programs on batches, with the values that `state` has now, or that training on this
    /// engine has given them.
    Forward forward(Program program, ModelState state);

    /// Makes training steps, which change `state`.
    TrainingStep training(Model model, ModelState state, Training settings, StepProfile profile);

    /// A program ready to run.
    interface Forward extends AutoCloseable {
        /// Prepares for batches of these sizes and smaller ones.
        ///
        /// @throws org.iolaus.cuda.DeviceException if there is not memory enough
        void reserve(Collection<PaddedSize> buckets);

        /// The outputs by name, without padding.
        Map<String, double[]> run(ReadyBatch batch);

        @Override
        void close();
    }

    @Override
    void close();
}
