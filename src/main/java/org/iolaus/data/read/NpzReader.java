package org.iolaus.data.read;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.iolaus.atoms.Elements;
import org.iolaus.atoms.Structure;
import org.iolaus.data.DataException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Reads NumPy's `.npz`: arrays over all frames under the names of rMD17 or the usual short ones.
///
/// Positions are `(n, N, 3)`, or `(N, 3)` for a single frame; atomic numbers `(N)` or `(n, N)`, where a trailing 0
/// fills up a shorter frame. Other numeric arrays that begin with n hold values per frame, or per atom if `(n, N,
/// ...)`; `(N, ...)` holds values per atom that are the same in each frame. rMD17's `old_*` are the noisy values of
/// the original MD17 and are never read.
final class NpzReader extends LazyReader {
    /// One array.
    ///
    /// @param size values per frame
    /// @param widthPerAtom values per atom, or 0 if it does not run over atoms
    /// @param sameForAll the values if they are the same for all frames; null if each frame has its own
    @SuppressWarnings("ArrayRecordComponent")
    private record Column(NpyStream array, int size, int widthPerAtom, double @Nullable [] sameForAll) {
        double[] next() {
            return sameForAll == null ? array.next(size) : sameForAll;
        }
    }

    private static final int MAX_VALUES = Integer.MAX_VALUE / 16;
    private static final Logger LOG = LoggerFactory.getLogger(NpzReader.class);
    private static final List<String> POSITIONS =
            List.of("coords", "coordinates", "positions", "position", "pos", "r", "xyz");
    private static final List<String> NUMBERS =
            List.of("nuclear_charges", "atomic_numbers", "numbers", "z", "atomic_number", "charges");
    private static final List<String> CELLS = List.of("cell", "cells", "lattice", "lattices");

    private final Path file;
    private final Labels labels;
    private final ZipFile zip;
    private final Map<String, Column> columns = new LinkedHashMap<>();

    private final String positions;
    private final String numbers;
    private final @Nullable String cell;
    private final @Nullable String pbc;
    private final int frames;
    private final int atoms;
    private int frame;

    NpzReader(Path file, ReadOptions options) {
        this.file = file;
        this.labels = new Labels(options);
        this.zip = open(file);
        Map<String, NpyStream> arrays = new LinkedHashMap<>();
        try {
            openArrays(arrays);
            this.positions = required(arrays, "positions", POSITIONS);
            this.numbers = required(arrays, "atomic numbers", NUMBERS);
            this.cell = find(arrays, CELLS);
            this.pbc = find(arrays, List.of("pbc"));
            int[] shape = shapeOf(arrays, positions);
            boolean single = shape.length == 2;
            if ((!single && shape.length != 3) || shape[shape.length - 1] != 3 || shape[shape.length - 2] < 1) {
                throw wanted(positions, "shape (frames, atoms, 3)", Arrays.toString(shape));
            }
            this.frames = single ? 1 : shape[0];
            this.atoms = shape[shape.length - 2];
            if (frames < 1) {
                throw wanted(positions, "at least one frame", "none");
            }
            arrays.forEach((name, array) -> place(name, array, single));
            if (options.units().energy() == 1 && arrays.containsKey("nuclear_charges")) {
                LOG.warn("{}: rMD17 has kcal/mol, but these energies are taken as eV, as no unit is given", file);
            }
        } catch (RuntimeException e) {
            arrays.values().forEach(NpyStream::close);
            close();
            throw e;
        }
    }

    static boolean isStart(FileStart start) {
        return start.hasMagic("PK\u0003\u0004");
    }

    private static ZipFile open(Path file) {
        try {
            return new ZipFile(file.toFile());
        } catch (IOException | IllegalArgumentException e) {
            throw new DataException(file + ": want a whole .npz file, got: " + e.getMessage(), e);
        }
    }

    private void openArrays(Map<String, NpyStream> arrays) {
        List<String> skipped = new ArrayList<>();
        for (ZipEntry entry : zip.stream().toList()) {
            String name = entry.getName().replaceFirst("\\.npy$", "");
            if (name.startsWith("old_")) {
                continue;
            }
            NpyStream array = NpyStream.open(zip, entry, file + ", array " + name);
            if (array == null) {
                skipped.add(name);
            } else if (arrays.putIfAbsent(name, array) != null) {
                throw wanted(name, "one array of this name", "two");
            }
        }
        if (!skipped.isEmpty()) {
            LOG.debug("{}: {} hold no numbers and are left out", file, skipped);
        }
    }

    private String required(Map<String, NpyStream> arrays, String what, List<String> names) {
        String name = find(arrays, names);
        if (name == null) {
            throw new DataException(file + ": want " + what + " under one of " + String.join(", ", names)
                    + ", got only " + String.join(", ", arrays.keySet()));
        }
        return name;
    }

    private static @Nullable String find(Map<String, NpyStream> arrays, List<String> names) {
        return names.stream()
                .flatMap(name -> arrays.keySet().stream().filter(name::equalsIgnoreCase))
                .findFirst()
                .orElse(null);
    }

    private static int[] shapeOf(Map<String, NpyStream> arrays, String name) {
        NpyStream array = arrays.get(name);
        return array == null ? new int[0] : array.shape();
    }

    /// Decides whether an array runs over frames or is the same for all of them; one that is neither is left out.
    private void place(String name, NpyStream array, boolean single) {
        int[] shape = array.shape();
        boolean sameForAll = single || isSameForAll(name, shape);
        if (!sameForAll && (shape.length == 0 || shape[0] != frames)) {
            array.close();
            return;
        }
        int[] inFrame = sameForAll ? shape : Arrays.copyOfRange(shape, 1, shape.length);
        long size = 1;
        for (int d : inFrame) {
            size = Math.min(MAX_VALUES + 1L, size * d);
        }
        if (size > MAX_VALUES) {
            throw wanted(name, "at most " + MAX_VALUES + " values per frame", Arrays.toString(shape));
        }
        boolean perAtom = inFrame.length > 0 && inFrame[0] == atoms && !labels.isPerFrame(name);
        int width = perAtom ? (int) size / atoms : 0;
        columns.put(name, new Column(array, (int) size, width, sameForAll ? array.next((int) size) : null));
    }

    private boolean isSameForAll(String name, int[] shape) {
        int values = Arrays.stream(shape).reduce(1, (a, b) -> (int) Math.min(MAX_VALUES, (long) a * b));
        if (name.equals(cell)) {
            return values == 9;
        }
        if (name.equals(numbers) || name.equals(pbc)) {
            return shape.length < 2 && (name.equals(numbers) || values == 3 || values == 1);
        }
        return shape.length > 0 && shape[0] == atoms && shape[0] != frames;
    }

    @Override
    @Nullable
    Structure read() {
        if (frame == frames) {
            return null;
        }
        String source = file + ", frame " + frame++;
        Map<String, double[]> values = new LinkedHashMap<>();
        columns.forEach((name, column) -> values.put(name, column.next()));
        int[] atomicNumbers = atomicNumbers(take(values, numbers, source, atoms), source);
        int natoms = atomicNumbers.length;
        double[] coordinates = Arrays.copyOf(take(values, positions, source, 3 * atoms), 3 * natoms);
        for (double x : coordinates) {
            Labels.requireFinite(x, positions, source);
        }
        double[] lattice = cell == null ? null : take(values, cell, source, 9);
        boolean[] periodic = pbc == null ? null : periodic(take(values, pbc, source, 1, 3));

        Map<String, double[]> atomColumns = new LinkedHashMap<>();
        Map<String, double[]> graphColumns = new LinkedHashMap<>();
        columns.forEach((name, column) -> {
            double[] rest = values.get(name);
            if (rest != null && column.widthPerAtom() > 0) {
                atomColumns.put(name, Arrays.copyOf(rest, natoms * column.widthPerAtom()));
            } else if (rest != null && rest.length > 0) {
                graphColumns.put(name, rest);
            }
        });
        return labels.structure(atomicNumbers, coordinates, lattice, periodic, atomColumns, graphColumns, source);
    }

    private int[] atomicNumbers(double[] values, String source) {
        int natoms = atoms;
        while (natoms > 0 && values[natoms - 1] == 0) {
            natoms--;
        }
        if (natoms == 0) {
            throw wanted(source + ", " + numbers, "at least one atom", "only zeros");
        }
        int[] atomicNumbers = new int[natoms];
        for (int i = 0; i < natoms; i++) {
            atomicNumbers[i] = (int) values[i];
            if (atomicNumbers[i] != values[i] || !Elements.isAtomicNumber(atomicNumbers[i])) {
                throw wanted(source + ", atom " + i + " of " + numbers, "an atomic number 1..118", "" + values[i]);
            }
        }
        return atomicNumbers;
    }

    private static boolean[] periodic(double[] values) {
        boolean one = values.length == 1;
        return new boolean[] {values[0] != 0, values[one ? 0 : 1] != 0, values[one ? 0 : 2] != 0};
    }

    private double[] take(Map<String, double[]> values, String name, String source, int... lengths) {
        double[] taken = values.remove(name);
        if (taken == null || Arrays.stream(lengths).noneMatch(length -> length == taken.length)) {
            throw wanted(
                    source + ", " + name,
                    Arrays.toString(lengths) + " values per frame",
                    taken == null ? "an array of another shape" : "" + taken.length);
        }
        return taken;
    }

    private DataException wanted(String where, String want, String got) {
        String place = where.startsWith(file.toString()) ? where : file + ", array " + where;
        return new DataException(place + ": want " + want + ", got " + got);
    }

    @Override
    public void close() {
        columns.values().forEach(column -> column.array().close());
        try {
            zip.close();
        } catch (IOException e) {
            // the file was only read
        }
    }
}
