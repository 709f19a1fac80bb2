package org.iolaus.convert;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.iolaus.atoms.Elements;
import org.iolaus.atoms.Structure;
import org.iolaus.data.DataException;
import org.jspecify.annotations.Nullable;

/// Refuses frames that cannot be trained on.
///
/// @param periodic null: as each frame says; true: every frame must be periodic; false: none is taken as such
public record FrameCheck(Required required, @Nullable Boolean periodic) {
    /// What every frame must have.
    ///
    /// @param quantities out of `energy`, `forces` and `stress`
    /// @param atomColumns widths of columns per atom; likewise `graphColumns`
    public record Required(
            Set<String> quantities, Map<String, Integer> atomColumns, Map<String, Integer> graphColumns) {
        /// Nothing in particular.
        public static final Required NONE = new Required(Set.of(), Map.of(), Map.of());
    }

    /// The frame as it is to be stored.
    Structure check(Structure frame) {
        String where = frame.source();
        int atoms = frame.atoms();
        for (int z : frame.atomicNumbers()) {
            if (!Elements.isAtomicNumber(z)) {
                throw new DataException(where + ", atomic number: want 1 to 118, got " + z);
            }
        }
        requireFinite(where, "positions", frame.positions(), 3 * atoms);
        requireFinite(where, "cell", frame.cell(), 9);
        Double energy = frame.energy();
        requireFinite(where, "energy", energy == null ? null : new double[] {energy}, 1);
        requireFinite(where, "forces", frame.forces(), 3 * atoms);
        requireFinite(where, "stress", frame.stress(), 9);
        requirePresent(where, "energy", energy);
        requirePresent(where, "forces", frame.forces());
        requirePresent(where, "stress", frame.stress());
        Map<String, double[]> atomColumns = usable(where, frame.atomColumns(), atoms, required.atomColumns);
        Map<String, double[]> graphColumns = usable(where, frame.graphColumns(), 1, required.graphColumns);
        return new Structure(
                frame.atomicNumbers(),
                frame.positions(),
                frame.cell(),
                directions(frame),
                energy,
                frame.forces(),
                frame.stress(),
                atomColumns,
                graphColumns,
                where);
    }

    private boolean[] directions(Structure frame) {
        boolean[] given = frame.periodic();
        if (periodic == null) {
            return given;
        }
        if (!periodic) {
            return new boolean[3];
        }
        if (!given[0] && !given[1] && !given[2]) {
            throw new DataException(frame.source() + ": want a periodic frame, as periodic_boundary_conditions says, "
                    + "got one without periodic directions");
        }
        return given;
    }

    /// A required column must be there and finite; another one that is not finite counts as absent.
    private static Map<String, double[]> usable(
            String where, Map<String, double[]> columns, int rows, Map<String, Integer> required) {
        required.forEach((name, width) -> {
            if (!columns.containsKey(name)) {
                throw new DataException(where + ", " + name + ": want the column that the configuration names, got "
                        + "none (there are: " + String.join(", ", columns.keySet()) + ")");
            }
            requireFinite(where, name, columns.get(name), width * rows);
        });
        Map<String, double[]> usable = new LinkedHashMap<>();
        columns.forEach((name, values) -> {
            boolean fits = values.length > 0 && values.length % rows == 0 && !name.contains("/");
            if (fits && Arrays.stream(values).allMatch(Double::isFinite)) {
                usable.put(name, values);
            }
        });
        return usable;
    }

    private void requirePresent(String where, String quantity, @Nullable Object value) {
        if (value == null && required.quantities.contains(quantity)) {
            throw new DataException(where + ", " + quantity + ": want it in every frame, got none");
        }
    }

    private static void requireFinite(String where, String quantity, double @Nullable [] values, int length) {
        if (values == null) {
            return;
        }
        if (values.length != length) {
            throw new DataException(where + ", " + quantity + ": want " + length + " numbers, got " + values.length);
        }
        for (int i = 0; i < length; i++) {
            if (!Double.isFinite(values[i])) {
                throw new DataException(where + ", " + quantity + (length == 1 ? "" : ", number " + i)
                        + ": want a finite number, got " + values[i]);
            }
        }
    }
}
