package org.iolaus.cuda;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// Makes one of all threads and processes that want the same file of a cache write it, while the others wait.
/// It saves work and protects nothing: files appear whole or not at all. So where a file system has no locks,
/// or who holds one does not come to an end, everybody works.
final class CacheLock implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofMinutes(10);
    private static final long ASK_EVERY_MS = 20;

    /// Files that threads of this process work on: a process cannot lock a file against itself.
    private static final Set<Path> MINE = ConcurrentHashMap.newKeySet();

    private static final CacheLock NONE = new CacheLock(null, null);

    private final @Nullable Path file;
    private final @Nullable FileChannel channel;

    /// @param file null: nothing is locked
    /// @param channel null: only against threads of this process
    private CacheLock(@Nullable Path file, @Nullable FileChannel channel) {
        this.file = file;
        this.channel = channel;
    }

    /// Waits until nobody else works on a file. What they wanted to write may be there then.
    static CacheLock of(Path file) {
        long patience = System.nanoTime() + PATIENCE.toNanos();
        while (!MINE.add(file)) {
            if (!rest(patience)) {
                return NONE;
            }
        }
        try {
            Files.createDirectories(file.toAbsolutePath().getParent());
            FileChannel channel = FileChannel.open(lock(file), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            FileLock held = channel.tryLock();
            while (held == null && rest(patience)) {
                held = channel.tryLock();
            }
            return new CacheLock(file, channel);
        } catch (IOException e) {
            return new CacheLock(file, null);
        }
    }

    private static Path lock(Path file) {
        return file.resolveSibling(file.getFileName() + ".lock");
    }

    /// @return false when there is no time left
    private static boolean rest(long until) {
        try {
            Thread.sleep(ASK_EVERY_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
        return System.nanoTime() < until;
    }

    @Override
    public void close() {
        if (file == null) {
            return;
        }
        try {
            if (channel != null) {
                Files.deleteIfExists(lock(file)); // who waits has it open, and finds what was written
                channel.close();
            }
        } catch (IOException e) {
            // the lock ends with the process
        } finally {
            MINE.remove(file);
        }
    }
}
