package org.iolaus.train.engine;

import java.util.Collection;
import java.util.function.Supplier;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.inputs.Bucket;
import org.iolaus.train.inputs.ReadyBatch;

/// One step of training, again and again: forward, backward, gradients summed over ranks, clipping, update.
///
/// A step may go on while the host prepares the next one. What it found is fetched by [#report].
public interface TrainingStep extends AutoCloseable {

    /// Prepares for batches of these sizes and smaller ones.
    ///
    /// @throws org.iolaus.cuda.DeviceException if there is not memory enough
    void reserve(Collection<Bucket> buckets);

    /// Adds the gradient of a micro-batch to that of the step which [#step] completes. The totals that a batch
    /// carries are those of the whole step, so losses and gradients of its micro-batches add up to its own.
    void accumulate(ReadyBatch batch);

    /// Starts the step for this rank's batch, or its last micro-batch.
    void step(ReadyBatch batch, double learningRate);

    /// Receives what a step found, summed over ranks.
    interface Losses {
        /// Takes one step's losses.
        ///
        /// @param tasks losses by task
        /// @param globalGraphs of the step
        void add(double loss, double[] tasks, double globalGraphs);
    }

    /// Hands over the losses of steps that are done, oldest first, each once.
    ///
    /// @param all whether to wait for those that are not done; else it is done now and then
    void report(boolean all, Losses losses);

    /// A copy of the model's and the optimizer's values after the last step. It is put in the form of a checkpoint when
    /// it is asked for, once: any thread may do that while training goes on.
    Supplier<Checkpoint.Values> save();

    /// Goes on from a state of the optimizer; the model's values are on the host already.
    ///
    /// @throws org.iolaus.data.DataException if it is another optimizer's
    void load(Checkpoint.OptimizerState saved);

    /// Messages that one step sends to be summed over ranks.
    int messages();

    @Override
    void close();
}
