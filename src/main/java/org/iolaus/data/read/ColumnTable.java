package org.iolaus.data.read;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.iolaus.data.DataException;
import org.iolaus.data.DatasetConfig.Features;
import org.jspecify.annotations.Nullable;

/// Names columns of a table of numbers as a configuration wants them.
///
/// As in HydraGNN, a name that contains `_scaled_num_nodes` asks for the value divided by the number of atoms.
final class ColumnTable {
    private static final String PER_ATOM = "_scaled_num_nodes";

    private ColumnTable() {}

    /// The wanted columns of a table, `(rows, dim)` each.
    ///
    /// @param rows of equal length
    /// @param atoms number of atoms in the frame
    /// @throws DataException if the table has too few columns
    static Map<String, double[]> columns(List<double[]> rows, Features features, int atoms, String where) {
        int width = rows.isEmpty() ? 0 : rows.getFirst().length;
        Map<String, double[]> columns = new LinkedHashMap<>();
        int next = 0;
        for (int f = 0; f < features.name().size(); f++) {
            String name = features.name().get(f);
            int dim = features.dim().get(f);
            int first = features.columnIndex() == null
                    ? next
                    : features.columnIndex().get(f);
            next = first + dim;
            if (first < 0 || dim < 1 || next > width) {
                throw new DataException(where + ": want column " + (next - 1) + " for " + name + ", got " + width
                        + " columns, counted from 0");
            }
            double[] values = new double[rows.size() * dim];
            double scale = name.contains(PER_ATOM) ? 1.0 / atoms : 1;
            for (int r = 0; r < rows.size(); r++) {
                for (int k = 0; k < dim; k++) {
                    values[r * dim + k] = scale * rows.get(r)[first + k];
                }
            }
            columns.put(name, values);
        }
        return columns;
    }

    /// The numbers of a line.
    ///
    /// @throws DataException if there is anything else
    static double[] numbers(String line, String where) {
        return Numbers.words(line).stream()
                .mapToDouble(word -> {
                    Double number = Numbers.real(word);
                    if (number == null) {
                        throw new DataException(where + ": want a number, got " + Numbers.shown(word));
                    }
                    return number;
                })
                .toArray();
    }

    /// The features, or others where none are configured.
    static Features orElse(@Nullable Features features, List<String> names, Integer... columnIndex) {
        if (features != null && !features.name().isEmpty()) {
            return features;
        }
        return new Features(names, names.stream().map(n -> 1).toList(), Arrays.asList(columnIndex));
    }
}
