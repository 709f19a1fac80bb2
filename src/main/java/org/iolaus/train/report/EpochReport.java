package org.iolaus.train.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// What is said of an epoch: a row of `metrics.csv`, a line of `metrics.jsonl` and a line for the user.
///
/// @param globalStep steps since the run began
/// @param learningRate of the epoch's last step
/// @param best whether the model is the best so far
/// @param phases seconds of training by what was done, such as `data` or `all_reduce`
/// @param seconds of the whole epoch
public record EpochReport(
        int epoch,
        long globalStep,
        double learningRate,
        Metrics training,
        Metrics validation,
        boolean best,
        Map<String, Double> phases,
        double seconds,
        double edgesPerSecond) {

    /// Names of the numbers of [#row].
    public static List<String> columns(Metrics metrics) {
        List<String> columns = new ArrayList<>(List.of("epoch", "step", "learning_rate", "train_loss"));
        metrics.tasks().forEach(task -> columns.add("train_" + key(task)));
        columns.add("validation_loss");
        metrics.tasks().forEach(task -> columns.add("validation_" + key(task)));
        metrics.quantities().forEach(quantity -> columns.add("validation_mae_" + key(quantity.name())));
        columns.addAll(List.of("seconds", "seconds_waiting_for_data"));
        return columns;
    }

    private static String key(String name) {
        return name.replace(' ', '_');
    }

    public double[] row() {
        List<Double> row = new ArrayList<>(List.of((double) epoch, (double) globalStep, learningRate));
        for (Metrics metrics : List.of(training, validation)) {
            row.add(metrics.loss());
            for (int task = 0; task < metrics.tasks().size(); task++) {
                row.add(metrics.taskLoss(task));
            }
        }
        for (int q = 0; q < validation.quantities().size(); q++) {
            row.add(validation.errors(q).mae());
        }
        row.addAll(List.of(seconds, phases.getOrDefault("data", 0.0)));
        return row.stream().mapToDouble(Double::doubleValue).toArray();
    }

    public JsonLine line() {
        JsonLine line = new JsonLine()
                .put("epoch", epoch)
                .put("step", globalStep)
                .put("learning_rate", learningRate)
                .put("train_loss", training.loss())
                .put("validation_loss", validation.loss());
        for (int q = 0; q < validation.quantities().size(); q++) {
            line.put(
                    "validation_mae_" + key(validation.quantities().get(q).name()),
                    validation.errors(q).mae());
        }
        phases.forEach((phase, value) -> line.put("seconds_" + phase, value));
        return line.put("seconds", seconds).put("edges_per_second", edgesPerSecond);
    }

    public String summary() {
        StringBuilder errors = new StringBuilder();
        for (int q = 0; q < validation.quantities().size(); q++) {
            Metrics.Quantity quantity = validation.quantities().get(q);
            double mae = validation.errors(q).mae();
            errors.append(String.format(Locale.ROOT, ", %s MAE %.4g %s", quantity.name(), mae, quantity.unit()));
        }
        return String.format(
                Locale.ROOT,
                "epoch %d: train loss %.4g, validation loss %.4g%s, lr %.3g, %.1f s%s",
                epoch,
                training.loss(),
                validation.loss(),
                errors,
                learningRate,
                seconds,
                best ? " *" : "");
    }
}
