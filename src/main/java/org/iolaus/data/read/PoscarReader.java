package org.iolaus.data.read;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.iolaus.atoms.Cell;
import org.iolaus.atoms.Elements;
import org.iolaus.atoms.Structure;
import org.iolaus.data.DataException;

/// Reads VASP's POSCAR and CONTCAR with the symbols of the elements (VASP 5 and later): one periodic frame without
/// labels per file. Selective dynamics and velocities are passed over.
final class PoscarReader {
    private static final double MAX_ATOMS = 1e8;

    private final Path file;
    private final LineSource lines;
    private String line = "";

    private PoscarReader(Path file, LineSource lines) {
        this.file = file;
        this.lines = lines;
    }

    static boolean isStart(FileStart start) {
        return start.isNumbers(1, 1)
                && start.isNumbers(2, 3)
                && start.isNumbers(3, 3)
                && start.isNumbers(4, 3)
                && start.lines().size() > 6
                && start.isNumbers(6, 1);
    }

    static Structure read(Path file, ReadOptions options) {
        try (LineSource lines = new LineSource(file)) {
            return new PoscarReader(file, lines).read(options);
        }
    }

    private Structure read(ReadOptions options) {
        next("a comment");
        double scale = numbers("the scale of the lattice", 1)[0];
        double[] cell = new double[9];
        for (int row = 0; row < 3; row++) {
            System.arraycopy(numbers("a lattice vector", 3), 0, cell, 3 * row, 3);
        }
        double factor = scale < 0 ? Math.cbrt(-scale / new Cell(cell).volume()) : scale; // below 0 it is the volume
        Arrays.setAll(cell, i -> cell[i] * factor);
        List<Integer> elements = new ArrayList<>();
        for (String symbol : Numbers.words(next("the symbols of the elements"))) {
            elements.add(Elements.atomicNumber(symbol.replaceFirst("[_/].*", ""))); // a potential's name may follow
        }
        if (elements.contains(0)) {
            throw refused("the symbols of elements");
        }
        double[] counts = numbers("a number of atoms for each element", elements.size());
        int[] atomicNumbers = IntStream.range(0, elements.size())
                .flatMap(kind -> IntStream.generate(() -> elements.get(kind)).limit(count(counts[kind])))
                .toArray();
        String mode = next("Direct or Cartesian").strip();
        if (mode.matches("(?i)s.*")) {
            mode = next("Direct or Cartesian").strip();
        }
        boolean cartesian = mode.matches("(?i)[ck].*");
        double[] positions = new double[3 * atomicNumbers.length];
        for (int atom = 0; atom < atomicNumbers.length; atom++) {
            double[] row = numbers("a position", 3);
            for (int k = 0; k < 3; k++) {
                positions[3 * atom + k] =
                        cartesian ? factor * row[k] : row[0] * cell[k] + row[1] * cell[3 + k] + row[2] * cell[6 + k];
            }
        }
        return new Labels(options).structure(atomicNumbers, positions, cell, null, Map.of(), Map.of(), file.toString());
    }

    private long count(double number) {
        if (!(number >= 1 && number == Math.rint(number) && number < MAX_ATOMS)) {
            throw refused("a number of atoms for each element");
        }
        return (long) number;
    }

    private String next(String wanted) {
        String read = lines.next();
        line = read == null ? "the end of the file" : read;
        if (read == null) {
            throw refused(wanted);
        }
        return read;
    }

    /// The first numbers of the next line; words or more numbers may follow.
    private double[] numbers(String wanted, int count) {
        String what = wanted + " (" + count + (count == 1 ? " number)" : " numbers)");
        double[] values = Numbers.words(next(what)).stream()
                .limit(count)
                .map(Numbers::real)
                .mapToDouble(number -> number == null ? Double.NaN : number)
                .toArray();
        if (values.length < count || !Arrays.stream(values).allMatch(Double::isFinite)) {
            throw refused(what);
        }
        return values;
    }

    private DataException refused(String wanted) {
        return new DataException(
                file + ", line " + lines.lineNumber() + ": want " + wanted + ", got " + Numbers.shown(line.strip()));
    }
}
