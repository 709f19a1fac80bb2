package org.iolaus.train.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.iolaus.data.DataException;
import org.iolaus.train.Checks;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The checkpoints of one run in one folder: `checkpoint-<global step>.h5`, the newest few of them, and `best.h5`.
///
/// Writing happens on a thread of its own while training goes on, one checkpoint at a time; a failure comes out of
/// the next call. Only rank zero has a store that it writes to.
public final class CheckpointStore implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CheckpointStore.class);
    private static final Pattern NAME = Pattern.compile("checkpoint-(\\d{1,18})\\.h5");
    private static final Pattern LEFTOVER = Pattern.compile("(checkpoint-\\d+|best)\\.h5\\.partial.*");

    /// A checkpoint and the file that it was read from.
    public record Found(Path path, Checkpoint checkpoint) {}

    private final Path folder;
    private final int keep;
    private final ExecutorService writer = Executors.newSingleThreadExecutor(
            Thread.ofPlatform().name("checkpoint-writer").daemon().factory());
    private CompletableFuture<Void> pending = CompletableFuture.completedFuture(null);

    /// @param keep how many of the newest checkpoints stay, at least one; two or more leave one to go back to
    public CheckpointStore(Path folder, int keep) {
        Checks.positive("CheckpointStore: checkpoints to keep", keep);
        this.folder = folder;
        this.keep = keep;
    }

    /// Starts to make and write a checkpoint, once the one before it is on disk.
    ///
    /// @param checkpoint is asked for it on the thread that writes
    /// @param restart whether it becomes `checkpoint-<global step>.h5`
    /// @param best whether it becomes `best.h5`
    /// @throws DataException when the one before it could not be written
    public void write(Supplier<Checkpoint> checkpoint, boolean restart, boolean best) {
        await();
        pending = CompletableFuture.runAsync(() -> save(checkpoint.get(), restart, best), writer);
    }

    /// Waits until everything is on disk.
    ///
    /// @throws DataException when it could not be written
    public void await() {
        CompletableFuture<Void> last = pending;
        pending = CompletableFuture.completedFuture(null);
        try {
            last.join();
        } catch (CompletionException e) {
            throw new DataException(
                    folder + ": the checkpoint could not be written: "
                            + Optional.ofNullable(e.getCause()).orElse(e).getMessage(),
                    e);
        }
    }

    /// The file to go on from after a step, in the folder of a run.
    public static Path restart(Path folder, long globalStep) {
        return folder.resolve("checkpoint-" + globalStep + ".h5");
    }

    /// The file of the best model, in the folder of a run.
    public static Path best(Path folder) {
        return folder.resolve("best.h5");
    }

    /// Reads the newest checkpoint that is whole. A damaged one is passed over with a warning that names it and the
    /// one used in its place.
    ///
    /// @throws DataException when there are checkpoints and all of them are damaged
    public Optional<Found> latest() {
        await();
        List<String> refused = new ArrayList<>();
        for (Path path : newestFirst()) {
            try {
                Checkpoint checkpoint = Checkpoint.read(path);
                if (!refused.isEmpty()) {
                    LOG.warn("{}; going on from {}, the one before it", String.join("; ", refused), path);
                }
                return Optional.of(new Found(path, checkpoint));
            } catch (DataException e) {
                refused.add(String.valueOf(e.getMessage()));
            }
        }
        if (!refused.isEmpty()) {
            throw new DataException(folder + ": want a checkpoint that is whole, got " + refused.size()
                    + " that are not: " + String.join("; ", refused));
        }
        return Optional.empty();
    }

    @Override
    public void close() {
        try {
            await();
        } finally {
            writer.close();
        }
    }

    private void save(Checkpoint checkpoint, boolean restart, boolean best) {
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new DataException(folder + ": want a folder to write checkpoints to, got " + e, e);
        }
        if (best) {
            checkpoint.write(best(folder));
        }
        if (restart) {
            long globalStep = checkpoint.position().globalStep();
            checkpoint.write(restart(folder, globalStep));
            removeOthers(globalStep);
        }
        list(LEFTOVER).forEach(CheckpointStore::delete);
    }

    /// Removes all but the newest, and what a run left that went further and was given up.
    private void removeOthers(long globalStep) {
        for (Path path : newestFirst()) {
            if (globalStep(path) > globalStep) {
                LOG.warn("{} removed: it is ahead of step {} and so of a run that was given up", path, globalStep);
                delete(path);
            }
        }
        newestFirst().stream().skip(keep).forEach(CheckpointStore::delete);
    }

    private List<Path> newestFirst() {
        return list(NAME).stream()
                .sorted(Comparator.comparingLong(CheckpointStore::globalStep).reversed())
                .toList();
    }

    private List<Path> list(Pattern name) {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(
                            path -> name.matcher(path.getFileName().toString()).matches())
                    .toList();
        } catch (IOException e) {
            throw new DataException(folder + ": cannot be listed: " + e, e);
        }
    }

    private static long globalStep(Path path) {
        Matcher matcher = NAME.matcher(path.getFileName().toString());
        return matcher.matches() ? Long.parseLong(matcher.group(1)) : -1;
    }

    private static void delete(Path path) {
        try {
            Files.deleteIfExists(path);
        } catch (IOException e) {
            throw new DataException(path + ": cannot be removed: " + e, e);
        }
    }
}
