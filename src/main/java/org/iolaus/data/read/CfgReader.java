package org.iolaus.data.read;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.iolaus.atoms.Cell;
import org.iolaus.atoms.Elements;
import org.iolaus.atoms.Structure;
import org.iolaus.data.DataException;
import org.iolaus.data.DatasetConfig.Features;
import org.jspecify.annotations.Nullable;

/// Reads AtomEye's CFG, standard and extended: one frame per file, periodic, with a `.bulk` file for values
/// per frame.
///
/// Positions are multiples of the lattice vectors `H0`, whose unit of length is `A`. Masses, velocities and
/// auxiliary properties become columns under their names, `fx fy fz` become `forces`. A configured feature with a
/// column index is looked up as HydraGNN does, in the columns protons, mass, auxiliary 0, 1, ...
final class CfgReader {
    private static final Pattern MATRIX = Pattern.compile("(H0|Transform|eta)\\(([123]),([123])\\)");
    private static final Pattern AUXILIARY = Pattern.compile("auxiliary\\[(\\d{1,4})\\]");
    private static final int MAX_COLUMNS = 10_000;

    private final Path file;
    private final Map<String, double[]> matrices = new LinkedHashMap<>(Map.of(
            "H0", new double[9],
            "Transform", new double[] {1, 0, 0, 0, 1, 0, 0, 0, 1},
            "eta", new double[9]));
    private final Map<Integer, String> auxiliary = new TreeMap<>();
    private String where;
    private int atoms;
    private int entries = -1;
    private double scale = 1;
    private boolean velocities = true;
    private double mass = Double.NaN;
    private @Nullable String symbol;
    /// Atomic number, mass, three fractional coordinates, velocities if any, auxiliary properties.
    private final List<double[]> rows = new ArrayList<>();

    private CfgReader(Path file) {
        this.file = file;
        this.where = file.toString();
    }

    static boolean isStart(FileStart start) {
        return !start.lines().isEmpty() && start.lines().getFirst().startsWith("Number of particles");
    }

    static Structure read(Path file, ReadOptions options) {
        CfgReader reader = new CfgReader(file);
        try (LineSource lines = new LineSource(file)) {
            for (String line = lines.next(); line != null; line = lines.next()) {
                reader.where = file + ", line " + lines.lineNumber();
                String text = line.strip();
                if (!text.isEmpty() && !text.startsWith("#")) {
                    reader.take(text);
                }
            }
        }
        return reader.structure(options);
    }

    private void take(String text) {
        int equals = text.indexOf('=');
        if (!rows.isEmpty() && (equals > 0 || text.startsWith("."))) {
            throw wanted("all settings before the first atom", text);
        }
        if (text.equals(".NO_VELOCITY.")) {
            velocities = false;
        } else if (equals > 0) {
            List<String> value = Numbers.words(text.substring(equals + 1));
            if (value.isEmpty()) {
                throw wanted("a value", text);
            }
            takeSetting(text.substring(0, equals).strip(), value.getFirst());
        } else {
            takeAtom(Numbers.words(text));
        }
    }

    private void takeSetting(String key, String value) {
        Matcher matrix = MATRIX.matcher(key);
        Matcher property = AUXILIARY.matcher(key);
        double[] elements = matrix.matches() ? matrices.get(matrix.group(1)) : null;
        if (elements != null) {
            int row = Integer.parseInt(matrix.group(2)) - 1;
            int column = Integer.parseInt(matrix.group(3)) - 1;
            elements[3 * row + column] = finite(value, key);
        } else if (property.matches()) {
            auxiliary.put(Integer.parseInt(property.group(1)), value);
        } else if (key.equals("Number of particles")) {
            atoms = whole(value, key, Integer.MAX_VALUE);
        } else if (key.equals("entry_count")) {
            entries = whole(value, key, MAX_COLUMNS);
        } else if (key.equals("A")) {
            scale = finite(value, key);
        }
    }

    private void takeAtom(List<String> words) {
        boolean standard = entries < 0;
        if (!standard && words.size() == 1) {
            Double number = Numbers.real(words.getFirst());
            if (number == null) {
                symbol = words.getFirst();
            } else {
                mass = finite(words.getFirst(), "the mass");
            }
            return;
        }
        int skip = standard ? 2 : 0;
        int width = standard ? 8 : entries;
        if (words.size() != width) {
            throw wanted(width + " columns for an atom", words.size() + " columns");
        }
        String element = standard ? words.get(1) : symbol;
        double weight = standard ? finite(words.getFirst(), "the mass") : mass;
        if (element == null || Double.isNaN(weight)) {
            throw wanted("a line with the mass and one with the symbol before the first atom", words.getFirst());
        }
        if (Elements.atomicNumber(element) == 0) {
            throw wanted("a chemical symbol", element);
        }
        double[] row = new double[2 + width - skip];
        row[0] = Elements.atomicNumber(element);
        row[1] = weight;
        for (int k = skip; k < width; k++) {
            row[2 + k - skip] = finite(words.get(k), "this atom");
        }
        rows.add(row);
    }

    private Structure structure(ReadOptions options) {
        int first = velocities || entries < 0 ? 8 : 5;
        if (atoms < 1 || rows.size() != atoms) {
            throw new DataException(file + ": want 'Number of particles' to be the atoms in the file, got " + atoms
                    + " and " + rows.size() + " atoms");
        }
        if (rows.getFirst().length < first) {
            throw new DataException(file + ": want an entry_count of at least " + (first - 2) + ", got " + entries);
        }
        double[] strain = matrices.getOrDefault("eta", new double[9]);
        if (Arrays.stream(strain).anyMatch(x -> x != 0)) {
            throw new DataException(file + ": want no strain eta, got " + Arrays.toString(strain));
        }
        int[] atomicNumbers = rows.stream().mapToInt(row -> (int) row[0]).toArray();
        double[] fractional =
                rows.stream().flatMapToDouble(row -> Arrays.stream(row, 2, 5)).toArray();
        Cell cell = cell();

        Map<String, double[]> atomColumns = new LinkedHashMap<>();
        atomColumns.put("mass", column(1));
        if (first == 8) {
            atomColumns.put("velocities", columns(5, 6, 7));
        }
        int[] force = new int[3];
        for (int k = 0; first + k < rows.getFirst().length; k++) {
            String name = auxiliary.getOrDefault(k, "auxiliary" + k);
            int axis = List.of("fx", "fy", "fz").indexOf(name);
            if (axis >= 0) {
                force[axis] = first + k;
            }
            atomColumns.put(name, column(first + k));
        }
        if (force[0] > 0 && force[1] > 0 && force[2] > 0) {
            atomColumns.keySet().removeAll(List.of("fx", "fy", "fz"));
            atomColumns.put("forces", columns(force));
        }
        Features nodes = options.nodeFeatures();
        if (nodes != null && nodes.columnIndex() != null) {
            atomColumns.putAll(ColumnTable.columns(hydragnnRows(first), nodes, atoms, file.toString()));
        }
        return new Labels(options)
                .structure(
                        atomicNumbers,
                        cell.cartesian(fractional),
                        cell.rows(),
                        new boolean[] {true, true, true},
                        atomColumns,
                        SideFile.columns(file, ".bulk", "bulk", options, atoms),
                        file.toString());
    }

    private Cell cell() {
        double[] h = matrices.getOrDefault("H0", new double[9]);
        double[] transform = matrices.getOrDefault("Transform", new double[9]);
        double[] lattice = new double[9];
        for (int i = 0; i < 9; i++) {
            for (int k = 0; k < 3; k++) {
                lattice[i] += scale * h[i - i % 3 + k] * transform[3 * k + i % 3];
            }
        }
        try {
            return new Cell(lattice);
        } catch (IllegalArgumentException e) {
            throw new DataException(file + ", H0: " + e.getMessage(), e);
        }
    }

    /// Protons, mass and auxiliary properties of each atom.
    private List<double[]> hydragnnRows(int first) {
        return rows.stream()
                .map(row -> {
                    double[] table = new double[2 + row.length - first];
                    System.arraycopy(row, 0, table, 0, 2);
                    System.arraycopy(row, first, table, 2, row.length - first);
                    return table;
                })
                .toList();
    }

    private double[] column(int c) {
        return rows.stream().mapToDouble(row -> row[c]).toArray();
    }

    private double[] columns(int... c) {
        return rows.stream()
                .flatMapToDouble(row -> Arrays.stream(c).mapToDouble(k -> row[k]))
                .toArray();
    }

    private double finite(String word, String what) {
        Double number = Numbers.real(word);
        if (number == null) {
            throw wanted("a number for " + what, word);
        }
        Labels.requireFinite(number, what, where);
        return number;
    }

    private int whole(String word, String key, int most) {
        Integer number = Numbers.whole(word);
        if (number == null || number < 1 || number > most) {
            throw wanted("a count for " + key, word);
        }
        return number;
    }

    private DataException wanted(String want, String got) {
        return new DataException(where + ": want " + want + ", got " + Numbers.shown(got));
    }
}
