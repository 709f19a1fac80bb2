package org.iolaus.train.loop;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.iolaus.data.Batching;
import org.iolaus.data.EpochPlan;
import org.iolaus.data.ShardIndex;
import org.iolaus.data.Split;
import org.iolaus.train.Training;
import org.iolaus.train.inputs.BatchInputs;
import org.iolaus.train.inputs.Bucket;

/// The sizes of all batches that one rank will meet in a run. The plan of an epoch is a pure function of the
/// configuration and the data, so they are known before the first step.
public final class RunBatches {
    /// As many graphs are dealt to batches to find out, some seconds' work; epochs beyond that are not looked at.
    private static final long MOST_GRAPHS = 4_000_000;

    private final BatchInputs inputs;
    private final ShardIndex index;
    private final Training settings;
    private final int ranks;
    private final int rank;

    /// @param inputs of the model that is trained
    public RunBatches(BatchInputs inputs, ShardIndex index, Training settings, int ranks, int rank) {
        this.inputs = inputs;
        this.index = index;
        this.settings = settings;
        this.ranks = ranks;
        this.rank = rank;
    }

    /// How an epoch is divided into steps.
    static EpochPlan plan(ShardIndex index, Training settings, int epoch, int ranks) {
        Long own = settings.batching().seed();
        long seed = own == null ? settings.seed() : own;
        int microBatches = settings.gradientAccumulationSteps();
        return EpochPlan.training(index, Trainer.batching(settings), seed, epoch, ranks, microBatches);
    }

    /// Of the training steps, from an epoch on.
    public Set<Bucket> training(int firstEpoch) {
        Set<Bucket> found = new HashSet<>();
        long dealt = 0;
        for (int epoch = firstEpoch; epoch < settings.numEpoch() && dealt < MOST_GRAPHS; epoch++) {
            add(plan(index, settings, epoch, ranks), found);
            dealt += index.graphsOf(Split.TRAIN).length;
        }
        return found;
    }

    /// Of evaluation on all splits.
    public Set<Bucket> evaluation() {
        Batching batching = Trainer.batching(settings);
        Set<Bucket> found = new HashSet<>();
        for (Split split : List.of(Split.TRAIN, Split.VALIDATION, Split.TEST)) {
            add(EpochPlan.complete(index, split, batching, ranks), found);
        }
        return found;
    }

    private void add(EpochPlan plan, Set<Bucket> found) {
        for (int step = 0; step < plan.steps(); step++) {
            for (int microBatch = 0; microBatch < plan.microBatches(); microBatch++) {
                found.add(inputs.bucket(index, plan.graphs(step, rank, microBatch)));
            }
        }
    }
}
