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
import org.iolaus.train.inputs.PaddedSize;

/// The batches of a run. The plan of an epoch is a pure function of the configuration and the data, so the sizes of
/// all batches that one rank will meet are known before the first step.
public final class RunBatches {
    /// As many graphs are looked at to find them out, about a second's work.
    private static final long MOST_GRAPHS = 4_000_000;

    private final BatchInputs inputs;
    private final ShardIndex index;
    private final Training settings;
    private final Batching batching;
    private final EpochPlan.Ranks ranks;

    /// @param inputs of the model that is trained
    /// @param ranks find out together, if they share the counting
    public RunBatches(BatchInputs inputs, ShardIndex index, Training settings, EpochPlan.Ranks ranks) {
        this.inputs = inputs;
        this.index = index;
        this.settings = settings;
        this.batching = batching(settings);
        this.ranks = ranks;
    }

    /// How the configuration gathers graphs into batches.
    public static Batching batching(Training settings) {
        Training.Batching given = settings.batching();
        Integer graphs =
                given.mode() == Batching.Mode.FIXED ? Integer.valueOf(settings.batchSize()) : given.maxGraphs();
        Integer budget = given.mode() == Batching.Mode.NODE_BUDGET ? given.maxNodes() : given.maxEdges();
        return new Batching(
                given.mode(),
                graphs == null ? Integer.MAX_VALUE : graphs,
                budget == null ? 0 : budget,
                given.oversizedSample(),
                given.dropLast(),
                settings.limitBatchesPerEpoch() == null ? Integer.MAX_VALUE : settings.limitBatchesPerEpoch());
    }

    /// How graphs are gathered into batches.
    Batching batching() {
        return batching;
    }

    /// Refuses graphs beyond the budget, and fewer graphs than batches in a step.
    ///
    /// @return true
    boolean check() {
        for (Split split : List.of(Split.TRAIN, Split.VALIDATION, Split.TEST)) {
            batching.requireFit(index, split);
        }
        EpochPlan.requireTraining(index, batching, ranks.size(), settings.gradientAccumulationSteps());
        return true;
    }

    /// How an epoch is divided into steps.
    EpochPlan plan(int epoch) {
        Long own = settings.batching().seed();
        long seed = own == null ? settings.seed() : own;
        return EpochPlan.training(index, batching, seed, epoch, ranks, settings.gradientAccumulationSteps());
    }

    /// Sizes of the batches of the training steps, from an epoch on.
    public Set<PaddedSize> training(int firstEpoch) {
        Set<PaddedSize> found = new HashSet<>();
        long left = MOST_GRAPHS;
        for (int epoch = firstEpoch; epoch < settings.numEpoch(); epoch++) {
            left = add(plan(epoch), left, found);
            if (left < 0) {
                found.add(bound(Split.TRAIN, found));
                break;
            }
        }
        return found;
    }

    /// Sizes of the batches of evaluation on all splits.
    public Set<PaddedSize> evaluation() {
        Set<PaddedSize> found = new HashSet<>();
        for (Split split : List.of(Split.TRAIN, Split.VALIDATION, Split.TEST)) {
            Set<PaddedSize> ofSplit = new HashSet<>();
            if (add(EpochPlan.complete(index, split, batching, ranks), MOST_GRAPHS, ofSplit) < 0) {
                ofSplit.add(bound(split, ofSplit));
            }
            found.addAll(ofSplit);
        }
        return found;
    }

    /// Goes through the steps of a plan.
    ///
    /// @param left graphs that may be looked at
    /// @return what is left of them; below zero if there are more steps, on all ranks alike
    private long add(EpochPlan plan, long left, Set<PaddedSize> found) {
        long after = left;
        for (int step = 0; step < plan.steps(); step++) {
            if (after <= 0) {
                return -1;
            }
            for (int microBatch = 0; microBatch < plan.microBatches(); microBatch++) {
                found.add(inputs.paddedSize(index, plan.graphs(step, ranks.rank(), microBatch)));
            }
            after -= plan.graphsDealt(step);
        }
        return after;
    }

    /// What the batches beyond those that were looked at need, as far as those and the largest graph tell: steps are
    /// much alike. Should one need more, the memory for it is taken when it comes.
    private PaddedSize bound(Split split, Set<PaddedSize> found) {
        int graphs = batching.mode() == Batching.Mode.FIXED ? batching.graphs() : 1;
        PaddedSize largest = inputs.paddedSize(index, index.table().largest(split, graphs));
        return found.stream().reduce(largest, PaddedSize::or).larger();
    }
}
