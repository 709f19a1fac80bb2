package org.iolaus.data;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/// What the training frames of a set look like.
///
/// @param elements atomic numbers that occur, ascending
/// @param elementAtoms atoms of each of them
/// @param elementEnergy eV, each element's share of the total energies by least squares (the smallest solution where
///     compositions do not determine them); zeros without energies
/// @param energyPerAtomMean eV, total energy less the elements' shares, per atom, over frames; NaN without energies
/// @param energyPerAtomStd its standard deviation, likewise
/// @param forceRms eV/Å, root mean square of all components; NaN without forces
/// @param degree histogram of the number of neighbours per atom (`pna_deg`): `degree[k]` atoms have k
/// @param columns of each dataset of the shards (`graphs/energy`, `atoms/columns/charge`) the spread of
///     each component
@SuppressWarnings("ArrayRecordComponent")
public record Statistics(
        int graphs,
        long atoms,
        long edges,
        int[] elements,
        long[] elementAtoms,
        double[] elementEnergy,
        double energyPerAtomMean,
        double energyPerAtomStd,
        double forceRms,
        long[] degree,
        Map<String, Spread> columns) {

    /// Of no frames.
    public static final Statistics NONE = new Statistics(
            0, 0, 0, new int[0], new long[0], new double[0], Double.NaN, Double.NaN, Double.NaN, new long[0], Map.of());

    /// Mean, standard deviation (of the population) and range of each component of a column.
    @SuppressWarnings("ArrayRecordComponent")
    public record Spread(double[] mean, double[] std, double[] min, double[] max) {}

    /// Mean number of neighbours per atom.
    public double averageNeighbours() {
        return atoms == 0 ? 0 : (double) edges / atoms;
    }

    /// The sum of the elements' energies of one frame, eV.
    ///
    /// @param atomicNumbers those of its atoms
    public double referenceEnergy(int[] atomicNumbers) {
        double[] byNumber = elementEnergies();
        double sum = 0;
        for (int number : atomicNumbers) {
            sum += byNumber[number];
        }
        return sum;
    }

    /// Each element's energy, eV, by atomic number; zero for elements that do not occur.
    public double[] elementEnergies() {
        double[] byNumber = new double[Byte.MAX_VALUE];
        for (int e = 0; e < elements.length; e++) {
            byNumber[elements[e]] = elementEnergy[e];
        }
        return byNumber;
    }

    void write(Hdf5Writer out, String group) {
        out.ints(group + "/elements", elements)
                .longs(group + "/element_atoms", elementAtoms)
                .doubles(group + "/element_energy", elementEnergy)
                .longs(group + "/pna_deg", degree);
        out.attribute(group, "graphs", graphs)
                .attribute(group, "atoms", atoms)
                .attribute(group, "edges", edges)
                .attribute(group, "energy_per_atom_mean", energyPerAtomMean)
                .attribute(group, "energy_per_atom_std", energyPerAtomStd)
                .attribute(group, "force_rms", forceRms);
        List<Spread> spreads = List.copyOf(columns.values());
        out.strings(group + "/columns/name", List.copyOf(columns.keySet()))
                .ints(
                        group + "/columns/width",
                        spreads.stream().mapToInt(s -> s.mean.length).toArray())
                .doubles(group + "/columns/mean", joined(spreads, Spread::mean))
                .doubles(group + "/columns/std", joined(spreads, Spread::std))
                .doubles(group + "/columns/min", joined(spreads, Spread::min))
                .doubles(group + "/columns/max", joined(spreads, Spread::max));
    }

    private static double[] joined(List<Spread> spreads, Function<Spread, double[]> field) {
        return spreads.stream().map(field).flatMapToDouble(Arrays::stream).toArray();
    }

    static Statistics read(Hdf5File file, String group) {
        List<String> names = file.strings(group + "/columns/name");
        int[] widths = file.ints(group + "/columns/width");
        double[] mean = file.doubles(group + "/columns/mean");
        double[] std = file.doubles(group + "/columns/std");
        double[] min = file.doubles(group + "/columns/min");
        double[] max = file.doubles(group + "/columns/max");
        Map<String, Spread> columns = new LinkedHashMap<>();
        int at = 0;
        for (int c = 0; c < widths.length; c++) {
            int to = at + widths[c];
            columns.put(
                    names.get(c),
                    new Spread(
                            Arrays.copyOfRange(mean, at, to),
                            Arrays.copyOfRange(std, at, to),
                            Arrays.copyOfRange(min, at, to),
                            Arrays.copyOfRange(max, at, to)));
            at = to;
        }
        return new Statistics(
                (int) file.longAttribute(group, "graphs"),
                file.longAttribute(group, "atoms"),
                file.longAttribute(group, "edges"),
                file.ints(group + "/elements"),
                file.longs(group + "/element_atoms"),
                file.doubles(group + "/element_energy"),
                file.doubleAttribute(group, "energy_per_atom_mean"),
                file.doubleAttribute(group, "energy_per_atom_std"),
                file.doubleAttribute(group, "force_rms"),
                file.longs(group + "/pna_deg"),
                columns);
    }
}
