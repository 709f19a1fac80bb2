package org.iolaus.train.loop;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.iolaus.data.DataException;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.checkpoint.CheckpointStore;
import org.iolaus.train.report.EpochReport;
import org.iolaus.train.report.MetricsLog;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What rank zero writes of a run: configuration, metrics and checkpoints, in its folder.
final class RunFiles implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(RunFiles.class);
    private static final String CONFIG = "config.json";

    private final Checkpoint.Run run;
    private final MetricsLog log;
    private final CheckpointStore store;

    /// Opens the files. A run that does not go on from a checkpoint of its own folder finds it empty: what an earlier
    /// run left there is kept under another name.
    RunFiles(Trainer.Setup setup, List<String> columns) {
        Path folder = setup.folder();
        MetricsLog.Position end = end(setup.resume(), folder);
        if (end == null) {
            keepEarlier(folder);
        }
        this.run = setup.run();
        this.log = new MetricsLog(folder, columns, setup.runLine(), end);
        this.store = new CheckpointStore(folder, setup.settings().keepCheckpoints());
        try {
            Files.writeString(folder.resolve(CONFIG), run.configJson() + "\n");
        } catch (IOException e) {
            throw new DataException(folder.resolve(CONFIG) + ": cannot be written: " + e, e);
        }
    }

    /// Where the metrics in a folder end for a run that goes on from there; null if it does not.
    private static MetricsLog.@Nullable Position end(CheckpointStore.@Nullable Found resume, Path folder) {
        if (resume == null || !Files.exists(folder)) {
            return null;
        }
        try {
            Path file = folder.resolve(resume.path().getFileName());
            boolean here = Files.exists(file) && Files.isSameFile(file, resume.path());
            return here ? resume.checkpoint().log() : null;
        } catch (IOException e) {
            throw new DataException(folder + ": cannot be read: " + e, e);
        }
    }

    /// Renames a folder that holds a run to the first free one of `NAME.1`, `NAME.2`, ...
    static void keepEarlier(Path folder) {
        if (holdsRun(folder)) {
            LOG.info("{}: holds an earlier run, which is kept in {}", folder, rename(folder));
        }
    }

    static Path rename(Path folder) {
        Path earlier = folder;
        for (int number = 1; Files.exists(earlier); number++) {
            earlier = folder.resolveSibling(folder.getFileName() + "." + number);
        }
        try {
            Files.move(folder, earlier, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new DataException(
                    folder + ": want to keep the earlier run of this log_name as " + earlier + ", got " + e
                            + "; choose another log_name, or continue=1 to go on with that run",
                    e);
        }
        return earlier;
    }

    private static boolean holdsRun(Path folder) {
        if (!Files.exists(folder)) {
            return false;
        }
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString())
                    .anyMatch(name -> name.equals(CONFIG) || name.startsWith("metrics.") || name.endsWith(".h5"));
        } catch (IOException e) {
            throw new DataException(folder + ": want a folder for the files of this run, got " + e, e);
        }
    }

    void report(EpochReport report) {
        log.row(report.row());
        log.line(report.line());
    }

    /// Starts to write a checkpoint of the run as it is now.
    ///
    /// @param values are asked for on the thread that writes
    /// @param restart whether a run may go on from it
    /// @param best whether it is the best model so far
    void save(RunState state, Supplier<Checkpoint.Values> values, boolean restart, boolean best) {
        Function<Checkpoint.Values, Checkpoint> checkpoint = state.checkpoint(run, log.position());
        store.write(
                () -> {
                    log.force(); // the checkpoint says how long the metrics are
                    return checkpoint.apply(values.get());
                },
                restart,
                best);
    }

    /// Waits until all checkpoints are on disk.
    void await() {
        store.await();
    }

    @Override
    public void close() {
        try (log) {
            store.close();
        }
    }
}
