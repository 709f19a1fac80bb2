package org.iolaus.cuda;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Which GPU a rank takes, and that no other takes the same.
///
/// A rank that sees one GPU only cannot tell from that whether others see the same one. So each holds a
/// lock named after its GPU, on its host, while it runs.
final class GpuChoice {
    private static final Logger LOG = LoggerFactory.getLogger(GpuChoice.class);

    private GpuChoice() {}

    /// Chooses one of the GPUs that this rank sees.
    ///
    /// @param visible number of them
    static int ordinal(int localRank, int ranksOnHost, int visible, boolean share) {
        if (localRank < 0 || localRank >= ranksOnHost) {
            throw new IllegalArgumentException(
                    "local rank: want one below " + ranksOnHost + " (ranks on this host), got " + localRank);
        }
        if (visible < 1) {
            throw new DeviceException("device cuda: want a GPU, the driver shows none (CUDA_VISIBLE_DEVICES="
                    + System.getenv("CUDA_VISIBLE_DEVICES") + ")");
        }
        if (visible >= ranksOnHost || visible == 1 || share) {
            return localRank % visible;
        }
        throw new DeviceException("device cuda: want a GPU for each of the " + ranksOnHost + " ranks on this host, got "
                + visible + " (sharing has to be asked for)");
    }

    /// Takes the GPU for this process.
    ///
    /// @param uuid of the GPU
    /// @param share whether others who say so too may have it
    /// @return to be closed in the end; null where locks cannot be had, with a warning
    static @Nullable FileChannel claim(Path folder, String uuid, boolean share) {
        Path file = folder.resolve("iolaus-gpu-" + uuid + ".lock");
        FileChannel channel;
        try {
            channel = open(file);
        } catch (IOException e) {
            LOG.warn("cannot tell whether another process uses GPU {}: {}", uuid, e.toString());
            return null;
        }
        try {
            FileLock lock = channel.tryLock(0, Long.MAX_VALUE, share);
            if (lock != null) {
                return channel;
            }
        } catch (OverlappingFileLockException e) {
            if (share) {
                return channel; // this process has it already
            }
        } catch (IOException e) {
            LOG.warn("cannot tell whether another process uses GPU {}: {}", uuid, e.toString());
            return channel;
        }
        close(channel);
        throw new DeviceException("device cuda: want a GPU of this rank's own, got GPU " + uuid
                + ", which another rank or run on this host uses (sharing has to be asked for by all)");
    }

    static void close(@Nullable FileChannel channel) {
        try {
            if (channel != null) {
                channel.close();
            }
        } catch (IOException e) {
            LOG.warn("lock of the GPU: {}", e.toString());
        }
    }

    private static FileChannel open(Path file) throws IOException {
        try {
            return FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
        } catch (NoSuchFileException e) {
            FileChannel channel = FileChannel.open(
                    file, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-rw-"));
            return channel;
        }
    }
}
