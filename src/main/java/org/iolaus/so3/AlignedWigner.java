package org.iolaus.so3;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The Wigner blocks of the smallest rotation that takes a direction to `+y`, as polynomials of the direction.
///
/// For a unit vector `n = (x, y, z)` with `y > -1`, `h = (1 + y) / 2` and `c_k + i s_k = (z + i x)^k`, every
/// entry of `D(R)` with `R n = (0, 1, 0)`, turned about `n` cross `+y`, is a sum of terms
/// `coefficient * factor * T_j(y)`, where a factor is `c_k / h^d` or `s_k / h^d` and `T_j` is a Chebyshev
/// polynomial. There are no angles and no square roots, so every derivative exists, at `n = +y` too; only
/// `n = -y`, where no smallest rotation is distinct, is singular.
///
/// It is Wigner's formula for small d with Jacobi polynomials (for example Varshalovich, Moskalev and Khersonskii
/// 1988, section 4.3.4), in which `sin^k` of the polar angle and the turns by the azimuth on both sides are taken
/// together. The entries are in the order of [Wigner#packed].
public final class AlignedWigner {
    private final int lmax;
    private final int mmax;
    private final Map<Factor, Integer> factors = new LinkedHashMap<>();
    private final List<Term> terms = new ArrayList<>();

    /// The real part (or imaginary part if `sine`) of `(z + i x)^power`, over `((1 + y) / 2)^division`.
    public record Factor(int power, boolean sine, int division) {}

    /// `coefficient * factor * T_chebyshev(y)` as a part of an entry.
    public record Term(int entry, int factor, int chebyshev, double coefficient) {}

    /// A function of `y` as values at the Chebyshev nodes.
    private interface Polynomial {
        double at(double y);
    }

    public AlignedWigner(int lmax, int mmax) {
        CoefficientMapping.of(lmax, mmax);
        this.lmax = lmax;
        this.mmax = mmax;
        for (int l = 0; l <= lmax; l++) {
            for (int m = 0; m <= Math.min(l, mmax); m++) {
                for (int n = 0; n <= l; n++) {
                    add(l, m, n);
                }
            }
        }
    }

    /// The four entries `(+-m, +-n)`, or fewer where m or n is 0.
    private void add(int l, int m, int n) {
        int degree = l - Math.max(m, n);
        int less = Math.min(m, n);
        int apart = Math.abs(m - n);
        // e[m, n] and e[m, -n] between harmonics exp(i m a) without signs
        double sign = m > n && apart % 2 == 1 ? -1 : 1;
        double same = sign * norm(l, degree, apart, m + n) * Math.pow(2, -apart);
        if (less == 0) {
            double[] series = series(y -> (m + n == 0 ? 1 : Math.sqrt(2)) * same * jacobi(degree, apart, apart, y));
            put(l, m, n, 1, m + n, false, 0, series);
            put(l, m, -n, n, n, true, 0, series);
            put(l, -m, n, m, m, true, 0, series);
            return;
        }
        double[] minus = series(y -> same * Math.pow((1 + y) / 2, less) * jacobi(degree, apart, m + n, y));
        put(l, m, n, 1, apart, false, 0, minus);
        put(l, m, -n, n - m, apart, true, 0, minus);
        put(l, -m, n, m - n, apart, true, 0, minus);
        put(l, -m, -n, 1, apart, false, 0, minus);
        double opposite = (m % 2 == 1 ? -1 : 1) * norm(l, degree, m + n, apart) * Math.pow(2, -m - n);
        double[] plus = series(y -> opposite * jacobi(degree, m + n, apart, y));
        put(l, m, n, 1, m + n, false, less, plus);
        put(l, m, -n, 1, m + n, true, less, plus);
        put(l, -m, n, 1, m + n, true, less, plus);
        put(l, -m, -n, -1, m + n, false, less, plus);
    }

    /// @param sign only its sign counts; 0 means that there is no such entry
    private void put(int l, int m, int n, int sign, int power, boolean sine, int division, double[] series) {
        if (sign == 0) {
            return;
        }
        int factor = factors.computeIfAbsent(new Factor(power, sine, division), key -> factors.size());
        int entry = Wigner.packedIndex(l, m, n, mmax);
        for (int j = 0; j < series.length; j++) {
            if (Math.abs(series[j]) > 1e-15) {
                terms.add(new Term(entry, factor, j, Integer.signum(sign) * series[j]));
            }
        }
    }

    /// Coefficients of the Chebyshev series of a polynomial of degree lmax.
    private double[] series(Polynomial polynomial) {
        int count = lmax + 1;
        double[] series = new double[count];
        for (int node = 0; node < count; node++) {
            double angle = Math.PI * (node + 0.5) / count;
            double value = polynomial.at(Math.cos(angle));
            for (int j = 0; j < count; j++) {
                series[j] += (j == 0 ? 1.0 : 2.0) / count * value * Math.cos(j * angle);
            }
        }
        return series;
    }

    /// `sqrt(C(2 l - k, k + a) / C(k + b, b))`
    private static double norm(int l, int k, int a, int b) {
        return Math.sqrt(binomial(2 * l - k, k + a) / binomial(k + b, b));
    }

    private static double binomial(int n, int k) {
        double result = 1;
        for (int i = 1; i <= k; i++) {
            result = result * (n - k + i) / i;
        }
        return result;
    }

    private static double jacobi(int degree, int a, int b, double y) {
        double before = 0;
        double value = 1;
        for (int n = 1; n <= degree; n++) {
            double next;
            if (n == 1) {
                next = a + 1 + (a + b + 2) * (y - 1) / 2;
            } else {
                double s = 2.0 * n + a + b;
                double first = (s - 1) * (s * (s - 2) * y + (double) a * a - (double) b * b) * value;
                double second = 2.0 * (n + a - 1) * (n + b - 1) * s * before;
                next = (first - second) / (2.0 * n * (n + a + b) * (s - 2));
            }
            before = value;
            value = next;
        }
        return value;
    }

    public int lmax() {
        return lmax;
    }

    public int mmax() {
        return mmax;
    }

    /// Number of entries, that of [Wigner#packed].
    public int size() {
        return Wigner.packedSize(lmax, mmax);
    }

    public List<Factor> factors() {
        return List.copyOf(factors.keySet());
    }

    public List<Term> terms() {
        return List.copyOf(terms);
    }

    /// The sign of column `n` of degree `l` under the half turn about `x`, `D(half turn)` being diagonal: with it,
    /// the block for a direction of the lower half sphere comes from that of the upper one: if `R'` aligns
    /// `(x, -y, -z)`, then `R'` after the half turn aligns `(x, y, z)`.
    public static int halfTurn(int l, int n) {
        return (l % 2 == 0) == (n >= 0) ? 1 : -1;
    }

    /// The entries at a unit vector.
    public double[] at(double x, double y, double z) {
        double[] real = new double[lmax + mmax + 1];
        double[] imaginary = new double[lmax + mmax + 1];
        real[0] = 1;
        for (int k = 1; k < real.length; k++) {
            real[k] = real[k - 1] * z - imaginary[k - 1] * x;
            imaginary[k] = real[k - 1] * x + imaginary[k - 1] * z;
        }
        double[] factor = factors.keySet().stream()
                .mapToDouble(f -> (f.sine() ? imaginary : real)[f.power()] / Math.pow((1 + y) / 2, f.division()))
                .toArray();
        double[] chebyshev = new double[lmax + 2];
        chebyshev[0] = 1;
        chebyshev[1] = y;
        for (int j = 2; j <= lmax; j++) {
            chebyshev[j] = 2 * y * chebyshev[j - 1] - chebyshev[j - 2];
        }
        double[] result = new double[size()];
        for (Term term : terms) {
            result[term.entry()] += term.coefficient() * factor[term.factor()] * chebyshev[term.chebyshev()];
        }
        return result;
    }
}
