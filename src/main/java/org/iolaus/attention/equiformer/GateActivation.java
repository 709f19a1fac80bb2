package org.iolaus.attention.equiformer;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.nn.Activation;
import org.iolaus.op.Expr;
import org.iolaus.so3.CoefficientMapping;
import org.iolaus.tensor.Shape;

/// SiLU at l = 0. Every other degree is multiplied by the sigmoid of its own gate, for all its orders.
public final class GateActivation {

    private GateActivation() {}

    /// Gates that a mapping needs for each channel: one for each degree above 0.
    static int gates(CoefficientMapping mapping) {
        return mapping.lmaxList().stream().mapToInt(l -> l).sum();
    }

    /// Of edges' features.
    ///
    /// @param gates (E, gates * C): degrees 1 .. lmax of the first resolution, then of the second, ...
    public static OrderMajor ofEdges(OrderMajor x, Node gates) {
        CoefficientMapping mapping = x.mapping();
        Node first = x.parts().getFirst();
        int channels = first.shape().dim(3).intValue();
        Node open = Expr.sigmoid(Expr.reshape(gates, Shape.of(gates.shape().dim(0), gates(mapping), channels)));
        List<Node> parts = new ArrayList<>();
        parts.add(scalarsAndVectors(first, open, mapping));
        for (int m = 1; m < x.parts().size(); m++) {
            Node factor = Expr.unsqueeze(OrderMajor.withOrder(open, mapping, m, 1), 1);
            parts.add(Expr.mul(x.parts().get(m), factor));
        }
        return new OrderMajor(mapping, parts);
    }

    /// m = 0 of all degrees: (E, 1, D, C).
    private static Node scalarsAndVectors(Node x, Node open, CoefficientMapping mapping) {
        List<Node> pieces = new ArrayList<>();
        int start = 0;
        int gate = 0;
        for (int lmax : mapping.lmaxList()) {
            pieces.add(Activation.SILU.apply(Expr.slice(x, 2, start, 1)));
            if (lmax > 0) {
                Node factor = Expr.unsqueeze(Expr.slice(open, 1, gate, lmax), 1);
                pieces.add(Expr.mul(Expr.slice(x, 2, start + 1, lmax), factor));
            }
            start += lmax + 1;
            gate += lmax;
        }
        return Expr.concat(2, pieces);
    }

    /// Of an atom's features: x (N, K, C), gates (N, lmax * C).
    public static Node ofNodes(Node x, Node gates, int lmax) {
        Node scalars = Activation.SILU.apply(Expr.slice(x, 1, 0, 1));
        if (lmax == 0) {
            return scalars;
        }
        Shape shape = x.shape();
        int coefficients = shape.dim(1).intValue();
        Node open = Expr.sigmoid(Expr.reshape(gates, Shape.of(shape.dim(0), lmax, shape.dim(2))));
        List<Node> pieces = new ArrayList<>();
        pieces.add(scalars);
        for (int l = 1; l <= lmax; l++) {
            Node factor = Expr.slice(open, 1, l - 1, 1);
            pieces.add(Expr.mul(Expr.slice(x, 1, l * l, 2 * l + 1), factor));
        }
        return coefficients == 1 ? scalars : Expr.concat(1, pieces);
    }
}
