package org.iolaus.attention.equiformer;

import java.util.Arrays;
import org.iolaus.ir.Node;
import org.iolaus.op.Expr;
import org.iolaus.op.ProductGrid;
import org.iolaus.so3.CoefficientMapping;
import org.iolaus.so3.S2Grid;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;
import org.jspecify.annotations.Nullable;

/// Transforms coefficients to values on a grid of P points on the sphere, where nonlinearities act, and back.
public final class GridTransform {
    private final int points;
    private final int coefficients;
    private final Node to;
    private final Node from;
    private final ProductGrid product;

    /// @param order the place of each coefficient among the reduced ones
    private GridTransform(S2Grid grid, int[] order) {
        points = grid.points();
        coefficients = order.length;
        to = matrix(grid.to(), order);
        from = matrix(grid.from(), order);
        product = new ProductGrid(
                grid.alphas().length,
                Arrays.stream(order).map(k -> grid.orders()[k]).toArray(),
                sorted(grid.polarTo(), order),
                sorted(grid.polarFrom(), order));
    }

    /// For the coefficients of one resolution of edges, m-major.
    ///
    /// @param resolution even number of polar angles and azimuths; null for the default grid
    public static GridTransform ofEdges(CoefficientMapping mapping, @Nullable Integer resolution) {
        return new GridTransform(grid(mapping.lmax(), mapping.mmax(), resolution), mapping.reducedOfMMajor());
    }

    /// For all coefficients up to a degree, degree by degree.
    public static GridTransform ofNodes(int lmax, @Nullable Integer resolution) {
        int[] order = new int[(lmax + 1) * (lmax + 1)];
        Arrays.setAll(order, k -> k);
        return new GridTransform(grid(lmax, lmax, resolution), order);
    }

    private static S2Grid grid(int lmax, int mmax, @Nullable Integer resolution) {
        return resolution == null ? S2Grid.of(lmax, mmax) : S2Grid.of(lmax, mmax, resolution);
    }

    /// (P, coefficients)
    private Node matrix(double[] values, int[] order) {
        return Expr.constant(Shape.of(points, order.length), sorted(values, order));
    }

    /// Rows of coefficients in the order in which they come.
    private static double[] sorted(double[] rows, int[] order) {
        double[] sorted = new double[rows.length];
        for (int i = 0; i < rows.length; i++) {
            sorted[i] = rows[i - i % order.length + order[i % order.length]];
        }
        return sorted;
    }

    /// SiLU on the grid: (B, coefficients, C) -> (B, coefficients, C)
    Node silu(Node x) {
        return Expr.gridActivation(product, x);
    }

    /// x: (B, coefficients, C) -> (P, B, C)
    Node to(Node x) {
        Dim rows = x.shape().dim(0);
        Dim channels = x.shape().dim(2);
        Node flat = Expr.reshape(Expr.transpose(x, 1, 0, 2), Shape.of(coefficients, rows.times(channels)));
        return Expr.reshape(Expr.matmul(to, flat), Shape.of(points, rows, channels));
    }

    /// values: (P, B, C) -> (B, coefficients, C)
    Node from(Node values) {
        Dim rows = values.shape().dim(1);
        Dim channels = values.shape().dim(2);
        Node flat = Expr.reshape(values, Shape.of(points, rows.times(channels)));
        Node back = Expr.reshape(Expr.matmul(from, flat, true, false), Shape.of(coefficients, rows, channels));
        return Expr.transpose(back, 1, 0, 2);
    }
}
