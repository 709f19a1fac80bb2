package org.iolaus.atoms;

import java.text.Normalizer;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/// Factors from the units that data come in to eV, Å, eV/Å and eV/Å³ (CODATA 2022).
///
/// Names are read without regard to case, `Å`, `A` and `Ang` are one name, and `^3` is `³`. A leading minus turns
/// the sign around: VASP's list of stresses, where compression is positive, is `-kbar` here.
public final class Units {
    /// eV per hartree.
    public static final double HARTREE = 27.211386245981;
    /// Å per bohr.
    public static final double BOHR = 0.529177210544;
    /// eV per kcal/mol (thermochemical calorie; exact in the SI).
    public static final double KCAL_PER_MOL = 4184 / (6.02214076e23 * 1.602176634e-19);
    /// eV/K; exact in the SI.
    public static final double BOLTZMANN = 1.380649e-23 / 1.602176634e-19;

    private static final double GIGAPASCAL = 1 / 160.2176634;
    private static final Map<String, Double> ENERGY = energyUnits();
    private static final Map<String, Double> LENGTH = lengthUnits();
    private static final Map<String, Double> PRESSURE = pressureUnits();

    private Units() {}

    /// eV per `name`.
    ///
    /// @throws IllegalArgumentException naming the known units, if this is none of them
    public static double energy(String name) {
        return find("energy", name, ENERGY);
    }

    /// Å per `name`.
    public static double length(String name) {
        return find("length", name, LENGTH);
    }

    /// eV/Å per `name`, which is an energy, a slash and a length: `kcal/mol/Å`.
    public static double force(String name) {
        int slash = name.lastIndexOf('/');
        if (slash < 0) {
            throw new IllegalArgumentException(
                    "unit of force: want ENERGY/LENGTH such as eV/Å, kcal/mol/Å or Ha/bohr, got " + name);
        }
        return energy(name.substring(0, slash)) / length(name.substring(slash + 1));
    }

    /// eV/Å³ per `name`, a pressure (`GPa`, `kbar`) or an energy over a cubed length (`eV/Å^3`).
    public static double stress(String name) {
        int slash = name.lastIndexOf('/');
        String volume = slash < 0 ? "" : name.substring(slash + 1).strip();
        if (volume.endsWith("^3") || volume.endsWith("³") || volume.endsWith("3")) {
            double length = length(volume.replaceAll("(\\^3|³|3)$", ""));
            return energy(name.substring(0, slash)) / (length * length * length);
        }
        return find("stress", name, PRESSURE);
    }

    private static double find(String quantity, String name, Map<String, Double> units) {
        String key = Normalizer.normalize(name.strip(), Normalizer.Form.NFC).toLowerCase(Locale.ROOT);
        double sign = key.startsWith("-") ? -1 : 1;
        Double factor = units.get(sign < 0 ? key.substring(1) : key);
        if (factor == null) {
            throw new IllegalArgumentException(
                    "unit of " + quantity + ": want one of " + String.join(", ", units.keySet()) + ", got " + name);
        }
        return sign * factor;
    }

    private static Map<String, Double> energyUnits() {
        Map<String, Double> units = new LinkedHashMap<>();
        units.put("ev", 1.0);
        units.put("mev", 1e-3);
        units.put("kev", 1e3);
        put(units, HARTREE, "hartree", "ha", "eh", "au", "a.u.");
        units.put("mha", 1e-3 * HARTREE);
        put(units, HARTREE / 2, "rydberg", "ry");
        put(units, KCAL_PER_MOL, "kcal/mol", "kcal mol^-1");
        put(units, KCAL_PER_MOL / 4.184, "kj/mol", "kj mol^-1");
        return units;
    }

    private static Map<String, Double> lengthUnits() {
        Map<String, Double> units = new LinkedHashMap<>();
        put(units, 1.0, "å", "a", "ang", "angstrom", "ångström");
        put(units, BOHR, "bohr", "au", "a.u.", "a0");
        units.put("nm", 10.0);
        units.put("pm", 1e-2);
        return units;
    }

    private static Map<String, Double> pressureUnits() {
        Map<String, Double> units = new LinkedHashMap<>();
        units.put("ev/å^3", 1.0);
        units.put("gpa", GIGAPASCAL);
        units.put("kbar", 0.1 * GIGAPASCAL);
        units.put("bar", 1e-4 * GIGAPASCAL);
        units.put("mpa", 1e-3 * GIGAPASCAL);
        units.put("pa", 1e-9 * GIGAPASCAL);
        units.put("atm", 1.01325e-4 * GIGAPASCAL);
        return units;
    }

    private static void put(Map<String, Double> units, double factor, String... names) {
        for (String name : names) {
            units.put(name, factor);
        }
    }
}
