package org.iolaus.convert;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.Arrays;
import org.iolaus.data.Statistics;

/// Collects mean, standard deviation and range of each component of many vectors, in parts that can be put together.
/// Sums of squares are about the running mean (Chan, Golub, LeVeque 1979): energies of -10^5 eV that differ by 0.01
/// eV keep their spread.
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

    /// With all that another one has seen.
    SpreadSum plus(SpreadSum other) {
        if (other.count == 0) {
            return this;
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
        return this;
    }

    long count() {
        return count;
    }

    /// All of it NaN if there was nothing.
    Statistics.Spread spread() {
        if (count == 0) {
            double[] none = new double[mean.length];
            Arrays.fill(none, Double.NaN);
            return new Statistics.Spread(none, none, none, none);
        }
        double[] std = new double[mean.length];
        for (int i = 0; i < std.length; i++) {
            std[i] = Math.sqrt(squares[i] / count);
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

    void write(DataOutputStream out) throws IOException {
        out.writeLong(count);
        out.writeInt(mean.length);
        for (double[] part : new double[][] {mean, squares, min, max}) {
            for (double value : part) {
                out.writeDouble(value);
            }
        }
    }

    static SpreadSum read(DataInputStream in) throws IOException {
        long count = in.readLong();
        SpreadSum sum = new SpreadSum(in.readInt());
        sum.count = count;
        for (double[] part : new double[][] {sum.mean, sum.squares, sum.min, sum.max}) {
            for (int i = 0; i < part.length; i++) {
                part[i] = in.readDouble();
            }
        }
        return sum;
    }
}
