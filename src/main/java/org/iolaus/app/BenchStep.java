package org.iolaus.app;

import java.nio.file.Path;
import java.util.List;
import org.iolaus.bench.BenchLine;
import org.iolaus.bench.StepMeasurement;
import org.iolaus.comm.Comm;
import org.iolaus.config.Config;
import org.iolaus.config.ConfigReader;
import org.iolaus.data.Batch;
import org.iolaus.data.GraphFile;
import org.iolaus.run.ConfiguredModel;
import org.iolaus.run.EngineFactory;
import org.iolaus.run.ModelFactory;
import org.iolaus.run.StructureBatch;
import org.iolaus.train.engine.Engine;
import org.iolaus.train.report.JsonLine;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `iolaus bench step`: how long the step takes that training runs.
@Command(
        name = "step",
        description = {
            "Time training steps on a file of fixed graphs; under mpirun every rank takes the same graphs.",
            "ms is one step with a wait for its end, as the median and the outer tenths; ms_back_to_back is the mean of",
            "steps as training runs them, and the rates follow from it. docs/bench.md explains every key."
        })
final class BenchStep extends CommandBase implements OnRanks {

    @Parameters(paramLabel = "CONFIG", description = "Configuration (HydraGNN's JSON), as in bench/configs.")
    private Path configFile = Path.of("");

    @Option(
            names = "--graphs",
            required = true,
            paramLabel = "FILE.h5",
            description = "Graphs with edges (docs/bench.md says in which form).")
    private Path graphs = Path.of("");

    @Option(
            names = "--batch",
            paramLabel = "N",
            description = "Graphs per rank: the first N of the file, which begins again where it ends (default: all).")
    private @Nullable Integer batchSize;

    @Option(names = "--steps", paramLabel = "N", description = "Steps of each timing (default: ${DEFAULT-VALUE}).")
    private int steps = 30;

    @Option(names = "--warmup", paramLabel = "N", description = "Steps before it (default: ${DEFAULT-VALUE}).")
    private int warmup = 8;

    @Option(
            names = "--pieces",
            paramLabel = "N",
            description = "On a device, list the N kinds of work that take most time in a step.")
    private int listed;

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "Setting that takes precedence over the file, such as enable_interatomic_potential=true.")
    private List<String> overrides = List.of();

    @ArgGroup(exclusive = false, validate = false)
    private DeviceOptions device = new DeviceOptions();

    @Override
    public int run(Comm comm) {
        requireAtLeastOne("--steps", steps);
        requireAtLeastOne("--warmup", warmup);
        requireAtLeastOne("--batch", batchSize == null ? 1 : batchSize);
        Config config = comm.rootFirst(() -> ConfigReader.read(configFile, device.over(overrides)));
        GraphFile file = comm.rootFirst(() -> GraphFile.read(graphs));
        ConfiguredModel configured = comm.rootFirst(() -> ModelFactory.of(config, null));
        int count = file.structures().size();
        Batch all = comm.rootFirst(() -> file.requireEdges(batch(file, count, configured, comm.size())));
        Batch batch = batchSize == null ? all : batch(file, batchSize, configured, comm.size());
        try (Engine engine = EngineFactory.engine(comm, configured.training())) {
            JsonLine line = BenchLine.begin("step", typed(), engine.describe())
                    .put("graphs_file", String.valueOf(graphs.getFileName()));
            StepMeasurement.Plan plan = new StepMeasurement.Plan(warmup, steps, listed);
            new StepMeasurement(comm, configured, engine, batch, plan).addTo(line);
            if (comm.isRoot()) {
                out().println(line);
            }
        }
        return 0;
    }

    private static Batch batch(GraphFile file, int graphs, ConfiguredModel configured, int ranks) {
        return StructureBatch.of(file.first(graphs), configured.model().architecture(), configured.columns(), ranks, 0);
    }
}
