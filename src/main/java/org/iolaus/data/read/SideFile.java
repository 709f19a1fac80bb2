package org.iolaus.data.read;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.iolaus.data.DatasetConfig.Features;

/// The values per frame that HydraGNN keeps in the first line of a file beside the one with the atoms.
final class SideFile {
    private SideFile() {}

    /// The columns of `name + ending` beside `name.xyz`; none if there is no such file. They are what the
    /// configuration says, else all numbers under `otherwise`.
    static Map<String, double[]> columns(Path file, String ending, String otherwise, ReadOptions options, int atoms) {
        Path name = file.getFileName();
        Path side = file.resolveSibling((name == null ? "" : name.toString().replaceFirst("\\.[^.]*$", "")) + ending);
        if (!Files.isRegularFile(side)) {
            return Map.of();
        }
        try (LineSource lines = new LineSource(side)) {
            String first = lines.next();
            String where = side + ", line 1";
            double[] numbers = ColumnTable.numbers(first == null ? "" : first, where);
            Features features = options.graphFeatures();
            if (features == null || features.name().isEmpty()) {
                features = new Features(List.of(otherwise), List.of(Math.max(1, numbers.length)), List.of(0));
            }
            return ColumnTable.columns(List.of(numbers), features, atoms, where);
        }
    }
}
