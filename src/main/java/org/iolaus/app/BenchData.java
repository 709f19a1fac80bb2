package org.iolaus.app;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.iolaus.bench.BenchLine;
import org.iolaus.comm.Comm;
import org.iolaus.config.Config;
import org.iolaus.config.ConfigReader;
import org.iolaus.data.Batch;
import org.iolaus.data.BatchLoader;
import org.iolaus.data.Batching;
import org.iolaus.data.EpochPlan;
import org.iolaus.data.ShardSet;
import org.iolaus.run.ConfiguredModel;
import org.iolaus.run.ModelFactory;
import org.iolaus.run.ShardSets;
import org.iolaus.train.inputs.BatchInputs;
import org.iolaus.train.loop.RunBatches;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `iolaus bench data`: how fast batches come when nothing is done with them.
@Command(
        name = "data",
        description = {
            "Time the loader on the training frames of the configured shards, as training reads them; under mpirun on",
            "all ranks together. One line for a pass that builds all neighbour lists, one for each pass that finds them",
            "in the cache. mb_per_s counts the batches' arrays, bind_ms what turns one into a program's inputs."
        })
final class BenchData implements OnRanks {

    @Parameters(paramLabel = "CONFIG", description = "Configuration (HydraGNN's JSON).")
    private Path configFile = Path.of("");

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "Setting that takes precedence over the file, such as batch_size=8.")
    private List<String> overrides = List.of();

    @Option(
            names = "--passes",
            paramLabel = "N",
            description = "Passes over the frames, the first of which builds the lists (default: ${DEFAULT-VALUE}).")
    private int passes = 3;

    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public int run(Comm comm) {
        if (passes < 1) {
            throw new picocli.CommandLine.ParameterException(
                    Objects.requireNonNull(spec).commandLine(), "--passes: want at least 1, got " + passes);
        }
        Config config = comm.rootFirst(() -> ConfigReader.read(configFile, overrides));
        try (ShardSet shards = ShardSets.open(comm, config)) {
            ConfiguredModel configured = comm.rootFirst(() -> ModelFactory.of(config, shards.index()));
            Batching batching = RunBatches.batching(configured.training());
            for (int epoch = 0; epoch < passes; epoch++) {
                EpochPlan plan = EpochPlan.training(
                        shards.index(), batching, configured.training().seed(), epoch, comm.size());
                pass(comm, configured, shards, plan, epoch == 0 ? "built" : "cached");
            }
        }
        return 0;
    }

    private void pass(Comm comm, ConfiguredModel configured, ShardSet shards, EpochPlan plan, String lists) {
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
        double bind = last == null ? Double.NaN : bindMilliseconds(configured, comm, last);
        if (!comm.isRoot()) {
            return;
        }
        PrintWriter out = Objects.requireNonNull(spec).commandLine().getOut();
        out.println(BenchLine.begin("data", Bench.commandLine(spec), BenchLine.host(1))
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
        out.flush();
    }

    /// Median of some times for the pass's last batch.
    private static double bindMilliseconds(ConfiguredModel configured, Comm comm, Batch batch) {
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
