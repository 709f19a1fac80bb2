package org.iolaus.attention.equiformer;

import org.iolaus.ir.Node;
import org.iolaus.op.Expr;
import org.iolaus.op.Pad;
import org.iolaus.tensor.Shape;

/// Small constant matrices between degrees and coefficients, and look-ups in tables of elements.
final class Constants {

    private Constants() {}

    /// The degree of each of a node's coefficients.
    static int[] degrees(int lmax) {
        int[] degrees = new int[(lmax + 1) * (lmax + 1)];
        for (int k = 0; k < degrees.length; k++) {
            degrees[k] = (int) Math.sqrt(k);
        }
        return degrees;
    }

    /// (lmax + 1, K): 1 where the coefficient belongs to the degree, else 0.
    static Node spread(int lmax) {
        int[] degree = degrees(lmax);
        double[] values = new double[(lmax + 1) * degree.length];
        for (int k = 0; k < degree.length; k++) {
            values[degree[k] * degree.length + k] = 1;
        }
        return Expr.constant(Shape.of(lmax + 1, degree.length), values);
    }

    /// Rows of a table by number. Numbers that are allowed but not in the table give zeros.
    ///
    /// @param table (Z, C)
    /// @param elements N -> at least Z
    static Node lookUp(Node table, Node elements) {
        int rows = elements.type().indexRange().intValue();
        boolean enough = table.shape().dim(0).intValue() == rows;
        return Expr.gather(enough ? table : Node.of(new Pad(0, 0, rows), table), elements);
    }
}
