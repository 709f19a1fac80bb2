package org.iolaus.attention.equiformer;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.nn.Initializer;
import org.iolaus.nn.LayerNorm;
import org.iolaus.nn.Parameters.Group;
import org.iolaus.nn.Scope;
import org.iolaus.op.Expr;
import org.iolaus.op.Pad;
import org.iolaus.tensor.Shape;

/// Normalises the coefficients of each atom, then scales each degree and channel: normalisation `component`, eps 1e-5
/// inside the root.
///
/// All types are `y = (x - mean) f w + b`: the mean over the channels of l = 0 if the type is centred, a factor f for
/// each group of degrees, a weight for each degree and channel, and a bias where l = 0.
public final class EquivariantNorm {
    private final Type type;
    private final int lmax;
    private final int channels;
    private final Node weight;
    private final boolean centred;
    private final Node bias;

    /// What each degree is divided by.
    public enum Type {
        /// every degree by the root mean square over its orders and channels, l = 0 centred
        LAYER_NORM,
        /// l = 0 by a LayerNorm; all others by one number, to which each degree adds its mean square
        LAYER_NORM_SH,
        /// all degrees by one number, to which each adds its mean square, l = 0 centred
        RMS_NORM_SH,
        /// all degrees by the root mean square over all coefficients and channels; an older form without
        /// centring and bias
        RMS_NORM_V1
    }

    public EquivariantNorm(Scope scope, Type type, int lmax, int channels) {
        this.type = type;
        this.lmax = lmax;
        this.channels = channels;
        centred = type != Type.RMS_NORM_V1;
        Initializer ones = Initializer.constant(1);
        Initializer zeros = Initializer.constant(0);
        if (type == Type.LAYER_NORM_SH) {
            Scope scalar = scope.at("norm_l0");
            Node first = Expr.reshape(scalar.parameter(Group.NORMS, "weight", ones, channels), Shape.of(1, channels));
            bias = scalar.parameter(Group.NORMS, "bias", zeros, channels);
            weight = lmax == 0
                    ? first
                    : Expr.concat(0, first, scope.parameter(Group.NORMS, "affine_weight", ones, lmax, channels));
        } else {
            weight = scope.parameter(Group.NORMS, "affine_weight", ones, lmax + 1, channels);
            bias = centred
                    ? scope.parameter(Group.NORMS, "affine_bias", zeros, channels)
                    : Expr.zeros(Shape.of(channels));
        }
    }

    /// Each resolution by its own norm.
    static So3Embedding apply(List<EquivariantNorm> norms, So3Embedding x) {
        List<Node> values = new ArrayList<>();
        for (int i = 0; i < norms.size(); i++) {
            values.add(norms.get(i).apply(x.values().get(i)));
        }
        return new So3Embedding(x.mapping(), values);
    }

    /// x: (N, K, C) -> (N, K, C)
    public Node apply(Node x) {
        int coefficients = x.shape().dim(1).intValue();
        Node shifted = x;
        if (centred) {
            Node mean = Expr.scale(Expr.sum(Expr.slice(x, 1, 0, 1), 2), 1.0 / channels);
            shifted = Expr.sub(x, Node.of(new Pad(1, 0, coefficients), mean));
        }
        Node squares = Expr.squeeze(Expr.sum(Expr.square(shifted), 2), 2);
        Node inverse = Expr.pow(Expr.shift(Expr.matmul(squares, shares()), LayerNorm.EPSILON), -0.5);
        Node factor = Expr.unsqueeze(Expr.matmul(inverse, groups()), 2);
        Node spread = Expr.matmul(Constants.spread(lmax), weight, true, false);
        Node scaled = Expr.mul(Expr.mul(shifted, factor), spread);
        return centred
                ? Expr.add(scaled, Node.of(new Pad(0, 0, coefficients), Expr.reshape(bias, Shape.of(1, channels))))
                : scaled;
    }

    /// The group whose number divides a degree.
    private int group(int l) {
        return switch (type) {
            case LAYER_NORM -> l;
            case LAYER_NORM_SH -> Math.min(l, 1);
            case RMS_NORM_SH, RMS_NORM_V1 -> 0;
        };
    }

    private int groups(int lmax) {
        return group(lmax) + 1;
    }

    /// (J, K): 1 where the coefficient's degree is in the group.
    private Node groups() {
        int[] degree = Constants.degrees(lmax);
        double[] values = new double[groups(lmax) * degree.length];
        for (int k = 0; k < degree.length; k++) {
            values[group(degree[k]) * degree.length + k] = 1;
        }
        return Expr.constant(Shape.of(groups(lmax), degree.length), values);
    }

    /// (K, J): how much the sum of squares over channels of a coefficient adds to its group's mean square.
    private Node shares() {
        int[] degree = Constants.degrees(lmax);
        int groups = groups(lmax);
        double[] values = new double[degree.length * groups];
        for (int k = 0; k < degree.length; k++) {
            int l = degree[k];
            double orders = 2 * l + 1;
            double share = switch (type) {
                case LAYER_NORM -> 1 / orders;
                case LAYER_NORM_SH -> l == 0 ? 1 : 1 / (lmax * orders);
                case RMS_NORM_SH -> 1 / ((lmax + 1) * orders);
                case RMS_NORM_V1 -> 1.0 / degree.length;
            };
            values[k * groups + group(l)] = share / channels;
        }
        return Expr.constant(Shape.of(degree.length, groups), values);
    }
}
