package org.iolaus.so3;

/// Real spherical harmonics of degrees 0 .. lmax, polar axis `y`.
public final class SphericalHarmonics {

    /// What the squares of one degree add up to.
    public enum Normalization {
        /// orthonormal on the sphere: `(2 l + 1) / (4 pi)`
        INTEGRAL,
        /// `2 l + 1`
        COMPONENT,
        /// 1
        NORM
    }

    private SphericalHarmonics() {}

    /// The harmonics at the direction of a vector: (lmax + 1)^2, index `l^2 + l + m`. Polynomials of the unit vector,
    /// so the poles are no exception; errors are a few units in the last place.
    ///
    /// @throws IllegalArgumentException for the zero vector
    public static double[] at(int lmax, Normalization normalization, double x, double y, double z) {
        double length = Math.sqrt(x * x + y * y + z * z);
        if (!(length > 0)) {
            throw new IllegalArgumentException(
                    "spherical harmonics: want a direction, got a vector of length " + length);
        }
        double cosine = y / length;
        double[] result = new double[(lmax + 1) * (lmax + 1)];
        double diagonal = 1; // of the associated Legendre functions over sin^m: (2m - 1)!!
        double real = 1; // sin^m cos(m a), sin^m sin(m a)
        double imaginary = 0;
        for (int m = 0; m <= lmax; m++) {
            double before = 0;
            double legendre = diagonal;
            for (int l = m; l <= lmax; l++) {
                if (l > m) {
                    double next = ((2 * l - 1) * cosine * legendre - (l + m - 1) * before) / (l - m);
                    before = legendre;
                    legendre = next;
                }
                double factor = factor(l, m, normalization) * legendre;
                result[l * l + l + m] = factor * real;
                if (m > 0) {
                    result[l * l + l - m] = factor * imaginary;
                }
            }
            diagonal *= 2 * m + 1;
            double turned = (real * z - imaginary * x) / length;
            imaginary = (real * x + imaginary * z) / length;
            real = turned;
        }
        return result;
    }

    private static double factor(int l, int m, Normalization normalization) {
        double ratio = m == 0 ? 1 : 2; // 2 (l - m)! / (l + m)!
        for (int i = l - m + 1; i <= l + m; i++) {
            ratio /= i;
        }
        return switch (normalization) {
            case INTEGRAL -> Math.sqrt(ratio * (2 * l + 1) / (4 * Math.PI));
            case COMPONENT -> Math.sqrt(ratio * (2 * l + 1));
            case NORM -> Math.sqrt(ratio);
        };
    }
}
