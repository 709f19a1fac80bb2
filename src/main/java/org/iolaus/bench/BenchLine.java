package org.iolaus.bench;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import org.iolaus.run.BuildInfo;
import org.iolaus.train.report.JsonLine;

/// How lines of measurements begin, and the figures that many of them have.
public final class BenchLine {
    private BenchLine() {}

    /// What was measured, when, on what, with which build and by which command line.
    ///
    /// @param command what the user typed
    /// @param device name of what the numbers are about
    public static JsonLine begin(String what, String command, String device) {
        return new JsonLine()
                .put("bench", what)
                .put("by", "iolaus " + BuildInfo.version())
                .put("commit", BuildInfo.commit())
                .put("date", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString())
                .put("device", device)
                .put("command", command);
    }

    /// `device` where programs run on the host: its processor, if it says, and the threads that are used.
    public static String host(int threads) {
        return "CPU, " + Runtime.getRuntime().availableProcessors() + " cores, " + threads
                + (threads == 1 ? " thread" : " threads");
    }

    /// Median and tenth and ninetieth percentile, between the nearest values in proportion.
    public record Spread(double median, double p10, double p90) {
        public static Spread of(double... values) {
            if (values.length == 0) {
                throw new IllegalArgumentException("Spread: want at least one value, got none");
            }
            double[] sorted = values.clone();
            Arrays.sort(sorted);
            return new Spread(quantile(sorted, 0.5), quantile(sorted, 0.1), quantile(sorted, 0.9));
        }

        private static double quantile(double[] sorted, double share) {
            double at = share * (sorted.length - 1);
            int below = (int) at;
            int above = Math.min(below + 1, sorted.length - 1);
            return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
        }

        /// Adds `name`, `name_p10` and `name_p90`.
        public JsonLine addTo(JsonLine line, String name) {
            return line.put(name, rounded(median))
                    .put(name + "_p10", rounded(p10))
                    .put(name + "_p90", rounded(p90));
        }
    }

    /// To five digits: more would be noise.
    public static double rounded(double value) {
        return Double.isFinite(value) && value != 0
                ? new java.math.BigDecimal(value)
                        .round(new java.math.MathContext(5))
                        .doubleValue()
                : value;
    }
}
