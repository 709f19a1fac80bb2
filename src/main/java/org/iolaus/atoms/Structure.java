package org.iolaus.atoms;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/// One frame of a dataset: atoms in a box (or in free space) with what is known about them.
///
/// Units: Å, eV, eV/Å, eV/Å³. Arrays are row-major and owned by the record; callers do not change them.
///
/// @param atomicNumbers `(N)`, 1..118
/// @param positions `(N, 3)` Å
/// @param cell `(3, 3)` lattice vectors as rows, Å; null without a box
/// @param periodic for each of the three lattice vectors
/// @param energy total energy, eV; null if unknown
/// @param forces `(N, 3)` eV/Å; null if unknown
/// @param stress `(3, 3)` eV/Å³, ASE's sign; null if unknown
/// @param atomColumns further per-atom columns by name, each `(N, width)`
/// @param graphColumns further per-frame values by name
/// @param source where the frame came from, for messages: `ethanol.xyz, frame 3, line 28`
@SuppressWarnings("ArrayRecordComponent")
public record Structure(
        int[] atomicNumbers,
        double[] positions,
        double @Nullable [] cell,
        boolean[] periodic,
        @Nullable Double energy,
        double @Nullable [] forces,
        double @Nullable [] stress,
        Map<String, double[]> atomColumns,
        Map<String, double[]> graphColumns,
        String source) {

    public int atoms() {
        return atomicNumbers.length;
    }
}
