package org.iolaus.bench;

import java.util.function.Consumer;
import java.util.function.Function;
import org.iolaus.comm.Comm;
import org.iolaus.data.Batch;
import org.iolaus.data.BatchLoader;
import org.iolaus.data.Batching;
import org.iolaus.data.EpochPlan;
import org.iolaus.data.ShardSet;
import org.iolaus.run.ConfiguredModel;
import org.iolaus.train.inputs.BatchInputs;
import org.iolaus.train.loop.RunBatches;
import org.iolaus.train.report.JsonLine;

/// Times the loader on the training frames of a shard set, as training reads them.
public final class LoadingMeasurement {
    private final Comm comm;
    private final ConfiguredModel configured;
    private final ShardSet shards;
    private final String command;
    private final Consumer<JsonLine> out;

    /// @param command what the user typed
    /// @param out receives the results on rank zero
    public LoadingMeasurement(
            Comm comm, ConfiguredModel configured, ShardSet shards, String command, Consumer<JsonLine> out) {
        this.comm = comm;
        this.configured = configured;
        this.shards = shards;
        this.command = command;
        this.out = out;
    }

    /// A collective.
    ///
    /// @param passes over the frames, the first of which builds the neighbour lists
    public void run(int passes) {
        Batching batching = RunBatches.batching(configured.training());
        EpochPlan.Ranks ranks = new EpochPlan.Ranks(comm.rank(), comm.size(), comm::sum);
        for (int epoch = 0; epoch < passes; epoch++) {
            EpochPlan plan = EpochPlan.training(
                    shards.index(), batching, configured.training().seed(), epoch, ranks, 1);
            pass(plan, epoch == 0 ? "built" : "cached");
        }
    }

    private void pass(EpochPlan plan, String lists) {
        comm.barrier();
        long began = System.nanoTime();
        long graphs = 0;
        long atoms = 0;
        long edges = 0;
        long bytes;
        Batch last = null;
        try (BatchLoader<Batch> loader = new BatchLoader<>(shards, plan, comm.rank(), 0, Function.identity())) {
            while (loader.hasNext()) {
                last = loader.next();
                graphs += last.graphs();
                atoms += last.atoms();
                edges += last.edges();
            }
            bytes = loader.bytes();
        }
        double seconds = comm.max(System.nanoTime() - began) * 1e-9;
        graphs = comm.sum(graphs);
        atoms = comm.sum(atoms);
        edges = comm.sum(edges);
        bytes = comm.sum(bytes);
        double bind = last == null ? Double.NaN : bindMilliseconds(last);
        if (!comm.isRoot()) {
            return;
        }
        out.accept(BenchLine.begin("data", command, BenchLine.host(1))
                .put("shards", shards.index().name())
                .put("neighbour_lists", lists)
                .put("ranks", comm.size())
                .put("steps", plan.steps())
                .put("graphs", graphs)
                .put("atoms", atoms)
                .put("edges", edges)
                .put("seconds", BenchLine.rounded(seconds))
                .put("graphs_per_s", BenchLine.rounded(graphs / seconds))
                .put("atoms_per_s", BenchLine.rounded(atoms / seconds))
                .put("edges_per_s", BenchLine.rounded(edges / seconds))
                .put("mb_per_s", BenchLine.rounded(1e-6 * bytes / seconds))
                .put("bind_ms", BenchLine.rounded(bind)));
    }

    /// Median of some times for the pass's last batch.
    private double bindMilliseconds(Batch batch) {
        BatchInputs inputs = new BatchInputs(configured.model(), configured.columns(), comm.size());
        double[] times = new double[9];
        for (int i = 0; i < times.length; i++) {
            long began = System.nanoTime();
            inputs.bind(batch);
            times[i] = (System.nanoTime() - began) * 1e-6;
        }
        return BenchLine.Spread.of(times).median();
    }
}
