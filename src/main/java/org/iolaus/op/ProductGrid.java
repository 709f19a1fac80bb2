package org.iolaus.op;

import java.util.Arrays;
import org.iolaus.tensor.ShapeException;

/// A grid of rings on the sphere, B rings of A points at equal steps, with matrices between R coefficients
/// and values on it that are products: a factor for each ring, and on it the cosine or sine of an order.
///
/// The value of coefficient r at point j of ring b is `polar[b, r] * wave(orders[r], 2 pi j / A)` with
/// `wave(m, a) = cos(m a)` for `m >= 0` and `sin(-m a)` below. A function of a coefficient vector on the
/// grid so costs R multiply-adds for each ring and `2 M + 1` for each point (M: largest order), where the
/// full matrix takes R for each point.
///
/// Two grids are equal if all their numbers are.
public final class ProductGrid {

    /// Which of the two matrices.
    public enum Matrix {
        /// `T`: values from coefficients
        TO,
        /// `F`: coefficients from values; the quadrature is part of it
        FROM
    }

    private final int rings;
    private final int azimuths;
    private final int[] orders;
    private final int largestOrder;
    private final double[] to;
    private final double[] from;
    /// (A, 2 M + 1)
    private final double[] waves;

    private final int hash;

    /// A grid.
    ///
    /// @param azimuths A
    /// @param orders (R): order of each coefficient, with its sign
    /// @param to (B, R) row-major: factors of `T`
    /// @param from (B, R) row-major: factors of `F`
    /// @throws ShapeException if the sizes do not fit
    public ProductGrid(int azimuths, int[] orders, double[] to, double[] from) {
        this.azimuths = azimuths;
        this.orders = orders.clone();
        this.to = to.clone();
        this.from = from.clone();
        if (azimuths < 1
                || orders.length == 0
                || to.length == 0
                || to.length % orders.length != 0
                || from.length != to.length) {
            throw new ShapeException("ProductGrid: want azimuths, coefficients and two factors for each ring and"
                    + " coefficient, got " + azimuths + ", " + orders.length + ", " + to.length + " and "
                    + from.length);
        }
        this.rings = to.length / orders.length;
        this.largestOrder = Arrays.stream(orders).map(Math::abs).max().orElse(0);
        this.waves = new double[azimuths * waves()];
        for (int i = 0; i < waves.length; i++) {
            int wave = i % waves();
            // reduced first, so that equal angles give equal numbers
            int step = (wave + 1) / 2 * (i / waves()) % azimuths;
            double angle = 2 * Math.PI * step / azimuths;
            waves[i] = wave % 2 == 1 || wave == 0 ? Math.cos(angle) : Math.sin(angle);
        }
        this.hash = ((azimuths * 31 + Arrays.hashCode(orders)) * 31 + Arrays.hashCode(to)) * 31 + Arrays.hashCode(from);
    }

    /// B.
    public int rings() {
        return rings;
    }

    /// A: points of each ring.
    public int azimuths() {
        return azimuths;
    }

    /// P: points of all rings.
    public int points() {
        return rings * azimuths;
    }

    /// R.
    public int coefficients() {
        return orders.length;
    }

    /// M.
    public int largestOrder() {
        return largestOrder;
    }

    /// Waves that a ring's values are made of: `2 M + 1`.
    public int waves() {
        return 2 * largestOrder + 1;
    }

    /// The wave of a coefficient: 0 for m = 0, `2 m - 1` for cosines, `2 m` for sines.
    public int wave(int coefficient) {
        int m = orders[coefficient];
        return m > 0 ? 2 * m - 1 : -2 * m;
    }

    /// The factor of a ring and a coefficient.
    public double polar(Matrix matrix, int ring, int coefficient) {
        return (matrix == Matrix.TO ? to : from)[ring * orders.length + coefficient];
    }

    /// A wave's value at a point of any ring.
    public double waveAt(int wave, int azimuth) {
        return waves[azimuth * waves() + wave];
    }

    @Override
    public boolean equals(Object other) {
        return this == other
                || (other instanceof ProductGrid that
                        && hash == that.hash
                        && azimuths == that.azimuths
                        && Arrays.equals(orders, that.orders)
                        && Arrays.equals(to, that.to)
                        && Arrays.equals(from, that.from));
    }

    @Override
    public int hashCode() {
        return hash;
    }

    @Override
    public String toString() {
        return rings + " rings of " + azimuths + " points, " + orders.length + " coefficients, orders to "
                + largestOrder;
    }
}
