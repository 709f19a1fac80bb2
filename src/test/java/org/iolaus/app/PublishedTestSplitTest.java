package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.iolaus.comm.SoloComm;
import org.iolaus.convert.Splits;
import org.iolaus.data.ShardIndex;
import org.iolaus.data.Split;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/// A set without training frames, as published test splits are.
final class PublishedTestSplitTest {
    @TempDir
    Path folder;

    @Test
    void convertsAndEvaluates() throws Exception {
        TinyRun.shards(folder);
        try (SoloComm comm = new SoloComm()) {
            TinyRun.train(comm, TinyRun.config(folder), "num_epoch=1");
        }
        Path elsewhere = Files.createDirectory(folder.resolve("published"));
        Path shards = TinyRun.shards(
                elsewhere, TinyRun.frames(9, 8), new Splits.Counts(0, 0, 9, false, 1), Set.of("energy", "forces"));
        ShardIndex index = ShardIndex.read(shards);
        assertEquals(9, index.table().size(Split.TEST));
        assertEquals(0, index.statistics().graphs());

        StringWriter printed = new StringWriter();
        CommandLine line = new CommandLine(new Main()).setOut(new PrintWriter(printed));
        assertEquals(
                0, line.execute("evaluate", folder.resolve("logs/run/best.h5").toString(), shards.toString()));
        // nothing is known of a trivial predictor of energies, that of forces says zero
        String[] rows = printed.toString().split("\n");
        assertTrue(rows[3].matches("energy +eV +MAE +[0-9.]+ +- +-"), printed::toString);
        assertTrue(rows[7].matches("forces +eV/Å +MAE +[0-9.]+ +[0-9.]+ +[0-9.]+"), printed::toString);
        assertEquals(0, line.execute("inspect", shards.toString()));
    }
}
