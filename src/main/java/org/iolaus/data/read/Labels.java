package org.iolaus.data.read;

import java.util.Arrays;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.iolaus.atoms.Cell;
import org.iolaus.atoms.Structure;
import org.iolaus.data.DataException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Finds energy, forces and stress among the named columns of a file and makes a [Structure] of a frame.
///
/// Names are compared without regard to case, in the order of each [Quantity]: a name that says what made the value
/// (`REF_energy`, `dft_energy`) goes before a plain one, as those files keep something else under the plain name. A
/// choice between several is logged once per file. What is not chosen stays among the further columns, as it is in
/// the file.
final class Labels {
    /// A labelled quantity.
    enum Quantity {
        ENERGY,
        FORCES,
        STRESS,
        VIRIAL;

        String key() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /// The names that each quantity goes by, first choice first.
    private static final Map<Quantity, List<String>> NAMES = Map.of(
            Quantity.ENERGY,
            List.of(
                    "ref_energy",
                    "dft_energy",
                    "energy",
                    "energies",
                    "free_energy",
                    "total_energy",
                    "potential_energy",
                    "e"),
            Quantity.FORCES,
            List.of("ref_forces", "ref_force", "dft_forces", "dft_force", "forces", "force", "f"),
            Quantity.STRESS,
            List.of("ref_stress", "dft_stress", "stress"),
            Quantity.VIRIAL,
            List.of("ref_virial", "ref_virials", "dft_virial", "dft_virials", "virial", "virials"));

    private static final Logger LOG = LoggerFactory.getLogger(Labels.class);

    private final ReadOptions options;
    private final Set<String> noted = new HashSet<>();

    Labels(ReadOptions options) {
        this.options = options;
    }

    /// Whether a column of this name could be taken for a label.
    static boolean isLabel(String name) {
        String lower = name.toLowerCase(Locale.ROOT);
        return NAMES.values().stream().anyMatch(names -> names.contains(lower));
    }

    /// Whether a column of this name holds values per frame rather than per atom.
    boolean isPerFrame(String name) {
        return NAMES.entrySet().stream()
                .filter(entry -> entry.getKey() != Quantity.FORCES)
                .anyMatch(entry -> entry.getValue().contains(name.toLowerCase(Locale.ROOT))
                        || name.equals(options.keys().get(entry.getKey().key())));
    }

    /// The column that holds a quantity, or null if there is none.
    ///
    /// @param columns names in the file
    /// @param where for the message
    /// @throws DataException if the options name a column that is not there
    @Nullable
    String find(Quantity quantity, Collection<String> columns, String where) {
        String wanted = options.keys().get(quantity.key());
        if (wanted != null) {
            if (!columns.contains(wanted)) {
                throw new DataException(where + ": want " + quantity.key() + " under the name " + wanted + ", got only "
                        + String.join(", ", columns));
            }
            return wanted;
        }
        List<String> candidates = names(quantity).stream()
                .flatMap(name -> columns.stream().filter(name::equalsIgnoreCase))
                .toList();
        if (candidates.isEmpty()) {
            return null;
        }
        if (candidates.size() > 1 && noted.add(quantity + candidates.toString())) {
            LOG.info(
                    "{}: {} is taken from {}, not from {}",
                    where,
                    quantity.key(),
                    candidates.getFirst(),
                    String.join(", ", candidates.subList(1, candidates.size())));
        }
        return candidates.getFirst();
    }

    private static List<String> names(Quantity quantity) {
        return NAMES.getOrDefault(quantity, List.of());
    }

    /// A frame in our units out of a frame in the file's.
    ///
    /// @param positions `(N, 3)`, finite
    /// @param cell `(3, 3)`, finite; a cell of zeros is none
    /// @param periodic null: in all directions if there is a cell
    /// @param atomColumns values per atom, `(N, width)` each
    /// @param graphColumns values per frame
    /// @param source where the frame came from
    /// @throws DataException if a label has the wrong size or is not finite, or the cell is flat
    Structure structure(
            int[] atomicNumbers,
            double[] positions,
            double @Nullable [] cell,
            boolean @Nullable [] periodic,
            Map<String, double[]> atomColumns,
            Map<String, double[]> graphColumns,
            String source) {
        ReadOptions.Factors units = options.units();
        Map<String, double[]> atomRest = new LinkedHashMap<>(atomColumns);
        Map<String, double[]> graphRest = new LinkedHashMap<>(graphColumns);
        double[] box = cell == null || Arrays.stream(cell).allMatch(x -> x == 0) ? null : scaled(cell, units.length());
        boolean[] directions = periodic == null ? new boolean[] {box != null, box != null, box != null} : periodic;
        checkCell(box, directions, source);

        double[] energy = take(Quantity.ENERGY, graphRest, source, 1);
        double[] forces = take(Quantity.FORCES, atomRest, source, positions.length);
        double[] stress = take(Quantity.STRESS, graphRest, source, 6, 9);
        if (stress != null) {
            stress = scaled(full(stress), units.stress());
        } else if (box != null) {
            double[] virial = take(Quantity.VIRIAL, graphRest, source, 6, 9);
            stress = virial == null ? null : scaled(full(virial), -units.energy() / volume(box, source));
        }
        return new Structure(
                atomicNumbers,
                scaled(positions, units.length()),
                box,
                directions,
                energy == null ? null : energy[0] * units.energy(),
                forces == null ? null : scaled(forces, units.forces()),
                stress,
                atomRest,
                graphRest,
                source);
    }

    private double @Nullable [] take(Quantity quantity, Map<String, double[]> columns, String source, int... lengths) {
        String name = find(quantity, columns.keySet(), source);
        if (name == null) {
            return null;
        }
        double[] values = columns.getOrDefault(name, new double[0]);
        columns.remove(name);
        if (Arrays.stream(lengths).noneMatch(length -> length == values.length)) {
            throw new DataException(source + ": want " + Arrays.toString(lengths) + " numbers under " + name + ", got "
                    + values.length);
        }
        for (double x : values) {
            requireFinite(x, name, source);
        }
        return values;
    }

    static void requireFinite(double value, String name, String where) {
        if (!Double.isFinite(value)) {
            throw new DataException(where + ": want finite numbers under " + name + ", got " + value);
        }
    }

    private static void checkCell(double @Nullable [] cell, boolean[] periodic, String source) {
        boolean any = periodic[0] || periodic[1] || periodic[2];
        if (cell == null) {
            if (any) {
                throw new DataException(source + ": want a lattice for periodic directions, got none");
            }
            return;
        }
        for (double x : cell) {
            requireFinite(x, "the lattice", source);
        }
        try {
            Cell.completed(cell, periodic);
        } catch (IllegalArgumentException e) {
            throw new DataException(source + ": " + e.getMessage(), e);
        }
    }

    private static double volume(double[] cell, String source) {
        try {
            return new Cell(cell).volume();
        } catch (IllegalArgumentException e) {
            throw new DataException(source + ": virial: " + e.getMessage(), e);
        }
    }

    /// `(3, 3)` out of itself or out of Voigt's order xx, yy, zz, yz, xz, xy.
    private static double[] full(double[] s) {
        return s.length == 9 ? s : new double[] {s[0], s[5], s[4], s[5], s[1], s[3], s[4], s[3], s[2]};
    }

    private static double[] scaled(double[] values, double factor) {
        return factor == 1 ? values : Arrays.stream(values).map(x -> factor * x).toArray();
    }
}
