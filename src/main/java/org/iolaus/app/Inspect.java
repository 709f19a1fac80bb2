package org.iolaus.app;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.iolaus.data.ShardIndex;
import org.iolaus.data.ShardSet;
import org.iolaus.run.ShardReport;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `iolaus inspect`: what a shard set holds.
@Command(
        name = "inspect",
        description = "Print what a folder of shards holds, and with --verify check every byte of it.",
        exitCodeList = {"0:good", "1:damaged", "2:bad input"})
final class Inspect extends CommandBase implements Callable<Integer> {
    @Parameters(paramLabel = "SHARDS", description = "Folder of shards.")
    private Path folder = Path.of("");

    @Option(names = "--verify", description = "Check all sizes and checksums.")
    private boolean verify;

    @Option(names = "--json", description = "Print one JSON object instead.")
    private boolean json;

    @Override
    public Integer call() {
        PrintWriter out = out();
        ShardIndex index = ShardIndex.read(folder);
        List<String> damages = verify ? ShardSet.damages(folder, index, 0, 1) : List.of();
        if (json) {
            out.println(ShardReport.json(index, damages));
        } else {
            ShardReport.summary(index).forEach(out::println);
            ShardReport.details(index).forEach(out::println);
            if (verify) {
                damages.forEach(damage -> out.println("damaged     " + damage));
                out.println("verified    " + index.shards().size() + " shards, "
                        + (damages.isEmpty() ? "no damage" : damages.size() + " damaged"));
            }
        }
        return damages.isEmpty() ? 0 : Failures.FAILURE;
    }
}
