package org.iolaus.op;

import java.util.Arrays;

/// Derivatives of `silu(f) = f s`, `s = 1 / (1 + exp(-f))`, of any order: `s (a(s) + f b(s))` with
/// two polynomials.
///
/// From `s' = s - s^2`: derivative n is `n p + f q`, where p and q are derivatives n - 1 and n of `s`.
///
/// @param a coefficients of 1, s, s^2, ...; empty for n = 0
/// @param b likewise
@SuppressWarnings("ArrayRecordComponent")
public record SiluDerivative(double[] a, double[] b) {

    /// Derivative n.
    public static SiluDerivative of(int n) {
        double[] before = {};
        double[] sigmoid = {1}; // derivatives of s, divided by s
        for (int k = 0; k < n; k++) {
            before = sigmoid;
            // (s p)' = (p + s p') (s - s^2) for p(s), over s: (p + s p') (1 - s)
            double[] next = new double[before.length + 1];
            for (int i = 0; i < before.length; i++) {
                double term = before[i] * (i + 1);
                next[i] += term;
                next[i + 1] -= term;
            }
            sigmoid = next;
        }
        return new SiluDerivative(Arrays.stream(before).map(c -> n * c).toArray(), sigmoid);
    }

    double at(double f) {
        double s = 1 / (1 + Math.exp(-f));
        return s * (horner(a, s) + f * horner(b, s));
    }

    private static double horner(double[] coefficients, double s) {
        double sum = 0;
        for (int i = coefficients.length - 1; i >= 0; i--) {
            sum = sum * s + coefficients[i];
        }
        return sum;
    }
}
