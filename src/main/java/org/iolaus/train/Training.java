package org.iolaus.train;

import java.util.List;
import org.iolaus.comm.DeviceComm;
import org.iolaus.data.Batching.Mode;
import org.iolaus.data.Batching.Oversized;
import org.iolaus.lower.Precision;
import org.iolaus.nn.Loss;
import org.iolaus.nn.Parameters;
import org.iolaus.train.optimize.OptimizerType;
import org.jspecify.annotations.Nullable;

/// How the network is trained: `NeuralNetwork.Training` of a configuration.
///
/// @param numEpoch number of the last epoch
/// @param epochStart number of the first epoch
/// @param batchSize graphs per rank and step where batching is `fixed`
/// @param limitBatchesPerEpoch of each rank, in training and in each evaluation; null: none
/// @param percTrain share of training frames; validation and test get half of the rest each
/// @param lossFunctionType loss of every head
/// @param patience epochs without a better validation loss before early stopping
/// @param checkpoint whether checkpoints to go on from are written after each epoch; a run always keeps its last and
///     its best model
/// @param checkpointWarmup epochs before the first best model
/// @param checkpointEverySteps also within epochs, every so many steps; null: only after them
/// @param keepCheckpoints how many of the newest are kept, beside the best
/// @param continueRun whether to resume
/// @param startfrom log name of the run to resume from; empty: this run's
/// @param initFrom checkpoint whose parameters and buffers a run begins with; empty: from the seed
/// @param checkRemainingTime whether to stop before the batch job's time is over
/// @param convCheckpointing whether layers are recomputed in the backward pass to save memory
/// @param reduceLrOnPlateau learning-rate schedule; null: another, or constant
/// @param cosineWithWarmup learning-rate schedule; null: another, or constant
/// @param gradientAccumulationSteps batches of each rank whose gradients are added up for one step
/// @param emaDecay of the average of the parameters that the model is measured with; null: none is kept
/// @param gradientClipNorm largest norm of the whole gradient; null: no limit
/// @param shareGpu whether ranks may use one GPU together
/// @param comm how sums over ranks that have devices go; ranks without always use MPI
/// @param gradientBucketMib size of the pieces in which gradients are all-reduced, MiB
/// @param threads per rank; null: cores of the node divided by its ranks
/// @param logName folder of the run below `logPath`
public record Training(
        int numEpoch,
        int epochStart,
        int batchSize,
        @Nullable Integer limitBatchesPerEpoch,
        Batching batching,
        @Nullable Double percTrain,
        Loss lossFunctionType,
        Optimizer optimizer,
        @Nullable ReduceLrOnPlateau reduceLrOnPlateau,
        @Nullable CosineWithWarmup cosineWithWarmup,
        int gradientAccumulationSteps,
        @Nullable Double emaDecay,
        @Nullable Double gradientClipNorm,
        boolean earlyStopping,
        int patience,
        boolean checkpoint,
        int checkpointWarmup,
        @Nullable Integer checkpointEverySteps,
        int keepCheckpoints,
        boolean continueRun,
        String startfrom,
        String initFrom,
        boolean checkRemainingTime,
        boolean convCheckpointing,
        @Nullable Integer globalAttnRedrawInterval,
        Precision precision,
        Device device,
        DeviceComm.Kind comm,
        boolean shareGpu,
        int gradientBucketMib,
        @Nullable Integer threads,
        long seed,
        String logPath,
        String logName) {

    /// How graphs are gathered into batches.
    ///
    /// @param maxNodes per rank and step (`node_budget`)
    /// @param maxEdges per rank and step (`edge_budget`)
    /// @param maxGraphs further limit of both budgets
    /// @param oversizedSample what happens to a graph beyond the budget
    /// @param shuffle whether training frames are shuffled every epoch
    /// @param seed of the shuffle; null: `Training.seed`
    /// @param dropLast whether an incomplete last step is left out
    public record Batching(
            Mode mode,
            @Nullable Integer maxNodes,
            @Nullable Integer maxEdges,
            @Nullable Integer maxGraphs,
            Oversized oversizedSample,
            boolean shuffle,
            @Nullable Long seed,
            boolean dropLast) {}

    /// Optimizer and its settings, with PyTorch's defaults ([OptimizerType.Defaults]).
    ///
    /// @param useZeroRedundancy whether the state is divided over the ranks
    /// @param betas the two decay rates of Adam's moments
    /// @param noDecay groups of parameters that `weightDecay` leaves out
    /// @param momentum of SGD, likewise `nesterov`
    public record Optimizer(
            OptimizerType type,
            double learningRate,
            boolean useZeroRedundancy,
            double weightDecay,
            List<Parameters.Group> noDecay,
            List<Double> betas,
            double eps,
            double momentum,
            boolean nesterov) {}

    /// Multiplies the learning rate by `factor` when the validation loss has not improved (by the relative
    /// `threshold`) for more than `patience` epochs.
    public record ReduceLrOnPlateau(double factor, int patience, double minLr, double threshold, int cooldown) {}

    /// Multiplies the learning rate of each step by a factor ([org.iolaus.train.optimize.Cosine]) that rises linearly
    /// from `warmupFactor` to 1, then falls along half a period of the cosine to `lrMinFactor`.
    ///
    /// @param warmupEpochs how long it rises; may be a fraction
    public record CosineWithWarmup(double warmupEpochs, double warmupFactor, double lrMinFactor) {}

    /// Where programs run.
    public enum Device {
        CPU,
        CUDA,
        EMULATED
    }
}
