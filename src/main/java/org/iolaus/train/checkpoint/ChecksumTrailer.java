package org.iolaus.train.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32C;
import org.iolaus.data.DataException;

/// The last 16 bytes of a checkpoint file, behind the end that HDF5 knows of: a mark and the CRC-32C of every byte
/// before it. It covers what the checksums of the datasets do not: names, shapes, attributes and the file's
/// structure. A reader checks it before it trusts any of that.
final class ChecksumTrailer {
    private static final byte[] MARK = "\nCRC32C=".getBytes(StandardCharsets.US_ASCII);
    private static final int BYTES = MARK.length + Long.BYTES;

    private ChecksumTrailer() {}

    /// Adds the trailer to a file and waits until all of it is on disk.
    static void append(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            long end = channel.size();
            ByteBuffer trailer = trailer(checksum(channel, end));
            while (trailer.hasRemaining()) {
                channel.write(trailer, end + trailer.position());
            }
            channel.force(true);
        }
    }

    /// Whether the file has a trailer with the checksum of its bytes.
    static boolean matches(Path file) {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long end = channel.size() - BYTES;
            if (end < 0) {
                return false;
            }
            ByteBuffer found = ByteBuffer.allocate(BYTES);
            while (found.hasRemaining() && channel.read(found, end + found.position()) >= 0) {}
            return found.flip().equals(trailer(checksum(channel, end)));
        } catch (IOException e) {
            throw new DataException(file + ": cannot be read: " + e, e);
        }
    }

    private static ByteBuffer trailer(long checksum) {
        return ByteBuffer.allocate(BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(MARK)
                .putLong(checksum)
                .flip();
    }

    private static long checksum(FileChannel channel, long end) throws IOException {
        CRC32C crc = new CRC32C();
        ByteBuffer block = ByteBuffer.allocateDirect(1 << 18);
        for (long at = 0; at < end; ) {
            block.clear().limit((int) Math.min(block.capacity(), end - at));
            int read = channel.read(block, at);
            if (read < 0) {
                throw new IOException("ended at byte " + at + " of " + end);
            }
            crc.update(block.flip());
            at += read;
        }
        return crc.getValue();
    }
}
