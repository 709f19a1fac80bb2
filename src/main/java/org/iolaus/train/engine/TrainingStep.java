package org.iolaus.train.engine;

import java.util.Collection;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.iolaus.train.TrainingException;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.inputs.PaddedSize;
import org.iolaus.train.inputs.ReadyBatch;

/// One step of training, again and again: forward, backward, gradients summed over ranks, clipping, update.
///
/// A step may go on while the host prepares the next one. What it found is fetched by [#report].
public interface TrainingStep extends AutoCloseable {

    /// Prepares for batches of these sizes and smaller ones.
    ///
    /// @throws org.iolaus.cuda.DeviceException if there is not memory enough
    void reserve(Collection<PaddedSize> buckets);

    /// Adds the gradient of a micro-batch to that of the step which [#step] completes. The totals that a batch
    /// carries are those of the whole step, so losses and gradients of its micro-batches add up to its own.
    void accumulate(ReadyBatch batch);

    /// Starts the step for this rank's batch, or its last micro-batch.
    void step(ReadyBatch batch, double learningRate);

    /// What a step found, summed over ranks.
    ///
    /// @param gradientNorm before it was clipped
    /// @param tasks losses by task
    /// @param globalGraphs of the step
    @SuppressWarnings("ArrayRecordComponent")
    record Result(double loss, double gradientNorm, double[] tasks, double globalGraphs) {
        /// Whether the step has changed the model: one whose loss or gradient is not finite changes nothing.
        public boolean isFinite() {
            return Double.isFinite(loss) && Double.isFinite(gradientNorm);
        }

        /// Refuses what is not finite.
        ///
        /// @param where for the message
        /// @param hint what may help
        public void requireFinite(String where, String hint) {
            if (!isFinite()) {
                boolean bad = !Double.isFinite(loss);
                throw new TrainingException(where + ": want a finite " + (bad ? "loss" : "gradient norm") + ", got "
                        + (bad ? loss : gradientNorm) + "; the model is as it was before this step" + hint);
            }
        }
    }

    /// Hands over the results of steps that are done, oldest first, each once; none after one that is not finite.
    ///
    /// Once a result is not finite, no step changes anything until [#load].
    ///
    /// @param all whether to wait for those that are not done; else it is done now and then
    void report(boolean all, Consumer<Result> results);

    /// A copy of the model's and the optimizer's values after the last step that changed them. It is put in the
    /// form of a checkpoint when it is asked for, once: any thread may do that while training goes on.
    Supplier<Checkpoint.Values> save();

    /// Goes on from a state of the optimizer; the model's values are on the host already.
    ///
    /// @throws org.iolaus.data.DataException if it is another optimizer's
    void load(Checkpoint.OptimizerState saved);

    @Override
    void close();
}
