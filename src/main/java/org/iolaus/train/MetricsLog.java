package org.iolaus.train;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.iolaus.data.DataException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The files `metrics.csv` (a header, then one row per epoch) and `metrics.jsonl` (one line about the run, then one
/// object per epoch or reported step). Each line is in the file when the call returns, so they can be followed while
/// the
/// run goes on; a resumed run first cuts off what came after its checkpoint.
public final class MetricsLog implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(MetricsLog.class);

    /// How long the two files are.
    public record Position(long csvBytes, long jsonlBytes) {
        public static final Position START = new Position(0, 0);
    }

    private final Path csvPath;
    private final Path jsonlPath;
    private final FileChannel csv;
    private final FileChannel jsonl;
    private final List<String> columns;

    /// Opens the files in a folder, which is made if it is not there.
    ///
    /// @param columns names of the numbers of a row; by convention the wall-clock ones come last
    /// @param runLine what the run is: config, commit, seed, versions, hosts
    /// @param resume where the checkpoint left the files; null starts them anew
    /// @throws DataException when a file cannot be written or has other columns
    public MetricsLog(Path folder, List<String> columns, JsonLine runLine, @Nullable Position resume) {
        this.columns = List.copyOf(columns);
        csvPath = folder.resolve("metrics.csv");
        jsonlPath = folder.resolve("metrics.jsonl");
        try {
            Files.createDirectories(folder);
            csv = open(csvPath);
            jsonl = open(jsonlPath);
        } catch (IOException e) {
            throw new DataException(folder + ": want a folder to write metrics to, got " + e, e);
        }
        String header = String.join(",", columns);
        cut(csv, csvPath, resume == null ? 0 : resume.csvBytes);
        cut(jsonl, jsonlPath, resume == null ? 0 : resume.jsonlBytes);
        if (size(csv, csvPath) == 0) {
            append(csv, csvPath, header);
        } else {
            requireHeader(header);
        }
        if (size(jsonl, jsonlPath) == 0) {
            append(jsonl, jsonlPath, runLine.toString());
        }
    }

    /// Adds a row to the CSV file. NaN, for what was not measured, becomes an empty field.
    public void row(double... values) {
        if (values.length != columns.size()) {
            throw new IllegalArgumentException(
                    csvPath + ": want " + columns.size() + " numbers " + columns + ", got " + values.length);
        }
        List<String> fields = new ArrayList<>();
        for (double value : values) {
            boolean whole = value == Math.rint(value) && Math.abs(value) < 1e15;
            fields.add(Double.isNaN(value) ? "" : whole ? Long.toString((long) value) : Double.toString(value));
        }
        append(csv, csvPath, String.join(",", fields));
    }

    /// Adds an object to the JSON lines file.
    public void line(JsonLine line) {
        append(jsonl, jsonlPath, line.toString());
    }

    /// How long the files are, after making sure that they are on disk: for the checkpoint.
    public Position position() {
        try {
            csv.force(true);
            jsonl.force(true);
            return new Position(csv.size(), jsonl.size());
        } catch (IOException e) {
            throw new DataException(csvPath.getParent() + ": metrics cannot be written: " + e, e);
        }
    }

    @Override
    public void close() {
        try (csv;
                jsonl) {
            position();
        } catch (IOException e) {
            throw new DataException(csvPath.getParent() + ": metrics cannot be closed: " + e, e);
        }
    }

    private static FileChannel open(Path path) throws IOException {
        return FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
    }

    /// Shortens a file to its length at the checkpoint; a file that lost more than that keeps its complete lines.
    private static void cut(FileChannel file, Path path, long bytes) {
        try {
            long keep = bytes;
            if (file.size() < bytes) {
                keep = completeLines(file);
                LOG.warn(
                        "{}: want the {} bytes that the checkpoint was written with, got {}; going on after {}",
                        path,
                        bytes,
                        file.size(),
                        keep);
            }
            file.truncate(keep);
            file.position(keep);
        } catch (IOException e) {
            throw new DataException(path + ": cannot be cut to " + bytes + " bytes: " + e, e);
        }
    }

    private static long completeLines(FileChannel file) throws IOException {
        ByteBuffer one = ByteBuffer.allocate(1);
        for (long end = file.size(); end > 0; end--) {
            if (file.read(one.clear(), end - 1) == 1 && one.get(0) == '\n') {
                return end;
            }
        }
        return 0;
    }

    private void requireHeader(String header) {
        byte[] want = (header + "\n").getBytes(UTF_8);
        ByteBuffer got = ByteBuffer.allocate(want.length);
        try {
            while (got.hasRemaining() && csv.read(got, got.position()) >= 0) {}
        } catch (IOException e) {
            throw new DataException(csvPath + ": cannot be read: " + e, e);
        }
        if (!Arrays.equals(want, got.array())) {
            throw new DataException(csvPath + ": want the columns " + header + ", got "
                    + new String(got.array(), 0, got.position(), UTF_8)
                            .lines()
                            .findFirst()
                            .orElse("nothing"));
        }
    }

    private static long size(FileChannel file, Path path) {
        try {
            return file.size();
        } catch (IOException e) {
            throw new DataException(path + ": cannot be read: " + e, e);
        }
    }

    private static void append(FileChannel file, Path path, String line) {
        ByteBuffer bytes = ByteBuffer.wrap((line + "\n").getBytes(UTF_8));
        try {
            while (bytes.hasRemaining()) {
                file.write(bytes);
            }
        } catch (IOException e) {
            throw new DataException(path + ": cannot be written: " + e, e);
        }
    }
}
