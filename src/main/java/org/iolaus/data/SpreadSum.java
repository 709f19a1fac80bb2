package org.iolaus.data;

import java.util.Arrays;

/// Collects mean, standard deviation and range of each component of many vectors, in parts that can be put together.
/// Sums of squares are about the running mean (Chan, Golub, LeVeque 1979): energies of -10^5 eV that differ by 0.01 eV
/// keep their spread.
final class SpreadSum {
    private long count;
    private final double[] mean;
    private final double[] squares;
    private final double[] min;
    private final double[] max;

    SpreadSum(int width) {
        mean = new double[width];
        squares = new double[width];
        min = new double[width];
        max = new double[width];
        Arrays.fill(min, Double.POSITIVE_INFINITY);
        Arrays.fill(max, Double.NEGATIVE_INFINITY);
    }

    /// Adds the vector at `values[at ..]`.
    void add(double[] values, int at) {
        count++;
        for (int i = 0; i < mean.length; i++) {
            double x = values[at + i];
            double delta = x - mean[i];
            mean[i] += delta / count;
            squares[i] += delta * (x - mean[i]);
            min[i] = Math.min(min[i], x);
            max[i] = Math.max(max[i], x);
        }
    }

    /// Adds all that another one has seen.
    void add(SpreadSum other) {
        if (other.count == 0) {
            return;
        }
        long total = count + other.count;
        for (int i = 0; i < mean.length; i++) {
            double delta = other.mean[i] - mean[i];
            mean[i] += delta * other.count / total;
            squares[i] += other.squares[i] + delta * delta * count * other.count / total;
            min[i] = Math.min(min[i], other.min[i]);
            max[i] = Math.max(max[i], other.max[i]);
        }
        count = total;
    }

    Statistics.Spread spread() {
        double[] std = new double[mean.length];
        for (int i = 0; i < std.length; i++) {
            std[i] = count == 0 ? 0 : Math.sqrt(squares[i] / count);
        }
        return new Statistics.Spread(mean.clone(), std, min.clone(), max.clone());
    }

    /// Root mean square over all components.
    double rms() {
        double sum = 0;
        for (int i = 0; i < mean.length; i++) {
            sum += mean[i] * mean[i] + squares[i] / count;
        }
        return Math.sqrt(sum / mean.length);
    }

    double[] toArray() {
        double[] all = new double[1 + 4 * mean.length];
        all[0] = count;
        double[][] parts = {mean, squares, min, max};
        for (int p = 0; p < 4; p++) {
            System.arraycopy(parts[p], 0, all, 1 + p * mean.length, mean.length);
        }
        return all;
    }

    static SpreadSum of(double[] all) {
        SpreadSum sum = new SpreadSum((all.length - 1) / 4);
        sum.count = (long) all[0];
        double[][] parts = {sum.mean, sum.squares, sum.min, sum.max};
        for (int p = 0; p < 4; p++) {
            System.arraycopy(all, 1 + p * sum.mean.length, parts[p], 0, sum.mean.length);
        }
        return sum;
    }
}
