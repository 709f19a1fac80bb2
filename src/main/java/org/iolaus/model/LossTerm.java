package org.iolaus.model;

import org.iolaus.ir.Node;
import org.iolaus.model.Architecture.Level;
import org.iolaus.nn.Loss;
import org.jspecify.annotations.Nullable;

/// A term of what training minimises: the mean over all graphs or atoms of a distance between prediction and target.
///
/// @param level which rows it is a mean over
/// @param weight in the sum of the terms; one of weight 0 is only reported
public record LossTerm(Loss loss, Level level, double weight) {

    /// This rank's share of the term in a batch: the shares of all ranks add up to it.
    ///
    /// @param variance (R, C), with `GAUSSIAN_NLL` only
    Node share(Inputs inputs, Node predicted, Node target, @Nullable Node variance) {
        boolean graph = level == Level.GRAPH;
        return loss.apply(
                predicted,
                target,
                variance,
                graph ? inputs.graphWeight : inputs.atomWeight,
                graph ? inputs.graphsTotal : inputs.atomsTotal,
                inputs.ranks);
    }

    /// From a rank's share to a sum over rows, which adds up over ranks and batches.
    ///
    /// @param rows that the batch has on all ranks together
    public double sum(double share, double rows, int ranks) {
        return rows * (loss == Loss.RMSE ? ranks * share * share : share);
    }

    /// The term over many batches from their sums.
    public double mean(double sum, double rows) {
        double mean = sum / rows;
        return loss == Loss.RMSE ? Math.sqrt(mean) : mean;
    }
}
