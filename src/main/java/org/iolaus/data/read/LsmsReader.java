package org.iolaus.data.read;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.iolaus.atoms.Elements;
import org.iolaus.atoms.Structure;
import org.iolaus.data.DataException;
import org.iolaus.data.DatasetConfig.Features;

/// Reads the text form of LSMS results that HydraGNN takes: one frame per file.
///
/// The first line holds values per frame, each further line an atom: protons, index, x, y, z, charge, magnetic
/// moment, ... Which columns are features, and their names, comes from the configuration; without one the first
/// value is `free_energy` and the atoms' columns are `charge_density` and `magnetic_moment`. As in HydraGNN the
/// protons are taken off the charge of each `charge_density` column.
final class LsmsReader {
    private static final int FIRST_FEATURE = 5;
    private static final List<String> NODE_NAMES = List.of("charge_density", "magnetic_moment");

    private LsmsReader() {}

    static boolean isStart(FileStart start) {
        return start.isNumbers(0, 1) && start.isNumbers(1, FIRST_FEATURE);
    }

    static Structure read(Path file, ReadOptions options) {
        List<double[]> rows = new ArrayList<>();
        double[] graph;
        try (LineSource lines = new LineSource(file)) {
            String first = lines.next();
            graph = first == null ? new double[0] : ColumnTable.numbers(first, file + ", line 1");
            if (graph.length == 0) {
                throw new DataException(file + ", line 1: want values per frame, got an empty line");
            }
            for (String line = lines.next(); line != null; line = lines.next()) {
                String where = file + ", line " + lines.lineNumber();
                if (line.isBlank()) {
                    requireEnd(lines, where);
                    break;
                }
                rows.add(row(line, rows, where));
            }
        }
        if (rows.isEmpty()) {
            throw new DataException(file + ", line 2: want a line per atom, got the end of the file");
        }
        int atoms = rows.size();
        int[] atomicNumbers = rows.stream().mapToInt(row -> (int) row[0]).toArray();
        double[] positions =
                rows.stream().flatMapToDouble(row -> Arrays.stream(row, 2, 5)).toArray();
        String source = file.toString();
        int known = Math.min(NODE_NAMES.size(), rows.getFirst().length - FIRST_FEATURE);
        Features nodes = ColumnTable.orElse(
                options.nodeFeatures(), NODE_NAMES.subList(0, known), FIRST_FEATURE, FIRST_FEATURE + 1);
        Features graphs = ColumnTable.orElse(options.graphFeatures(), List.of("free_energy"), 0);
        Map<String, double[]> atomColumns = new LinkedHashMap<>(ColumnTable.columns(rows, nodes, atoms, source));
        atomColumns.forEach((name, values) -> {
            for (int i = 0; name.startsWith("charge_density") && i < atoms; i++) {
                values[i] -= atomicNumbers[i];
            }
        });
        return new Labels(options)
                .structure(
                        atomicNumbers,
                        positions,
                        null,
                        null,
                        atomColumns,
                        ColumnTable.columns(List.of(graph), graphs, atoms, source),
                        source);
    }

    private static double[] row(String line, List<double[]> rows, String where) {
        double[] row = ColumnTable.numbers(line, where);
        int width = rows.isEmpty() ? Math.max(FIRST_FEATURE, row.length) : rows.getFirst().length;
        if (row.length != width) {
            throw new DataException(where + ": want " + width + " columns for an atom, got " + row.length);
        }
        if (row[0] != (int) row[0] || !Elements.isAtomicNumber((int) row[0])) {
            throw new DataException(where + ": want an atomic number 1..118 in the first column, got " + row[0]);
        }
        for (double x : row) {
            Labels.requireFinite(x, "this atom", where);
        }
        return row;
    }

    private static void requireEnd(LineSource lines, String where) {
        for (String line = lines.next(); line != null; line = lines.next()) {
            if (!line.isBlank()) {
                throw new DataException(where + ": want an atom, got an empty line");
            }
        }
    }
}
