package org.iolaus.data.read;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.iolaus.atoms.Elements;
import org.iolaus.atoms.Structure;
import org.iolaus.data.DataException;
import org.iolaus.data.read.Labels.Quantity;
import org.jspecify.annotations.Nullable;

/// Reads extended XYZ, the format of ASE and libAtoms, plain or gzipped, and the plain XYZ that it extends.
///
/// A frame is a line with the number of atoms, a comment line and one line per atom. The comment's `Properties` say
/// which columns there are; without them the columns are symbol, x, y, z, and further numbers go under `extra`.
/// `Lattice` holds the lattice vectors one after another. Frames count from 0, lines from 1.
final class ExtXyzReader extends LazyReader {
    private static final String PLAIN = "species:S:1:pos:R:3";
    private static final List<String> SPECIES =
            List.of("species", "symbols", "symbol", "element", "Z", "numbers", "atomic_numbers");
    private static final List<String> POSITIONS = List.of("pos", "positions", "position");
    /// What shows that a comment line is meant to be read.
    private static final Pattern MEANT = Pattern.compile("(?i)(properties|lattice|pbc|energy)\\s*=");

    private static final int MAX_COLUMNS = 100_000;

    /// A group of columns.
    ///
    /// @param type S text, R real, I integer, L logical
    private record Property(String name, char type, int width) {}

    private final Path file;
    private final ReadOptions options;
    private final boolean sideFile;
    private final LineSource lines;
    private final Labels labels;
    private long frame = -1;

    /// Opens a file.
    ///
    /// @param sideFile whether values per frame are read from `name_energy.txt` too, as HydraGNN's `XYZ` has them
    ExtXyzReader(Path file, ReadOptions options, boolean sideFile) {
        this.file = file;
        this.options = options;
        this.sideFile = sideFile;
        this.lines = new LineSource(file);
        this.labels = new Labels(options);
    }

    static boolean isStart(FileStart start) {
        return start.lines().size() > 1
                && Numbers.whole(start.lines().getFirst().strip()) != null;
    }

    @Override
    public void close() {
        lines.close();
    }

    @Override
    int skipFrame() {
        int atoms = begin();
        if (atoms > 0 && !lines.skip(1)) {
            throw ended("a comment line");
        }
        if (!lines.skip(atoms)) {
            throw ended(atoms + " atoms");
        }
        return atoms;
    }

    /// Reads the first line of a frame.
    ///
    /// @return its number of atoms; 0 if there is no further frame
    private int begin() {
        String count = lines.next();
        while (count != null && count.isBlank()) {
            count = lines.next();
        }
        if (count == null) {
            if (frame < 0) {
                throw new DataException(file + ": want at least one frame, got an empty file");
            }
            return 0;
        }
        frame++;
        Integer atoms = Numbers.whole(count.strip());
        if (atoms == null || atoms < 1) {
            throw wanted("the number of atoms", count);
        }
        return atoms;
    }

    @Override
    @Nullable
    Structure read() {
        int atoms = begin();
        if (atoms == 0) {
            return null;
        }
        String comment = lines.next();
        if (comment == null) {
            throw ended("a comment line");
        }
        String source = where();
        Map<String, String> values = values(comment);
        List<Property> properties = properties(values.getOrDefault("Properties", PLAIN));
        double[] lattice = numbers("Lattice", values, 9);
        boolean[] periodic = periodic(values.get("pbc"));
        Map<String, double[]> graphColumns = graphColumns(values);
        if (sideFile) {
            graphColumns.putAll(SideFile.columns(file, "_energy.txt", "energy", options, atoms));
        }
        return rows(atoms, properties, !values.containsKey("Properties"), lattice, periodic, graphColumns, source);
    }

    private String where() {
        return file + ", frame " + frame + ", line " + lines.lineNumber();
    }

    /// The comment of plain XYZ may be any text; what does not parse then holds nothing.
    private Map<String, String> values(String comment) {
        try {
            return CommentLine.parse(comment, where());
        } catch (DataException e) {
            if (MEANT.matcher(comment).find()) {
                throw e;
            }
            return Map.of();
        }
    }

    private List<Property> properties(String text) {
        String[] parts = text.split(":", -1);
        List<Property> properties = new ArrayList<>();
        Set<String> names = new HashSet<>();
        int columns = 0;
        for (int i = 0; i + 2 < parts.length; i += 3) {
            Integer width = Numbers.whole(parts[i + 2]);
            boolean known = parts[i + 1].length() == 1 && "SRIL".contains(parts[i + 1]);
            if (!known || width == null || width < 1 || width > MAX_COLUMNS) {
                throw wanted(
                        "Properties of NAME:TYPE:WIDTH with a type out of S, R, I, L",
                        parts[i] + ":" + parts[i + 1] + ":" + parts[i + 2]);
            }
            if (!names.add(parts[i])) {
                throw wanted("each name in Properties once", parts[i]);
            }
            columns += width;
            properties.add(new Property(parts[i], parts[i + 1].charAt(0), width));
        }
        if (parts.length % 3 != 0 || columns > MAX_COLUMNS) {
            throw wanted("Properties of NAME:TYPE:WIDTH triples", text);
        }
        return properties;
    }

    private double @Nullable [] numbers(String key, Map<String, String> values, int length) {
        String value = values.get(key);
        if (value == null) {
            return null;
        }
        double[] numbers = CommentLine.numbers(value);
        if (numbers == null || numbers.length != length) {
            throw wanted(length + " numbers for " + key, value);
        }
        return numbers;
    }

    private boolean @Nullable [] periodic(@Nullable String value) {
        if (value == null) {
            return null;
        }
        List<String> words = Numbers.words(value.replaceAll("[\\[\\]{},]", " "));
        if (words.size() == 1 && words.getFirst().matches("[TF]{3}")) {
            words = List.of(words.getFirst().split(""));
        }
        Boolean[] truths = words.stream().map(Numbers::truth).toArray(Boolean[]::new);
        if ((truths.length != 3 && truths.length != 1) || Arrays.asList(truths).contains(null)) {
            throw wanted("pbc of three T or F", value);
        }
        boolean one = truths.length == 1;
        return new boolean[] {truths[0], truths[one ? 0 : 1], truths[one ? 0 : 2]};
    }

    private static Map<String, double[]> graphColumns(Map<String, String> values) {
        Map<String, double[]> columns = new LinkedHashMap<>();
        values.forEach((key, value) -> {
            double[] numbers = CommentLine.numbers(value);
            if (numbers != null && !key.equals("Lattice") && !key.equals("pbc") && !key.equals("Properties")) {
                columns.put(key, numbers);
            }
        });
        return columns;
    }

    private Structure rows(
            int atoms,
            List<Property> properties,
            boolean plain,
            double @Nullable [] lattice,
            boolean @Nullable [] periodic,
            Map<String, double[]> graphColumns,
            String source) {
        Property species = find(properties, "SI", 1, SPECIES);
        Property position = find(properties, "RI", 3, POSITIONS);
        List<String> names = properties.stream().map(Property::name).toList();
        String forces = labels.find(Quantity.FORCES, names, source);
        List<Values> table = new ArrayList<>();
        for (Property property : properties) {
            boolean finite = property.equals(position) || property.name().equals(forces);
            table.add(new Values(property, property.equals(species), finite));
        }
        int width = properties.stream().mapToInt(Property::width).sum();
        for (int i = 0; i < atoms; i++) {
            String line = lines.next();
            if (line == null) {
                throw ended("atom " + i + " of " + atoms);
            }
            List<String> words = Numbers.words(line);
            if (i == 0 && plain && words.size() > width) {
                table.add(new Values(new Property("extra", 'R', words.size() - width), false, false));
                width = words.size();
            }
            if (words.size() != width) {
                throw wanted(width + " columns for atom " + i + " of " + atoms, words.size() + " columns");
            }
            int column = 0;
            for (Values values : table) {
                values.take(words, column, i, atoms);
                column += values.property.width();
            }
        }
        Map<String, double[]> columns = new LinkedHashMap<>();
        int[] atomicNumbers = new int[0];
        double[] positions = new double[0];
        for (Values values : table) {
            double[] whole = Arrays.copyOf(values.numbers, atoms * values.property.width());
            if (values.symbols) {
                atomicNumbers = Arrays.stream(whole).mapToInt(z -> (int) z).toArray();
            } else if (values.property.equals(position)) {
                positions = whole;
            } else if (values.property.type() != 'S') {
                columns.put(values.property.name(), whole);
            }
        }
        return labels.structure(atomicNumbers, positions, lattice, periodic, columns, graphColumns, source);
    }

    /// The values of one property, `(atoms so far, width)`: a count of atoms may be wrong, so this grows with the
    /// lines that are there.
    private final class Values {
        private final Property property;
        private final boolean symbols;
        private final boolean finite;
        private double[] numbers = new double[0];

        /// Begins without values.
        ///
        /// @param symbols whether words are elements
        /// @param finite whether values must be finite
        Values(Property property, boolean symbols, boolean finite) {
            this.property = property;
            this.symbols = symbols;
            this.finite = finite;
        }

        void take(List<String> words, int column, int atom, int atoms) {
            if (property.type() == 'S' && !symbols) {
                return;
            }
            int width = property.width();
            if ((atom + 1L) * width > numbers.length) {
                long room = Math.min((long) atoms * width, Math.max(16L * width, 2L * numbers.length));
                if (room > Integer.MAX_VALUE / 2) {
                    throw wanted("a frame that fits into memory", atoms + " atoms of " + width + " " + property.name());
                }
                numbers = Arrays.copyOf(numbers, (int) room);
            }
            for (int k = 0; k < width; k++) {
                String word = words.get(column + k);
                numbers[atom * width + k] = symbols ? atomicNumber(word) : number(property, word, finite);
            }
        }
    }

    private Property find(List<Property> properties, String types, int width, List<String> names) {
        for (String name : names) {
            for (Property property : properties) {
                if (property.name().equals(name) && types.indexOf(property.type()) >= 0 && property.width() == width) {
                    return property;
                }
            }
        }
        throw wanted(
                names.getFirst() + " among the Properties",
                String.join(", ", properties.stream().map(Property::name).toList()));
    }

    private int atomicNumber(String word) {
        int z = Elements.atomicNumber(word);
        Integer number = z > 0 ? Integer.valueOf(z) : Numbers.whole(word);
        if (number == null || !Elements.isAtomicNumber(number)) {
            throw wanted("a chemical symbol or an atomic number", word);
        }
        return number;
    }

    private double number(Property property, String word, boolean finite) {
        Double number;
        if (property.type() == 'L') {
            Boolean truth = Numbers.truth(word);
            number = truth == null ? null : truth ? 1.0 : 0.0;
        } else {
            number = Numbers.real(word);
        }
        if (number == null) {
            throw wanted("a number under " + property.name(), word);
        }
        if (finite && !Double.isFinite(number)) {
            throw wanted("finite numbers under " + property.name(), word);
        }
        return number;
    }

    private DataException wanted(String want, String got) {
        return new DataException(where() + ": want " + want + ", got " + Numbers.shown(got));
    }

    private DataException ended(String want) {
        return new DataException(file + ", frame " + frame + ", line " + (lines.lineNumber() + 1) + ": want " + want
                + ", got the end of the file");
    }
}
