package org.iolaus.data.read;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.iolaus.atoms.Elements;
import org.iolaus.atoms.Structure;
import org.iolaus.data.DataException;
import org.jspecify.annotations.Nullable;

/// Writes structures as extended XYZ, gzipped if the name ends in `.gz`.
///
/// Numbers have as many digits as it takes to read the same double back, so the same structures give the same
/// bytes. Further columns are kept, except under names that a reader would take for energy, forces, stress or
/// virial. The file appears under its name when [#finish] is called; closing without it leaves nothing behind.
public final class ExtXyzWriter implements AutoCloseable {
    private final Path file;
    private final Path partial;
    private final Writer out;
    private boolean finished;

    /// Begins a file.
    ///
    /// @throws DataException if it cannot be created
    public ExtXyzWriter(Path file) {
        this.file = file;
        this.partial = file.resolveSibling(file.getFileName() + ".partial");
        try {
            OutputStream bytes = Files.newOutputStream(partial);
            boolean gzip = file.toString().endsWith(".gz");
            this.out = new BufferedWriter(
                    new OutputStreamWriter(gzip ? new GZIPOutputStream(bytes) : bytes, StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw failed(e);
        }
    }

    /// Appends a frame.
    ///
    /// @throws IllegalArgumentException if the name of a column cannot be written
    /// @throws DataException if writing fails
    public void write(Structure structure) {
        Map<String, double[]> atomColumns = new LinkedHashMap<>();
        atomColumns.put("pos", structure.positions());
        if (structure.forces() != null) {
            atomColumns.put("forces", structure.forces());
        }
        putOthers(structure.atomColumns(), atomColumns);
        try {
            out.write(structure.atoms() + "\n" + comment(structure, atomColumns) + "\n");
            for (int i = 0; i < structure.atoms(); i++) {
                StringBuilder row = new StringBuilder(Elements.symbol(structure.atomicNumbers()[i]));
                for (double[] column : atomColumns.values()) {
                    int width = column.length / structure.atoms();
                    for (int k = 0; k < width; k++) {
                        row.append(' ').append(column[i * width + k]);
                    }
                }
                out.append(row).append('\n');
            }
        } catch (IOException e) {
            throw failed(e);
        }
    }

    /// Completes the file and gives it its name.
    public void finish() {
        try {
            out.close();
            Files.move(partial, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            finished = true;
        } catch (IOException e) {
            throw failed(e);
        }
    }

    @Override
    public void close() {
        try {
            out.close();
            if (!finished) {
                Files.deleteIfExists(partial);
            }
        } catch (IOException e) {
            throw failed(e);
        }
    }

    private static String comment(Structure structure, Map<String, double[]> atomColumns) {
        StringBuilder comment = new StringBuilder();
        if (structure.cell() != null) {
            comment.append("Lattice=").append(value(structure.cell())).append(' ');
        }
        comment.append("Properties=species:S:1");
        atomColumns.forEach((name, values) ->
                comment.append(':').append(name).append(":R:").append(values.length / structure.atoms()));
        Map<String, double[]> graphColumns = new LinkedHashMap<>();
        putIfPresent(graphColumns, "energy", structure.energy() == null ? null : new double[] {structure.energy()});
        putIfPresent(graphColumns, "stress", structure.stress());
        putOthers(structure.graphColumns(), graphColumns);
        graphColumns.forEach(
                (name, values) -> comment.append(' ').append(name).append('=').append(value(values)));
        boolean[] periodic = structure.periodic();
        comment.append(" pbc=\"");
        for (int d = 0; d < 3; d++) {
            comment.append(periodic[d] ? "T" : "F").append(d < 2 ? ' ' : '"');
        }
        return comment.toString();
    }

    private static void putIfPresent(Map<String, double[]> map, String name, double @Nullable [] values) {
        if (values != null) {
            map.put(name, values);
        }
    }

    private static void putOthers(Map<String, double[]> from, Map<String, double[]> to) {
        from.forEach((name, values) -> {
            if (!name.matches("[^\\s=:\"'\\\\{}\\[\\]]+")) {
                throw new IllegalArgumentException(
                        "column: want a name without blanks, quotes, brackets, '=' and ':', got " + name);
            }
            if (!Labels.isLabel(name)) {
                to.putIfAbsent(name, values);
            }
        });
    }

    private static String value(double[] values) {
        if (values.length == 1) {
            return Double.toString(values[0]);
        }
        StringBuilder text = new StringBuilder("\"");
        for (double x : values) {
            text.append(text.length() == 1 ? "" : " ").append(x);
        }
        return text.append('"').toString();
    }

    private DataException failed(IOException e) {
        return new DataException(file + ": cannot be written: " + e, e);
    }
}
