package org.iolaus.train.report;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.iolaus.train.report.Metrics.Errors;
import org.iolaus.train.report.Metrics.Quantity;

/// The errors of each split beside those of the trivial predictor, as an aligned table of plain text.
public final class ErrorTable {
    private ErrorTable() {}

    /// The table, with a row for the loss and two for each quantity.
    ///
    /// @param splits name of each split (train, validation, test) and its metrics, in the order of the columns.
    ///     All have the same tasks and quantities. The trivial predictor is that of the last split with numbers.
    public static String of(Map<String, Metrics> splits) {
        List<Metrics> metrics = List.copyOf(splits.values());
        String reference = "";
        Metrics last = metrics.getFirst();
        for (Map.Entry<String, Metrics> split : splits.entrySet()) {
            if (split.getValue().sums()[0] > 0) {
                reference = split.getKey();
                last = split.getValue();
            }
        }
        List<List<String>> rows = new ArrayList<>();
        List<String> header = new ArrayList<>(List.of("", "", ""));
        header.addAll(splits.keySet());
        header.add("trivial " + reference);
        header.add("ratio");
        rows.add(header);
        rows.add(row("loss", "", "", metrics, Metrics::loss, Double.NaN, Double.NaN));
        for (int q = 0; q < last.quantities().size(); q++) {
            int quantity = q;
            Quantity name = last.quantities().get(q);
            Errors errors = last.errors(q);
            rows.add(row(
                    name.name(),
                    name.unit(),
                    "MAE",
                    metrics,
                    m -> m.errors(quantity).mae(),
                    errors.trivialMae(),
                    errors.mae() / errors.trivialMae()));
            rows.add(row(
                    "",
                    "",
                    "RMSE",
                    metrics,
                    m -> m.errors(quantity).rmse(),
                    errors.trivialRmse(),
                    errors.rmse() / errors.trivialRmse()));
        }
        return aligned(rows);
    }

    private static List<String> row(
            String name,
            String unit,
            String error,
            List<Metrics> splits,
            ToDoubleFunction<Metrics> value,
            double trivial,
            double ratio) {
        List<String> row = new ArrayList<>(List.of(name, unit, error));
        splits.forEach(split -> row.add(number(value.applyAsDouble(split))));
        row.add(number(trivial));
        row.add(number(ratio));
        return row;
    }

    /// Four significant digits; `-` for what was not measured.
    private static String number(double value) {
        return Double.isNaN(value) ? "-" : String.format(Locale.ROOT, "%.4g", value);
    }

    /// The first three columns to the left, numbers to the right, a rule below the header.
    private static String aligned(List<List<String>> rows) {
        int columns = rows.getFirst().size();
        int[] widths = new int[columns];
        for (List<String> row : rows) {
            for (int c = 0; c < columns; c++) {
                widths[c] = Math.max(widths[c], row.get(c).length());
            }
        }
        List<String> lines = new ArrayList<>();
        for (List<String> row : rows) {
            StringBuilder line = new StringBuilder();
            for (int c = 0; c < columns; c++) {
                String blanks = " ".repeat(widths[c] - row.get(c).length());
                line.append(c == 0 ? "" : "  ").append(c < 3 ? row.get(c) + blanks : blanks + row.get(c));
            }
            lines.add(line.toString().stripTrailing());
        }
        lines.add(1, "-".repeat(Arrays.stream(widths).sum() + 2 * (columns - 1)));
        return String.join("\n", lines) + "\n";
    }
}
