package org.iolaus.app;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.iolaus.comm.Comm;
import org.iolaus.config.ConfigReader;
import org.iolaus.data.ShardSet;
import org.iolaus.data.Split;
import org.iolaus.run.ConfiguredModel;
import org.iolaus.run.EngineFactory;
import org.iolaus.run.ModelFactory;
import org.iolaus.run.ShardSets;
import org.iolaus.train.Training;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.checkpoint.CheckpointBroadcast;
import org.iolaus.train.engine.Engine;
import org.iolaus.train.engine.ModelState;
import org.iolaus.train.loop.Evaluator;
import org.iolaus.train.loop.RunBatches;
import org.iolaus.train.report.ErrorTable;
import org.iolaus.train.report.Metrics;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `iolaus evaluate`: the errors of a trained model.
@Command(
        name = "evaluate",
        description = "Print the errors of a checkpoint's model on shards; under mpirun on all ranks.")
final class Evaluate extends CommandBase implements OnRanks {

    @Parameters(index = "0", paramLabel = "CHECKPOINT", description = "File that training wrote.")
    private Path checkpoint = Path.of("");

    @Parameters(index = "1", paramLabel = "SHARDS", description = "Folder of shards.")
    private Path folder = Path.of("");

    @Option(
            names = "--split",
            split = ",",
            paramLabel = "SPLIT",
            description = "Only these parts of the data: ${COMPLETION-CANDIDATES} (default: all that are not empty).")
    private List<Split> splits = List.of(Split.TRAIN, Split.VALIDATION, Split.TEST);

    @ArgGroup(exclusive = false, validate = false)
    private DeviceOptions device = new DeviceOptions();

    @Override
    public int run(Comm comm) {
        Checkpoint saved = CheckpointBroadcast.read(comm, checkpoint);
        ConfiguredModel configured =
                ModelFactory.of(ConfigReader.fromJson(saved.run().configJson(), device.over(List.of())), null);
        Training settings = configured.training();
        ModelState state = new ModelState(configured.model().parameters(), ModelState.evaluated(saved.model()));
        try (ShardSet shards = ShardSets.open(comm, folder, true);
                Engine engine = EngineFactory.engine(comm, settings);
                Evaluator evaluator = new Evaluator(comm, configured.model(), state, configured.columns(), engine)) {
            configured.requireFit(comm, shards.index());
            Map<String, Metrics> table = new LinkedHashMap<>();
            for (Split split : splits) {
                if (shards.index().table().size(split) > 0) {
                    Metrics metrics = evaluator.run(shards, split, RunBatches.batching(settings), null);
                    table.put(split.toString().toLowerCase(Locale.ROOT), metrics);
                }
            }
            if (comm.isRoot()) {
                out().print(ErrorTable.of(table));
                out().flush();
            }
        }
        return 0;
    }
}
