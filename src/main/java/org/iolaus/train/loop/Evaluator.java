package org.iolaus.train.loop;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.iolaus.comm.Comm;
import org.iolaus.data.Batch;
import org.iolaus.data.BatchLoader;
import org.iolaus.data.Batching;
import org.iolaus.data.EpochPlan;
import org.iolaus.data.ShardSet;
import org.iolaus.data.Split;
import org.iolaus.data.Statistics;
import org.iolaus.model.Architecture.Level;
import org.iolaus.model.LossTerm;
import org.iolaus.model.Model;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.engine.Engine;
import org.iolaus.train.engine.ModelState;
import org.iolaus.train.inputs.BatchInputs;
import org.iolaus.train.inputs.Columns;
import org.iolaus.train.inputs.PaddedSize;
import org.iolaus.train.inputs.ReadyBatch;
import org.iolaus.train.report.Metrics;
import org.jspecify.annotations.Nullable;

/// Measures losses and errors of a model on a split of the data; all ranks share the work and get the same figures.
/// They are means over the whole split: batches and ranks change them by rounding only.
public final class Evaluator implements AutoCloseable {
    private final Comm comm;
    private final Model model;
    private final Columns columns;
    private final BatchInputs inputs;
    private final Engine engine;
    private final Engine.Forward forward;
    private final boolean potential;

    /// Sees every prediction: for plots.
    public interface Watcher {
        /// Takes one batch's predictions of one quantity.
        ///
        /// @param quantity number of the quantity in [Metrics#quantities]
        void pair(int quantity, double[] predicted, double[] target);
    }

    public Evaluator(Comm comm, Model model, ModelState state, Columns columns, Engine engine) {
        this.comm = comm;
        this.model = model;
        this.columns = columns;
        this.inputs = new BatchInputs(model, columns, comm.size());
        this.engine = engine;
        this.forward = engine.forward(model.evaluate(), state);
        this.potential = model.architecture().potential().enableInteratomicPotential();
    }

    /// Empty metrics of the quantities that the model predicts.
    public Metrics metrics() {
        if (potential) {
            return new Metrics(
                    List.of("energy", "energy_per_atom", "forces"),
                    List.of(
                            new Metrics.Quantity("energy", "eV"),
                            new Metrics.Quantity("energy per atom", "eV"),
                            new Metrics.Quantity("forces", "eV/Å")));
        }
        List<String> tasks =
                columns.targets().stream().map(Columns.Target::label).toList();
        return new Metrics(
                tasks,
                tasks.stream().map(label -> new Metrics.Quantity(label, "")).toList());
    }

    /// Goes once through a split.
    public Metrics run(ShardSet shards, Split split, Batching batching, @Nullable Watcher watcher) {
        try (BatchLoader<ReadyBatch> loader = read(shards, split, batching)) {
            return run(loader, shards.index().statistics(), watcher);
        }
    }

    /// Begins to read a split, for [#run(BatchLoader, Statistics, Watcher)].
    BatchLoader<ReadyBatch> read(ShardSet shards, Split split, Batching batching) {
        EpochPlan.Ranks ranks = new EpochPlan.Ranks(comm.rank(), comm.size(), comm::sum);
        EpochPlan plan = EpochPlan.complete(shards.index(), split, batching, ranks);
        return new BatchLoader<>(shards, plan, comm.rank(), 0, batch -> engine.ready(inputs, batch));
    }

    /// Goes once through a split that is being read.
    Metrics run(BatchLoader<ReadyBatch> loader, Statistics statistics, @Nullable Watcher watcher) {
        Metrics metrics = metrics();
        LossSums losses = new LossSums(model.lossTerms());
        while (loader.hasNext()) {
            measure(loader.next(), statistics, metrics, losses, watcher);
        }
        comm.sum(metrics.sums());
        comm.sum(losses.sums);
        losses.addTo(metrics);
        return metrics;
    }

    /// Sums of the terms of the loss over rows, then the rows: graphs and atoms.
    private static final class LossSums {
        private final List<LossTerm> terms;
        private final double[] sums;

        LossSums(List<LossTerm> terms) {
            this.terms = terms;
            this.sums = new double[terms.size() + 2];
        }

        /// @param shares of this rank in each term
        void add(Batch batch, double[] shares, int ranks) {
            for (int i = 0; i < terms.size(); i++) {
                boolean graph = terms.get(i).level() == Level.GRAPH;
                double rows = (double) (graph ? batch.globalGraphs() : batch.globalAtoms());
                sums[i] += terms.get(i).sum(shares[i], rows, ranks);
            }
            sums[terms.size()] += batch.graphs();
            sums[terms.size() + 1] += batch.atoms();
        }

        /// Adds the means, once the sums are those of all ranks.
        void addTo(Metrics metrics) {
            double graphs = sums[terms.size()];
            if (graphs == 0) {
                return;
            }
            double loss = 0;
            double[] means = new double[terms.size()];
            for (int i = 0; i < means.length; i++) {
                boolean graph = terms.get(i).level() == Level.GRAPH;
                means[i] = terms.get(i).mean(sums[i], graph ? graphs : sums[terms.size() + 1]);
                loss += terms.get(i).weight() == 0 ? 0 : terms.get(i).weight() * means[i];
            }
            metrics.addLoss(loss, means, graphs);
        }
    }

    private void measure(
            ReadyBatch ready, Statistics statistics, Metrics metrics, LossSums losses, @Nullable Watcher watcher) {
        Map<String, double[]> outputs = forward.run(ready);
        Batch batch = ready.batch();
        losses.add(batch, Objects.requireNonNull(outputs.get(Model.TASK_LOSSES)), comm.size());
        List<Pair> pairs =
                potential ? potentialPairs(batch, statistics, outputs) : headPairs(batch, statistics, outputs);
        for (int quantity = 0; quantity < pairs.size(); quantity++) {
            Pair pair = pairs.get(quantity);
            metrics.add(quantity, pair.predicted, pair.target, pair.trivial, pair.predicted.length);
            if (watcher != null) {
                watcher.pair(quantity, pair.predicted, pair.target);
            }
        }
    }

    @SuppressWarnings("ArrayRecordComponent")
    private record Pair(double[] predicted, double[] target, double @Nullable [] trivial) {}

    /// Energies against least squares over compositions, forces against zero.
    private static List<Pair> potentialPairs(Batch batch, Statistics statistics, Map<String, double[]> outputs) {
        double[] energy = Objects.requireNonNull(outputs.get(Model.ENERGY));
        double[] want = Objects.requireNonNull(batch.energy());
        double[] trivial = new double[batch.graphs()];
        double[] atoms = new double[batch.graphs()];
        double[] elements = statistics.elementEnergies();
        for (int atom = 0; atom < batch.atoms(); atom++) {
            int graph = batch.graphOfAtom()[atom];
            trivial[graph] += elements[batch.atomicNumbers()[atom]] + statistics.energyPerAtomMean();
            atoms[graph]++;
        }
        return List.of(
                new Pair(energy, want, trivial),
                new Pair(over(energy, atoms), over(want, atoms), over(trivial, atoms)),
                new Pair(
                        Objects.requireNonNull(outputs.get(Model.FORCES)),
                        Objects.requireNonNull(batch.forces()),
                        null));
    }

    private static double[] over(double[] values, double[] divisors) {
        double[] result = new double[values.length];
        Arrays.setAll(result, i -> values[i] / divisors[i]);
        return result;
    }

    /// Heads against the mean of the training frames.
    private List<Pair> headPairs(Batch batch, Statistics statistics, Map<String, double[]> outputs) {
        List<Pair> pairs = new ArrayList<>();
        for (int head = 0; head < columns.targets().size(); head++) {
            HostTensor target = inputs.target(batch, head);
            double[] mean = columns.targets().get(head).mean(statistics);
            double[] trivial = new double[target.data().length];
            Arrays.setAll(trivial, i -> mean[i % mean.length]);
            pairs.add(new Pair(Objects.requireNonNull(outputs.get("head_" + head)), target.data(), trivial));
        }
        return pairs;
    }

    /// Prepares for batches of these sizes and smaller ones.
    public void reserve(Collection<PaddedSize> buckets) {
        forward.reserve(buckets);
    }

    /// The model that is measured.
    public Model model() {
        return model;
    }

    @Override
    public void close() {
        forward.close();
    }
}
