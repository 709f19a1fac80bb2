package org.iolaus.run;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.iolaus.data.Split;
import org.iolaus.train.loop.Evaluator;
import org.iolaus.train.report.Metrics;
import org.iolaus.train.report.Plots;

/// Collects this rank's predictions, split by split, and draws them against the truth.
public final class ParityPlots {
    private final List<Metrics.Quantity> quantities;
    private final List<Map<String, Points>> points = new ArrayList<>();

    private static final class Points {
        private final List<double[]> target = new ArrayList<>();
        private final List<double[]> predicted = new ArrayList<>();

        Plots.Pairs joined() {
            return new Plots.Pairs(join(target), join(predicted));
        }

        private static double[] join(List<double[]> parts) {
            return parts.stream().flatMapToDouble(Arrays::stream).toArray();
        }
    }

    public ParityPlots(List<Metrics.Quantity> quantities) {
        this.quantities = quantities;
        quantities.forEach(quantity -> points.add(new LinkedHashMap<>()));
    }

    public Evaluator.Watcher of(Split split) {
        String name = split.toString().toLowerCase(Locale.ROOT);
        return (quantity, predicted, target) -> {
            Points list = points.get(quantity).computeIfAbsent(name, key -> new Points());
            list.target.add(target);
            list.predicted.add(predicted);
        };
    }

    /// Draws a picture per quantity.
    public void draw(Path folder) {
        Plots plots = new Plots(folder);
        for (int quantity = 0; quantity < points.size(); quantity++) {
            Map<String, Plots.Pairs> splits = new LinkedHashMap<>();
            points.get(quantity).forEach((split, list) -> splits.put(split, list.joined()));
            plots.parity(
                    "parity_" + quantities.get(quantity).name().replace(' ', '_'), quantities.get(quantity), splits);
        }
    }
}
