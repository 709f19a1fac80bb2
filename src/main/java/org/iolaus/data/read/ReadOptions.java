package org.iolaus.data.read;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.iolaus.atoms.Units;
import org.iolaus.data.DataException;
import org.iolaus.data.DatasetConfig;
import org.iolaus.data.DatasetConfig.Features;
import org.jspecify.annotations.Nullable;

/// How raw files are to be read.
///
/// @param format null: told from the content and the name
/// @param units what one unit of the file is in ours
/// @param keys names in the file of `energy`, `forces`, `stress` and `virial`, where the usual ones are not meant
/// @param nodeFeatures columns of LSMS and CFG rows; null: the usual ones
/// @param graphFeatures columns of the per-frame line of LSMS, `.bulk` and `_energy.txt`; null: the usual ones
public record ReadOptions(
        @Nullable Format format,
        Factors units,
        Map<String, String> keys,
        @Nullable Features nodeFeatures,
        @Nullable Features graphFeatures) {
    /// Everything told from the files, units eV and Å.
    public static final ReadOptions DEFAULT = new ReadOptions(null, Factors.OURS, Map.of(), null, null);

    /// Factors from the units of a file to ours.
    ///
    /// @param energy eV
    /// @param length Å
    /// @param forces eV/Å
    /// @param stress eV/Å³
    public record Factors(double energy, double length, double forces, double stress) {
        static final Factors OURS = new Factors(1, 1, 1, 1);
    }

    /// What a configuration says about its raw files.
    ///
    /// @throws DataException if a unit is not known
    public static ReadOptions of(DatasetConfig config) {
        Map<String, String> keys = new LinkedHashMap<>();
        putIfPresent(keys, "energy", config.energyKey());
        putIfPresent(keys, "forces", config.forcesKey());
        Map<String, String> units = new LinkedHashMap<>();
        putIfPresent(units, "energy", config.units().energy());
        putIfPresent(units, "length", config.units().length());
        putIfPresent(units, "forces", config.units().force());
        putIfPresent(units, "stress", config.units().stress());
        return new ReadOptions(
                config.format(), factors("Dataset.units", units), keys, config.nodeFeatures(), config.graphFeatures());
    }

    public ReadOptions withFormat(Format other) {
        return new ReadOptions(other, units, keys, nodeFeatures, graphFeatures);
    }

    /// The same with units such as `energy=kcal/mol,forces=kcal/mol/Å`, out of `energy`, `length`, `forces` and
    /// `stress`. Energy and length are eV and Å unless given; forces and stress follow from them unless given.
    ///
    /// @throws DataException if the text or a unit in it is not understood
    public ReadOptions withUnits(String text) {
        Map<String, String> pairs = pairs("units", text, "energy", "length", "forces", "stress");
        return new ReadOptions(format, factors("units", pairs), keys, nodeFeatures, graphFeatures);
    }

    /// The same with names such as `energy=E_dft,forces=F_dft`, out of `energy`, `forces`, `stress` and `virial`.
    ///
    /// @throws DataException if the text is not understood
    public ReadOptions withKeys(String text) {
        return new ReadOptions(
                format,
                units,
                pairs("keys", text, "energy", "forces", "stress", "virial"),
                nodeFeatures,
                graphFeatures);
    }

    private static Factors factors(String where, Map<String, String> names) {
        double energy = factor(where, names.get("energy"), Units::energy, 1);
        double length = factor(where, names.get("length"), Units::length, 1);
        double forces = factor(where, names.get("forces"), Units::force, energy / length);
        double stress = factor(where, names.get("stress"), Units::stress, energy / (length * length * length));
        return new Factors(energy, length, forces, stress);
    }

    private static double factor(
            String where, @Nullable String name, ToDoubleFunction<String> units, double otherwise) {
        try {
            return name == null ? otherwise : units.applyAsDouble(name);
        } catch (IllegalArgumentException e) {
            throw new DataException(where + ": " + e.getMessage(), e);
        }
    }

    private static Map<String, String> pairs(String where, String text, String... known) {
        Map<String, String> pairs = new LinkedHashMap<>();
        for (String pair : text.split(",", -1)) {
            int equals = pair.indexOf('=');
            String key = equals < 0 ? "" : pair.substring(0, equals).strip();
            if (!List.of(known).contains(key) || equals == pair.length() - 1) {
                throw new DataException(where + ": want NAME=VALUE,... with names out of " + String.join(", ", known)
                        + ", got " + Numbers.shown(pair));
            }
            pairs.put(key, pair.substring(equals + 1).strip());
        }
        return pairs;
    }

    private static void putIfPresent(Map<String, String> map, String key, @Nullable String value) {
        if (value != null) {
            map.put(key, value);
        }
    }
}
