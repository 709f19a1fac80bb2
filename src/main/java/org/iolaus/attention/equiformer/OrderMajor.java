package org.iolaus.attention.equiformer;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.op.Expr;
import org.iolaus.so3.CoefficientMapping;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;

/// Features of edges in their frames, sorted by order, as SO(2) maps read them.
///
/// Part m has the shape (E, S, D, C). S is 1 for m = 0; above it is 2: first +m, then -m. D counts the degrees
/// `l >= m`, of the first resolution, then of the second, and so on.
///
/// @param parts for m = 0 .. largest mmax
public record OrderMajor(CoefficientMapping mapping, List<Node> parts) {

    public OrderMajor {
        parts = List.copyOf(parts);
    }

    /// From one array for each resolution: (E, R, C), m-major.
    public static OrderMajor of(CoefficientMapping mapping, List<Node> joined) {
        List<Node> parts = new ArrayList<>();
        int[] start = new int[joined.size()];
        for (int m = 0; m <= mapping.mmax(); m++) {
            List<Node> pieces = new ArrayList<>();
            for (int i = 0; i < start.length; i++) {
                int degrees = degrees(mapping.resolution(i), m);
                if (degrees > 0) {
                    Node rows = Expr.slice(joined.get(i), 1, start[i], signs(m) * degrees);
                    pieces.add(Expr.reshape(rows, shape(rows, m, degrees)));
                    start[i] += signs(m) * degrees;
                }
            }
            parts.add(Expr.concat(2, pieces));
        }
        return new OrderMajor(mapping, parts);
    }

    /// From the rows of each part: (E, S * D * C).
    static OrderMajor ofRows(CoefficientMapping mapping, List<Node> rows) {
        List<Node> parts = new ArrayList<>();
        for (int m = 0; m < rows.size(); m++) {
            parts.add(Expr.reshape(rows.get(m), shape(rows.get(m), m, degrees(mapping, m))));
        }
        return new OrderMajor(mapping, parts);
    }

    private static Shape shape(Node rows, int m, int degrees) {
        Dim channels = Dim.of(1);
        for (int axis = 1; axis < rows.shape().rank(); axis++) {
            channels = channels.times(rows.shape().dim(axis));
        }
        return Shape.of(rows.shape().dim(0), signs(m), degrees, channels.intValue() / (signs(m) * degrees));
    }

    private static int signs(int m) {
        return m == 0 ? 1 : 2;
    }

    /// Degrees that have the order `m >= 0`.
    static int degrees(CoefficientMapping mapping, int m) {
        return m > mapping.mmax() ? 0 : mapping.mSize()[m];
    }

    /// For each resolution its coefficients as one array: (E, R, C), m-major.
    public List<Node> joined() {
        List<Node> all = new ArrayList<>();
        int[] start = new int[parts.size()];
        for (int i = 0; i < mapping.resolutions(); i++) {
            List<Node> pieces = new ArrayList<>();
            for (int m = 0; m < parts.size(); m++) {
                int degrees = degrees(mapping.resolution(i), m);
                if (degrees > 0) {
                    Node rows = Expr.slice(parts.get(m), 2, start[m], degrees);
                    Shape shape = rows.shape();
                    pieces.add(Expr.reshape(rows, Shape.of(shape.dim(0), signs(m) * degrees, shape.dim(3))));
                    start[m] += degrees;
                }
            }
            all.add(Expr.concat(1, pieces));
        }
        return all;
    }

    /// Part m as rows of one matrix: (E, S * D * C).
    Node rows(int m) {
        Shape shape = parts.get(m).shape();
        Dim width = shape.dim(1).times(shape.dim(2)).times(shape.dim(3));
        return Expr.reshape(parts.get(m), Shape.of(shape.dim(0), width));
    }

    /// Multiplies every coefficient by the weight of its degree, for all orders.
    ///
    /// @param weights (E, D, C): the degrees of the first resolution, then of the second, ...
    OrderMajor timesDegrees(Node weights) {
        List<Node> changed = new ArrayList<>();
        for (int m = 0; m < parts.size(); m++) {
            Node factor = Expr.unsqueeze(withOrder(weights, mapping, m, 0), 1);
            changed.add(Expr.mul(parts.get(m), factor));
        }
        return new OrderMajor(mapping, changed);
    }

    /// Selects the degrees that have the order `m`.
    ///
    /// @param byDegree (E, D, C): for each resolution the degrees from `first` on
    static Node withOrder(Node byDegree, CoefficientMapping mapping, int m, int first) {
        List<Node> pieces = new ArrayList<>();
        int start = 0;
        for (int i = 0; i < mapping.resolutions(); i++) {
            CoefficientMapping resolution = mapping.resolution(i);
            int lowest = Math.max(m, first);
            if (m <= resolution.mmax() && lowest <= resolution.lmax()) {
                pieces.add(Expr.slice(byDegree, 1, start + lowest - first, resolution.lmax() - lowest + 1));
            }
            start += resolution.lmax() + 1 - first;
        }
        return Expr.concat(1, pieces);
    }

    /// Every part times a factor (E, 1, 1, C).
    OrderMajor times(Node factor) {
        return new OrderMajor(
                mapping, parts.stream().map(part -> Expr.mul(part, factor)).toList());
    }
}
