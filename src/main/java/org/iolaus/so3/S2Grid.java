package org.iolaus.so3;

import java.util.List;
import org.iolaus.so3.SphericalHarmonics.Normalization;

/// A grid on the sphere with the matrices between coefficients and values on it.
///
/// Points are `(sin b sin a, cos b, sin b cos a)` with `b` at the middles of equal steps over `[0, pi]` and `a` at
/// equal steps from 0 over the circle; the quadrature over `b` is that of Driscoll and Healy (1994). Values are
/// scaled as in EquiformerV2: a coefficient of degree `l` enters a value with `sqrt(4 pi / ((2 l + 1) (lmax + 1)))`
/// times the orthonormal harmonic, and the matrix back has the inverse factors.
///
/// With `mmax < lmax` **both** matrices also carry `sqrt((2 l + 1) / (2 mmax + 1))` for `l > mmax`, so going to the
/// grid and back multiplies such degrees by `(2 l + 1) / (2 mmax + 1)`; for others, and with `mmax = lmax`, it is the
/// identity to rounding if the grid is fine enough: at least `2 (lmax + 1)` by `2 mmax + 1` points.
///
/// @param betas polar angles, (B), rad
/// @param alphas azimuths, (A), rad
/// @param to values from coefficients, (B, A, R) row-major; R counts the reduced coefficients
/// @param from coefficients from values, (B, A, R) row-major: coefficient r is the sum over the grid of
///     `value * from[b, a, r]`
/// @param orders m of each reduced coefficient, (R)
/// @param polarTo factors of `to` that belong to polar angles, (B, R) row-major: `to[b, a, r]` is `polarTo[b, r]`
///     times `cos(m alpha)`, or `sin(|m| alpha)` for m < 0
/// @param polarFrom likewise of `from`
@SuppressWarnings("ArrayRecordComponent")
public record S2Grid(
        double[] betas,
        double[] alphas,
        double[] to,
        double[] from,
        int[] orders,
        double[] polarTo,
        double[] polarFrom) {

    /// The paper's default: `2 (lmax + 1)` polar angles and `2 mmax + 1` azimuths, two more if `mmax = lmax`.
    public static S2Grid of(int lmax, int mmax) {
        return of(lmax, mmax, 2 * (lmax + 1), mmax == lmax ? 2 * mmax + 3 : 2 * mmax + 1);
    }

    /// A square grid.
    ///
    /// @param resolution polar angles and azimuths, even
    public static S2Grid of(int lmax, int mmax, int resolution) {
        return of(lmax, mmax, resolution, resolution);
    }

    /// A grid with two numbers of points.
    ///
    /// @param polar number of polar angles, even
    public static S2Grid of(int lmax, int mmax, int polar, int azimuths) {
        if (polar < 2 || polar % 2 != 0 || azimuths < 1) {
            throw new IllegalArgumentException(
                    "grid: want an even number of polar angles and some azimuths, got " + polar + " by " + azimuths);
        }
        double[] betas = new double[polar];
        for (int i = 0; i < polar; i++) {
            betas[i] = Math.PI * (i + 0.5) / polar;
        }
        double[] alphas = new double[azimuths];
        for (int j = 0; j < azimuths; j++) {
            alphas[j] = 2 * Math.PI * j / azimuths;
        }
        CoefficientMapping mapping = CoefficientMapping.of(lmax, mmax);
        List<CoefficientMapping.Coefficient> reduced = mapping.reduced();
        double[] weights = quadrature(polar);
        double[] to = new double[polar * azimuths * reduced.size()];
        double[] from = new double[to.length];
        int[] orders =
                reduced.stream().mapToInt(CoefficientMapping.Coefficient::m).toArray();
        double[] polarTo = new double[polar * orders.length];
        double[] polarFrom = new double[polarTo.length];
        int at = 0;
        for (int i = 0; i < polar; i++) {
            double y = Math.cos(betas[i]);
            double radius = Math.sin(betas[i]);
            double[] meridian = SphericalHarmonics.at(lmax, Normalization.INTEGRAL, 0, y, radius);
            for (int r = 0; r < orders.length; r++) {
                int l = reduced.get(r).l();
                // on the meridian every cosine is 1, and sines have the cosines' factors
                double value = meridian[l * l + l + Math.abs(orders[r])]
                        * Math.sqrt(4 * Math.PI)
                        * mapping.rescale(reduced.get(r));
                double scale = Math.sqrt((2 * l + 1) * (lmax + 1));
                polarTo[i * orders.length + r] = value / scale;
                polarFrom[i * orders.length + r] = value * scale * weights[i] / (2 * azimuths);
            }
            for (double alpha : alphas) {
                double[] harmonics = SphericalHarmonics.at(
                        lmax, Normalization.INTEGRAL, radius * Math.sin(alpha), y, radius * Math.cos(alpha));
                for (CoefficientMapping.Coefficient c : reduced) {
                    double value =
                            harmonics[c.l() * c.l() + c.l() + c.m()] * Math.sqrt(4 * Math.PI) * mapping.rescale(c);
                    double scale = Math.sqrt((2 * c.l() + 1) * (lmax + 1));
                    to[at] = value / scale;
                    from[at] = value * scale * weights[i] / (2 * azimuths);
                    at++;
                }
            }
        }
        return new S2Grid(betas, alphas, to, from, orders, polarTo, polarFrom);
    }

    /// Number of grid points, B A.
    public int points() {
        return betas.length * alphas.length;
    }

    /// Weights over the polar angles.
    private static double[] quadrature(int polar) {
        int half = polar / 2;
        double[] weights = new double[polar];
        for (int i = 0; i < polar; i++) {
            double angle = Math.PI * (2 * i + 1) / (4 * half);
            double sum = 0;
            for (int k = 0; k < half; k++) {
                sum += Math.sin((2 * k + 1) * angle) / (2 * k + 1);
            }
            weights[i] = 2.0 / half * Math.sin(angle) * sum;
        }
        return weights;
    }
}
