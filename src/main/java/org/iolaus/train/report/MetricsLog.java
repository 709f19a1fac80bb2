package org.iolaus.train.report;

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

/// The files `metrics.csv` (a header, then one row per epoch) and `metrics.jsonl` (one line about the run,
/// then one object per epoch or reported step). Each line is in the file when the call returns, so they can
/// be followed while the run goes on; a resumed run first cuts off what came after its checkpoint.
public final class MetricsLog implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(MetricsLog.class);

    /// How many lines the two files have: as their times of day differ in length, runs agree in lines, not in bytes.
    public record Position(long csvLines, long jsonlLines) {}

    private final Path csvPath;
    private final Path jsonlPath;
    private final FileChannel csv;
    private final FileChannel jsonl;
    private final List<String> columns;
    private long csvLines;
    private long jsonlLines;

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
        csvLines = cut(csv, csvPath, resume == null ? 0 : resume.csvLines);
        jsonlLines = cut(jsonl, jsonlPath, resume == null ? 0 : resume.jsonlLines);
        if (csvLines == 0) {
            append(csv, csvPath, header);
            csvLines++;
        } else {
            requireHeader(header);
        }
        if (jsonlLines == 0) {
            append(jsonl, jsonlPath, runLine.toString());
            jsonlLines++;
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
        appendCsv(String.join(",", fields));
    }

    private void appendCsv(String text) {
        append(csv, csvPath, text);
        csvLines++;
    }

    /// Adds an object to the JSON lines file.
    public void line(JsonLine line) {
        append(jsonl, jsonlPath, line.toString());
        jsonlLines++;
    }

    /// How long the files are.
    public Position position() {
        return new Position(csvLines, jsonlLines);
    }

    /// Makes sure that the files are on disk, as before a checkpoint that says how long they are. Any thread may
    /// do so.
    public void force() {
        try {
            csv.force(true);
            jsonl.force(true);
        } catch (IOException e) {
            throw new DataException(csvPath.getParent() + ": metrics cannot be written: " + e, e);
        }
    }

    @Override
    public void close() {
        try (csv;
                jsonl) {
            force();
        } catch (IOException e) {
            throw new DataException(csvPath.getParent() + ": metrics cannot be closed: " + e, e);
        }
    }

    private static FileChannel open(Path path) throws IOException {
        return FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
    }

    /// Shortens a file to its lines at the checkpoint; a file that lost more than that keeps its complete lines.
    ///
    /// @return the lines that are left
    private static long cut(FileChannel file, Path path, long lines) {
        try {
            ByteBuffer block = ByteBuffer.allocate(1 << 16);
            long kept = 0;
            long keep = 0;
            for (long at = 0; kept < lines && file.read(block.clear(), at) > 0; at += block.position()) {
                for (int i = 0; i < block.position() && kept < lines; i++) {
                    if (block.get(i) == '\n') {
                        kept++;
                        keep = at + i + 1;
                    }
                }
            }
            if (kept < lines) {
                LOG.warn(
                        "{}: want the {} lines that the checkpoint knows of, got {}; going on after them",
                        path,
                        lines,
                        kept);
            }
            file.truncate(keep);
            file.position(keep);
            return kept;
        } catch (IOException e) {
            throw new DataException(path + ": cannot be cut to " + lines + " lines: " + e, e);
        }
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
