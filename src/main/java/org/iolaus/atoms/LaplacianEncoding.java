package org.iolaus.atoms;

import java.util.Arrays;
import org.iolaus.atoms.LinearAlgebra.Eigenpairs;

/// Encodes the place of each atom in its graph by eigenvectors of the graph's Laplacian (Dwivedi and Bresson 2021).
///
/// The Laplacian is `1 - D^-1/2 A D^-1/2`. A counts the edges between two atoms: periodic images are included,
/// edges of an atom with its own images are left out, and both directions are averaged. The encoding has the
/// eigenvectors after the first, by rising eigenvalue, of length 1. The cubes of a vector's components have a
/// positive sum; where the sum vanishes, the first of the largest components is positive.
///
/// Eigenvectors of equal eigenvalues, such as those of a complete graph, are a basis that depends on the graph and
/// the order of its atoms only, not on the solver.
public final class LaplacianEncoding {
    /// What differs by less is equal but for rounding.
    private static final double EQUAL = 1e-9;

    private LaplacianEncoding() {}

    /// `(atoms, count)`: eigenvectors as columns; zeros where a graph has fewer than `count + 1` atoms.
    ///
    /// @param source atoms of the graph's edges, from 0; likewise `target`
    public static double[] of(int atoms, int[] source, int[] target, int count) {
        double[] encoding = new double[atoms * count];
        int columns = Math.min(count, atoms - 1);
        if (columns <= 0) {
            return encoding;
        }
        Eigenpairs pairs = smallest(laplacian(atoms, source, target), atoms, columns + 1);
        for (int k = 0; k <= columns; ) {
            int end = spaceEnd(pairs.values(), k);
            double[][] space = Arrays.copyOfRange(pairs.vectors(), k, end);
            for (double[] vector : basis(space, Math.min(end, columns + 1) - k)) {
                double sign = sign(vector);
                for (int i = 0; k > 0 && i < atoms; i++) {
                    encoding[i * count + k - 1] = sign * vector[i];
                }
                k++;
            }
        }
        return encoding;
    }

    private static double[] laplacian(int atoms, int[] source, int[] target) {
        double[] matrix = new double[atoms * atoms];
        double[] degree = new double[atoms];
        for (int e = 0; e < source.length; e++) {
            int i = source[e];
            int j = target[e];
            if (i != j) {
                matrix[i * atoms + j] -= 0.5;
                matrix[j * atoms + i] -= 0.5;
                degree[i] += 0.5;
                degree[j] += 0.5;
            }
        }
        for (int i = 0; i < atoms; i++) {
            for (int j = 0; j < atoms; j++) {
                double edges = matrix[i * atoms + j];
                matrix[i * atoms + j] = i == j ? 1 : edges == 0 ? 0 : edges / Math.sqrt(degree[i] * degree[j]);
            }
        }
        return matrix;
    }

    /// Smallest eigenvalues with their eigenvectors, at least so many; eigenspaces are whole.
    private static Eigenpairs smallest(double[] matrix, int n, int atLeast) {
        int computed = Math.min(n, atLeast + 1);
        Eigenpairs pairs = LinearAlgebra.smallest(matrix, n, computed);
        while (computed < n && spaceEnd(pairs.values(), atLeast - 1) == computed) {
            computed = Math.min(n, 2 * computed);
            pairs = LinearAlgebra.smallest(matrix, n, computed);
        }
        return pairs;
    }

    /// Where the eigenvalues end that equal the one at `k`.
    private static int spaceEnd(double[] values, int k) {
        int end = k + 1;
        while (end < values.length && values[end] - values[end - 1] <= EQUAL) {
            end++;
        }
        return end;
    }

    /// The first vectors of an orthonormal basis that depends on the eigenspace alone, not on the vectors that
    /// the solver found in it: the unit vector of an atom projected onto the space, of that atom whose
    /// projection is the longest, then the same for the part of the space at right angles to it, and so on.
    ///
    /// @param vectors orthonormal, `(dimensions, atoms)`
    private static double[][] basis(double[][] vectors, int count) {
        int atoms = vectors[0].length;
        double[][] left = new double[atoms][vectors.length];
        for (int i = 0; i < atoms; i++) {
            for (int k = 0; k < vectors.length; k++) {
                left[i][k] = vectors[k][i];
            }
        }
        double[][] basis = new double[count][atoms];
        for (double[] vector : basis) {
            double[] axis = longest(left).clone();
            double length = Math.sqrt(dot(axis, axis));
            Arrays.setAll(axis, k -> axis[k] / length);
            for (int i = 0; i < atoms; i++) {
                vector[i] = dot(left[i], axis);
                for (int k = 0; k < axis.length; k++) {
                    left[i][k] -= vector[i] * axis[k];
                }
            }
        }
        return basis;
    }

    /// The first of the longest.
    private static double[] longest(double[][] vectors) {
        double[] longest = vectors[0];
        for (double[] vector : vectors) {
            if (dot(vector, vector) > dot(longest, longest) + EQUAL) {
                longest = vector;
            }
        }
        return longest;
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    private static double sign(double[] vector) {
        double cubes = 0;
        double largest = 0;
        for (double value : vector) {
            cubes += value * value * value;
            largest = Math.max(largest, Math.abs(value));
        }
        for (int i = 0; Math.abs(cubes) <= EQUAL && i < vector.length; i++) {
            cubes = Math.abs(vector[i]) >= largest - EQUAL ? vector[i] : cubes;
        }
        return Math.signum(cubes);
    }
}
