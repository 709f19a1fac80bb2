package org.iolaus.app;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.iolaus.comm.Comm;
import org.iolaus.config.Config;
import org.iolaus.config.ConfigReader;
import org.iolaus.nn.Parameters.Role;
import org.iolaus.run.ConfiguredModel;
import org.iolaus.run.TrainingRun;
import org.iolaus.train.checkpoint.CheckpointStore;
import org.iolaus.train.report.ErrorTable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `iolaus train`: the main job.
@Command(
        name = "train",
        description = {
            "Train a model on shards; under mpirun on all ranks.",
            "With --set continue=1 an interrupted run goes on from its newest checkpoint as if nothing had happened;",
            "without it a run begins anew, and the folder of an earlier run of its log_name is renamed to NAME.1, ...",
            "With --set init_from=CHECKPOINT.h5 a run begins with the model of a checkpoint and a fresh optimizer."
        })
final class Train extends CommandBase implements OnRanks {

    @Parameters(paramLabel = "CONFIG", description = "Configuration (HydraGNN's JSON).")
    private Path configFile = Path.of("");

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "Setting that takes precedence over the file, such as batch_size=8.")
    private List<String> overrides = List.of();

    @ArgGroup(exclusive = false, validate = false)
    private DeviceOptions device = new DeviceOptions();

    @Option(names = "--no-plots", description = "Draw no plots at the end.")
    private boolean noPlots;

    @Override
    public int run(Comm comm) {
        Config given = comm.rootFirst(() -> ConfigReader.read(configFile, device.over(overrides)));
        boolean draws = !noPlots && given.visualization().createPlots();
        try (TrainingRun run = TrainingRun.open(comm, given)) {
            begin(comm, run);
            if (draws && given.visualization().plotInitSolution()) {
                run.plotInitial();
            }
            run.trainer().run();
            end(comm, run, draws);
        }
        return 0;
    }

    private void begin(Comm comm, TrainingRun run) {
        ConfiguredModel configured = run.configured();
        out().println("%s, %,d parameters; %d rank%s; %s; logs in %s"
                .formatted(
                        configured.config().neuralNetwork().architecture().mpnnType(),
                        configured.model().parameters().count(Role.TRAINED),
                        comm.size(),
                        comm.size() == 1 ? "" : "s",
                        run.engine().describe(),
                        run.folder()));
    }

    /// Errors of the best model, and where everything is.
    private void end(Comm comm, TrainingRun run, boolean draws) {
        TrainingRun.Errors errors = run.errors();
        if (!comm.isRoot()) {
            return;
        }
        Path folder = run.folder();
        out().println("\nErrors of the " + (errors.best() ? "best" : "last") + " model after "
                + run.trainer().globalStep() + " steps:\n");
        out().println(ErrorTable.of(errors.splits()));
        out().println("last epoch: " + run.trainer().profile());
        if (errors.best()) {
            out().println("best model: " + CheckpointStore.best(folder));
        }
        Path last = CheckpointStore.restart(folder, run.trainer().globalStep());
        if (Files.exists(last)) {
            out().println("last model: " + last);
        }
        out().println("logs:       " + folder.resolve("metrics.csv") + ", " + folder.resolve("metrics.jsonl"));
        if (draws) {
            out().println("plots:      " + run.draw(errors.plots()));
        }
    }
}
