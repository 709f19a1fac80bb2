package org.iolaus.attention.equiformer;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.nn.Initializer;
import org.iolaus.nn.Linear;
import org.iolaus.nn.Scope;
import org.iolaus.op.Expr;
import org.iolaus.so3.CoefficientMapping;
import org.iolaus.tensor.Shape;
import org.jspecify.annotations.Nullable;

/// Convolution in the frame of an edge: for each order m one linear map over degrees and channels together. It
/// commutes with rolls about the edge (Passaro and Zitnick 2023).
///
/// If there is a radial function, it weighs the inputs; +m and -m share its weights.
public final class So2Convolution {
    private final CoefficientMapping mapping;
    private final int in;
    private final int out;
    private final int extra;
    private final Linear scalar;
    private final List<So2MConvolution> maps = new ArrayList<>();
    private final @Nullable RadialFunction radial;

    /// What comes out.
    ///
    /// @param values with the channels that leave
    /// @param extra (E, extra): further invariant values from m = 0; null without
    public record Result(OrderMajor values, @Nullable Node extra) {}

    /// Makes the weights of all orders.
    ///
    /// @param in channels that enter
    /// @param out channels that leave
    /// @param extra further values to make from m = 0
    /// @param edge widths of the radial function; null without one
    public So2Convolution(
            Scope scope,
            CoefficientMapping mapping,
            int in,
            int out,
            int extra,
            @Nullable EdgeChannels edge,
            WeightInit init) {
        this.mapping = mapping;
        this.in = in;
        this.out = out;
        this.extra = extra;
        int weights = 0;
        for (int degrees : mapping.mSize()) {
            weights += degrees * in;
        }
        int scalars = mapping.mSize()[0];
        radial = edge == null ? null : RadialFunction.of(scope.at("rad_func"), edge, weights);
        scalar = Linear.of(
                scope.at("fc_m0"),
                scalars * in,
                extra + scalars * out,
                init.dense(scalars * in),
                Initializer.constant(0));
        for (int m = 1; m <= mapping.mmax(); m++) {
            int degrees = mapping.mSize()[m];
            maps.add(new So2MConvolution(scope.at("so2_m_conv").at(m - 1), degrees * in, degrees * out, init));
        }
    }

    /// The convolution of what edges carry.
    ///
    /// @param scalars what the radial function reads; not used without one
    public Result apply(OrderMajor x, EdgeScalars scalars) {
        OrderMajor weighted = radial == null ? x : weigh(x, radial.apply(scalars));
        Node first = scalar.apply(weighted.rows(0));
        List<Node> rows = new ArrayList<>();
        rows.add(Expr.slice(first, 1, extra, mapping.mSize()[0] * out));
        for (int m = 1; m <= maps.size(); m++) {
            rows.add(maps.get(m - 1).apply(weighted.rows(m)));
        }
        Node further = extra == 0 ? null : Expr.slice(first, 1, 0, extra);
        return new Result(OrderMajor.ofRows(mapping, rows), further);
    }

    /// The output of one degree of one resolution only, without further values and without a radial function.
    ///
    /// @param i which resolution
    /// @return (E, rows, out): m = 0, +1, -1, ... as far as the degree and `mmax` go
    Node degree(OrderMajor x, int i, int l) {
        List<Node> rows = new ArrayList<>();
        for (int m = 0; m <= Math.min(l, mapping.resolution(i).mmax()); m++) {
            int place = l - m;
            for (int earlier = 0; earlier < i; earlier++) {
                place += OrderMajor.degrees(mapping.resolution(earlier), m);
            }
            Node own = m == 0
                    ? scalar.rows(extra + place * out, out).apply(x.rows(0))
                    : maps.get(m - 1).apply(x.rows(m), place * out, out);
            rows.add(Expr.reshape(own, Shape.of(own.shape().dim(0), m == 0 ? 1 : 2, out)));
        }
        return Expr.concat(1, rows);
    }

    /// Inputs times their weights.
    ///
    /// @param weights (E, sum over m of degrees * in)
    private OrderMajor weigh(OrderMajor x, Node weights) {
        List<Node> parts = new ArrayList<>();
        int start = 0;
        for (int m = 0; m <= mapping.mmax(); m++) {
            int degrees = mapping.mSize()[m];
            Node share = Expr.slice(weights, 1, start, degrees * in);
            Node factor = Expr.reshape(share, Shape.of(weights.shape().dim(0), 1, degrees, in));
            parts.add(Expr.mul(x.parts().get(m), factor));
            start += degrees * in;
        }
        return new OrderMajor(mapping, parts);
    }
}
