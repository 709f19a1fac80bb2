package org.iolaus.app;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.iolaus.config.Config;
import org.iolaus.config.ConfigReader;
import org.iolaus.data.DatasetConfig;
import org.iolaus.data.ShardIndex;
import org.iolaus.run.ConfiguredModel;
import org.iolaus.run.ModelFactory;
import org.iolaus.run.StepDescription;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `iolaus describe`: what a training step will cost, before it is made.
@Command(
        name = "describe",
        description = {
            "Print parameters, memory, FLOPs, bytes and messages of one training step on one rank.",
            "Without sizes, those of a mean batch of the configured shards are taken."
        })
final class Describe extends CommandBase implements Callable<Integer> {

    @Parameters(paramLabel = "CONFIG", description = "Configuration (HydraGNN's JSON).")
    private Path configFile = Path.of("");

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "Setting that takes precedence over the file, such as batch_size=8.")
    private List<String> overrides = List.of();

    @Option(names = "--graphs", paramLabel = "N", description = "Graphs per rank and step (default: the batch size).")
    private @Nullable Integer graphs;

    @Option(names = "--atoms", paramLabel = "N", description = "Atoms per rank and step.")
    private @Nullable Integer atoms;

    @Option(names = "--edges", paramLabel = "N", description = "Edges per rank and step.")
    private @Nullable Integer edges;

    @ArgGroup(exclusive = false, validate = false)
    private DeviceOptions device = new DeviceOptions();

    @Option(
            names = "--check-device",
            description = "Open the device, say what is free there, and refuse what would not fit.")
    private boolean checkDevice;

    @Option(names = "--program", description = "Print the program and the schedule too.")
    private boolean printProgram;

    @Override
    public Integer call() {
        Config given = ConfigReader.read(configFile, device.over(overrides));
        DatasetConfig dataset = given.dataset();
        ShardIndex index = null;
        if (dataset != null && Files.exists(Path.of(dataset.shards(), ShardIndex.FILE))) {
            Path folder = Path.of(dataset.shards());
            index = ShardIndex.read(folder);
        }
        if (index == null && (atoms == null || edges == null)) {
            throw wrong("--atoms and --edges: want both where there are no shards to take means from, got "
                    + (atoms == null ? "no --atoms" : "no --edges"));
        }
        ConfiguredModel configured = ModelFactory.of(given, index);
        StepDescription step = new StepDescription(configured, index, new StepDescription.Given(graphs, atoms, edges));
        PrintWriter out = out();
        out.printf("%s%n%n", step.title());
        step.rows(checkDevice, (name, text) -> out.printf("%-12s %s%n", name, text));
        if (printProgram) {
            out.printf("%n%s", step.program());
        }
        out.flush();
        return 0;
    }
}
