package org.iolaus.atoms;

import java.util.Arrays;
import java.util.Comparator;

/// Positions of atoms in their graph, encoded by eigenvectors of its Laplacian (Dwivedi and Bresson 2021).
///
/// The Laplacian is `1 - D^-1/2 A D^-1/2`; A counts the edges between two atoms, periodic images included, edges of
/// an atom with its own images left out, and both directions averaged. Eigenvectors are those after the first, by
/// rising eigenvalue, of length 1; the cubes of their components have a positive sum or, where that vanishes, the
/// first of the largest components is positive. Eigenvectors of equal eigenvalues, such as those of a complete graph,
/// are those that the solver finds, which depends on the order of the atoms.
public final class LaplacianEncoding {
    private static final double BALANCED = 1e-9;
    private static final int SWEEPS = 60;

    private LaplacianEncoding() {}

    /// (atoms, count): eigenvectors as columns; zeros where a graph has fewer than `count + 1` atoms.
    ///
    /// @param source atoms of the graph's edges, from 0; likewise `target`
    public static double[] of(int atoms, int[] source, int[] target, int count) {
        double[][] matrix = laplacian(atoms, source, target);
        double[][] vectors = eigenvectors(matrix);
        int[] order = order(matrix);
        double[] encoding = new double[atoms * count];
        for (int k = 0; k < Math.min(count, atoms - 1); k++) {
            double[] vector = vectors[order[k + 1]];
            double sign = sign(vector);
            for (int i = 0; i < atoms; i++) {
                encoding[i * count + k] = sign * vector[i];
            }
        }
        return encoding;
    }

    private static double[][] laplacian(int atoms, int[] source, int[] target) {
        double[][] matrix = new double[atoms][atoms];
        double[] degree = new double[atoms];
        for (int e = 0; e < source.length; e++) {
            int i = source[e];
            int j = target[e];
            if (i != j) {
                matrix[i][j] -= 0.5;
                matrix[j][i] -= 0.5;
                degree[i] += 0.5;
                degree[j] += 0.5;
            }
        }
        for (int i = 0; i < atoms; i++) {
            for (int j = 0; j < atoms; j++) {
                matrix[i][j] = i == j ? 1 : matrix[i][j] == 0 ? 0 : matrix[i][j] / Math.sqrt(degree[i] * degree[j]);
            }
        }
        return matrix;
    }

    /// Rotates a symmetric matrix until it is diagonal (Jacobi's method) and gives the eigenvectors as rows.
    private static double[][] eigenvectors(double[][] matrix) {
        int n = matrix.length;
        double[][] vectors = new double[n][n];
        for (int i = 0; i < n; i++) {
            vectors[i][i] = 1;
        }
        boolean turned = true;
        for (int sweep = 0; turned; sweep++) {
            if (sweep == SWEEPS) {
                throw new IllegalStateException("Laplacian: want convergence in " + SWEEPS + " sweeps, got none");
            }
            turned = false;
            for (int p = 0; p < n; p++) {
                for (int q = p + 1; q < n; q++) {
                    turned |= rotate(matrix, vectors, p, q);
                }
            }
        }
        return vectors;
    }

    /// Makes the element (p, q) zero, unless it is nothing beside the diagonal.
    private static boolean rotate(double[][] matrix, double[][] vectors, int p, int q) {
        double off = matrix[p][q];
        if (Math.abs(off) <= 1e-17) {
            return false;
        }
        double theta = (matrix[q][q] - matrix[p][p]) / (2 * off);
        double tangent = Math.copySign(1, theta) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        double cosine = 1 / Math.sqrt(tangent * tangent + 1);
        double sine = tangent * cosine;
        turn(matrix[p], matrix[q], cosine, sine);
        for (double[] row : matrix) {
            double before = row[p];
            row[p] = cosine * before - sine * row[q];
            row[q] = sine * before + cosine * row[q];
        }
        matrix[p][q] = 0;
        matrix[q][p] = 0;
        turn(vectors[p], vectors[q], cosine, sine);
        return true;
    }

    private static void turn(double[] first, double[] second, double cosine, double sine) {
        for (int i = 0; i < first.length; i++) {
            double before = first[i];
            first[i] = cosine * before - sine * second[i];
            second[i] = sine * before + cosine * second[i];
        }
    }

    /// Places of the eigenvalues on the diagonal, rising; what differs by rounding alone stays in order.
    private static int[] order(double[][] diagonal) {
        Integer[] order = new Integer[diagonal.length];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, Comparator.comparingLong((Integer i) -> Math.round(diagonal[i][i] / BALANCED)));
        return Arrays.stream(order).mapToInt(i -> i).toArray();
    }

    private static double sign(double[] vector) {
        double cubes = 0;
        double largest = 0;
        for (double value : vector) {
            cubes += value * value * value;
            largest = Math.max(largest, Math.abs(value));
        }
        for (int i = 0; Math.abs(cubes) <= BALANCED && i < vector.length; i++) {
            cubes = Math.abs(vector[i]) >= largest - BALANCED ? vector[i] : cubes;
        }
        return Math.signum(cubes);
    }
}
