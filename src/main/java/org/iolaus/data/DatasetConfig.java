package org.iolaus.data;

import java.util.List;
import java.util.Map;
import org.iolaus.data.read.Format;
import org.jspecify.annotations.Nullable;

/// Where the frames come from and which of their columns matter: `Dataset` of a configuration.
///
/// @param path raw input by role: either `total`, or `train`, `validate` and `test`; a file or a folder each
/// @param nodeFeatures columns per atom, `atomic_number` and `forces` included
/// @param graphFeatures values per frame, `energy` included
/// @param graphAttributes per-frame inputs for conditioning
/// @param compositionalStratifiedSplitting whether each split gets its share of every composition
/// @param split how `total` is divided; null: by `Training.perc_train`
/// @param shards folder of HDF5 shards that `convert` writes and `train` reads
/// @param verifyChecksums whether each dataset's CRC is checked when it is first read
/// @param energyKey name of the energy in the raw file; null: the usual ones; likewise for the forces
public record DatasetConfig(
        String name,
        @Nullable Format format,
        Map<String, String> path,
        Features nodeFeatures,
        Features graphFeatures,
        Features graphAttributes,
        boolean compositionalStratifiedSplitting,
        Units units,
        @Nullable Split split,
        String shards,
        boolean verifyChecksums,
        @Nullable String energyKey,
        @Nullable String forcesKey) {

    /// Named columns.
    ///
    /// @param dim width of each
    /// @param columnIndex first column of each where columns have no names (LSMS, CFG); null: one after another
    public record Features(
            List<String> name, List<Integer> dim, @Nullable List<Integer> columnIndex) {}

    /// Units of the raw files, under the names that [org.iolaus.atoms.Units] knows.
    ///
    /// @param force null: energy per length
    /// @param stress null: energy per cubed length
    public record Units(
            String energy,
            String length,
            @Nullable String force,
            @Nullable String stress) {
        public Units {
            org.iolaus.atoms.Units.energy(energy);
            org.iolaus.atoms.Units.length(length);
            if (force != null) {
                org.iolaus.atoms.Units.force(force);
            }
            if (stress != null) {
                org.iolaus.atoms.Units.stress(stress);
            }
        }
    }

    /// Division of a dataset into training, validation and test frames by exactly one of three rules.
    ///
    /// @param counts frames of each
    /// @param fractions share of each, summing to one
    /// @param indices by role (`train`, `validate`, `test`) a text file with one zero-based frame number per line
    /// @param seed of the shuffle before counting
    public record Split(
            @Nullable List<Integer> counts,
            @Nullable List<Double> fractions,
            @Nullable Map<String, String> indices,
            long seed) {}
}
