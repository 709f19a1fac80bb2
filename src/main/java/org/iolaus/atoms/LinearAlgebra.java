package org.iolaus.atoms;

import dev.ludovic.netlib.lapack.JavaLAPACK;
import dev.ludovic.netlib.lapack.LAPACK;
import java.util.Arrays;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.netlib.util.intW;

/// Dense linear algebra by LAPACK, translated to Java: the same bits on every machine, whatever native libraries
/// it has.
public final class LinearAlgebra {
    private static final LAPACK LIBRARY = load();

    private LinearAlgebra() {}

    /// Switches off the search for native libraries and what the library says of it.
    private static LAPACK load() {
        System.setProperty("dev.ludovic.netlib.lapack.allowNative", "false");
        Logger quiet = Logger.getLogger("dev.ludovic.netlib.lapack.InstanceBuilder");
        quiet.setLevel(Level.WARNING);
        return JavaLAPACK.getInstance();
    }

    /// Some eigenvalues of a symmetric matrix, rising, and their orthonormal eigenvectors.
    ///
    /// @param values `(count)`
    /// @param vectors `(count, n)`
    @SuppressWarnings("ArrayRecordComponent")
    record Eigenpairs(double[] values, double[][] vectors) {}

    /// The `count` smallest eigenvalues with their eigenvectors.
    ///
    /// If the last eigenvalue equals the next one, which is left out, the vectors of these equal values may be
    /// far from orthogonal.
    ///
    /// @param matrix `(n, n)`, symmetric
    /// @param count `1 .. n`
    static Eigenpairs smallest(double[] matrix, int n, int count) {
        double[] values = new double[n];
        double[] vectors = new double[n * count];
        double[] work = new double[64 * n];
        double mostAccurate = 2 * Double.MIN_NORMAL;
        intW found = new intW(0);
        intW info = new intW(0);
        String range = count == n ? "A" : "I";
        LIBRARY.dsyevx(
                "V",
                range,
                "L",
                n,
                matrix.clone(),
                n,
                0,
                0,
                1,
                count,
                mostAccurate,
                found,
                values,
                vectors,
                n,
                work,
                work.length,
                new int[5 * n],
                new int[n],
                info);
        check("dsyevx", info);
        double[][] rows = new double[count][];
        Arrays.setAll(rows, k -> Arrays.copyOfRange(vectors, k * n, (k + 1) * n));
        return new Eigenpairs(Arrays.copyOf(values, count), rows);
    }

    /// `(n)`: the x of smallest norm among those that make `|matrix @ x - right|` smallest.
    ///
    /// @param matrix `(n, n)`
    /// @param right `(n)`
    /// @param rankTolerance singular values up to this fraction of the largest count as zero
    public static double[] leastSquares(double[][] matrix, double[] right, double rankTolerance) {
        int n = right.length;
        double[] columns = new double[n * n];
        Arrays.setAll(columns, i -> matrix[i % n][i / n]);
        double[] x = right.clone();
        double[] work = new double[64 * n];
        intW info = new intW(0);
        LIBRARY.dgelss(n, n, 1, columns, n, x, n, new double[n], rankTolerance, new intW(0), work, work.length, info);
        check("dgelss", info);
        return x;
    }

    private static void check(String routine, intW info) {
        if (info.val != 0) {
            throw new IllegalStateException("LAPACK: want " + routine + " to converge, got info " + info.val);
        }
    }
}
