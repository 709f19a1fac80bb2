package org.iolaus.data.read;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.iolaus.data.DataException;
import org.jspecify.annotations.Nullable;

/// The lines of a text file, numbered from 1. A gzipped file is known by its first two bytes, whatever its name.
final class LineSource implements AutoCloseable {
    /// No line of sane data is longer; a file without line ends is refused before it fills the memory.
    private static final int MAX_LINE_BYTES = 1 << 26;

    private final Path file;
    private final InputStream in;
    private final byte[] buffer = new byte[1 << 16];
    private int position;
    private int limit;
    private byte[] line = new byte[256];
    private long lineNumber;

    LineSource(Path file) {
        this.file = file;
        this.in = open(file);
    }

    /// The number of the line that [#next] returned last.
    long lineNumber() {
        return lineNumber;
    }

    /// The next line without its end, or null after the last one.
    @Nullable
    String next() {
        int length = 0;
        boolean any = false;
        while (position < limit || fill()) {
            any = true;
            int end = position;
            while (end < limit && buffer[end] != '\n') {
                end++;
            }
            int part = end - position;
            if (length + part > MAX_LINE_BYTES) {
                throw new DataException(file + ", line " + (lineNumber + 1) + ": want lines of at most "
                        + MAX_LINE_BYTES + " bytes, got a longer one");
            }
            if (length + part > line.length) {
                line = Arrays.copyOf(line, Math.max(length + part, 2 * line.length));
            }
            System.arraycopy(buffer, position, line, length, part);
            length += part;
            position = end + 1;
            if (end < limit) {
                break;
            }
            position = limit;
        }
        if (!any) {
            return null;
        }
        lineNumber++;
        if (length > 0 && line[length - 1] == '\r') {
            length--;
        }
        return new String(line, 0, length, StandardCharsets.UTF_8);
    }

    /// Passes over some lines.
    ///
    /// @return false if the file ends before
    boolean skip(int lines) {
        for (int passed = 0; passed < lines; passed++) {
            boolean any = false;
            boolean ended = false;
            while (!ended && (position < limit || fill())) {
                any = true;
                while (position < limit && !ended) {
                    ended = buffer[position++] == '\n';
                }
            }
            if (!any) {
                return false;
            }
            lineNumber++;
        }
        return true;
    }

    private boolean fill() {
        try {
            limit = in.read(buffer);
        } catch (EOFException e) {
            throw new DataException(
                    file + ", line " + (lineNumber + 1) + ": want a whole gzip file, got a truncated one", e);
        } catch (ZipException e) {
            throw new DataException(
                    file + ", line " + (lineNumber + 1) + ": want an undamaged gzip file, got: " + e.getMessage(), e);
        } catch (IOException e) {
            throw new DataException(file + ", line " + (lineNumber + 1) + ": cannot be read: " + e, e);
        }
        position = 0;
        limit = Math.max(limit, 0);
        return limit > 0;
    }

    private static InputStream open(Path file) {
        InputStream raw = null;
        try {
            raw = Files.newInputStream(file);
            byte[] start = raw.readNBytes(2);
            raw.close();
            raw = Files.newInputStream(file);
            boolean gzip = start.length == 2 && start[0] == 0x1f && start[1] == (byte) 0x8b;
            return gzip ? new GZIPInputStream(raw, 1 << 16) : raw;
        } catch (NoSuchFileException e) {
            throw new DataException(file + ": want a file, got none of that name", e);
        } catch (EOFException e) {
            closeQuietly(raw);
            throw new DataException(file + ", line 1: want a whole gzip file, got a truncated one", e);
        } catch (IOException e) {
            closeQuietly(raw);
            throw new DataException(file + ": cannot be read: " + e, e);
        }
    }

    private static void closeQuietly(@Nullable InputStream in) {
        try {
            if (in != null) {
                in.close();
            }
        } catch (IOException e) {
            // the file was only read, and what went wrong before is about to be reported
        }
    }

    @Override
    public void close() {
        closeQuietly(in);
    }
}
