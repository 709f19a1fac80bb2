package org.iolaus.train.loop;

import java.util.function.Function;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.Training;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.optimize.BestMetric;
import org.iolaus.train.optimize.Cosine;
import org.iolaus.train.optimize.EarlyStopping;
import org.iolaus.train.optimize.ReduceLROnPlateau;
import org.iolaus.train.report.Metrics;
import org.iolaus.train.report.MetricsLog;

/// How far a run is, and what decides how it goes on. It follows from values that all ranks share, so it is the same
/// on all of them.
final class RunState {
    private final Training settings;
    private final ReduceLROnPlateau schedule;
    private final EarlyStopping earlyStopping;
    private final BestMetric best;
    private final Metrics losses;
    private boolean stopped;
    private int epoch;
    private int step;
    private long globalStep;

    /// @param losses of the running epoch, empty
    RunState(Training settings, Metrics losses) {
        this.settings = settings;
        this.schedule = new ReduceLROnPlateau(
                settings.reduceLrOnPlateau(), settings.optimizer().learningRate());
        this.earlyStopping = new EarlyStopping(settings.patience());
        this.best = new BestMetric(settings.checkpointWarmup());
        this.losses = losses;
        this.epoch = settings.epochStart();
    }

    /// The running epoch, or the next one between two.
    int epoch() {
        return epoch;
    }

    /// The next step of the epoch.
    int step() {
        return step;
    }

    /// Steps since the run began.
    long globalStep() {
        return globalStep;
    }

    /// The mean training losses of the running epoch.
    Metrics losses() {
        return losses;
    }

    boolean isOver() {
        return stopped || epoch >= settings.numEpoch();
    }

    /// Whether the validation loss has stopped improving.
    boolean isStopped() {
        return stopped;
    }

    void endStep() {
        step++;
        globalStep++;
    }

    /// The learning rate of a step of the running epoch.
    ///
    /// @param steps of the epoch
    double learningRate(int step, int steps) {
        Training.CosineWithWarmup cosine = settings.cosineWithWarmup();
        double rate = schedule.learningRate();
        if (cosine == null) {
            return rate;
        }
        double done = epoch - settings.epochStart() + (double) step / steps;
        return rate * Cosine.factor(cosine, done, settings.numEpoch() - settings.epochStart());
    }

    /// Goes on to the next epoch.
    ///
    /// @param metric what the epoch is judged by
    /// @return whether the model is the best so far
    boolean endEpoch(double metric) {
        schedule.step(metric);
        stopped = earlyStopping.step(metric) && settings.earlyStopping();
        boolean last = stopped || epoch + 1 >= settings.numEpoch();
        boolean improved = best.offer(epoch, metric, last);
        epoch++;
        step = 0;
        return improved;
    }

    /// Takes up what a checkpoint holds.
    void load(Checkpoint saved) {
        schedule.load(saved.schedule());
        earlyStopping.load(saved.earlyStopping());
        best.load(saved.best());
        losses.load(saved.sums().data());
        epoch = saved.position().epoch();
        step = saved.position().step();
        globalStep = saved.position().globalStep();
    }

    /// Makes a checkpoint of the run as it is now, whenever it is given the model's values.
    ///
    /// @param lines of the metrics files
    Function<Checkpoint.Values, Checkpoint> checkpoint(Checkpoint.Run run, MetricsLog.Position lines) {
        ReduceLROnPlateau.State scheduled = schedule.state();
        EarlyStopping.State stopping = earlyStopping.state();
        BestMetric.State bestSoFar = best.state();
        Checkpoint.Position position = new Checkpoint.Position(epoch, step, globalStep);
        HostTensor sums = new HostTensor(
                new int[] {1, losses.sums().length}, losses.sums().clone());
        return values -> new Checkpoint(
                values.model(), values.optimizer(), scheduled, stopping, bestSoFar, position, run, sums, lines);
    }
}
