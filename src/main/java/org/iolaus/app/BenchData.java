package org.iolaus.app;

import java.nio.file.Path;
import java.util.List;
import org.iolaus.bench.LoadingMeasurement;
import org.iolaus.comm.Comm;
import org.iolaus.config.Config;
import org.iolaus.config.ConfigReader;
import org.iolaus.data.ShardSet;
import org.iolaus.run.ConfiguredModel;
import org.iolaus.run.ModelFactory;
import org.iolaus.run.ShardSets;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `iolaus bench data`: how fast batches come when nothing is done with them.
@Command(
        name = "data",
        description = {
            "Time the loader on the training frames of the configured shards, as training reads them; under mpirun on",
            "all ranks together. One line for a pass that builds all neighbour lists, one for each pass that finds them",
            "in the cache. mb_per_s counts the batches' arrays, bind_ms what turns one into a program's inputs."
        })
final class BenchData extends CommandBase implements OnRanks {

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

    @Override
    public int run(Comm comm) {
        requireAtLeastOne("--passes", passes);
        Config config = comm.rootFirst(() -> ConfigReader.read(configFile, overrides));
        try (ShardSet shards = ShardSets.open(comm, config)) {
            ConfiguredModel configured = comm.rootFirst(() -> ModelFactory.of(config, shards.index()));
            new LoadingMeasurement(comm, configured, shards, typed(), out()::println).run(passes);
        }
        return 0;
    }
}
