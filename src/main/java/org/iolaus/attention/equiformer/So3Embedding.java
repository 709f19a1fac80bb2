package org.iolaus.attention.equiformer;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.op.Expr;
import org.iolaus.op.Pad;
import org.iolaus.so3.CoefficientMapping;
import org.iolaus.tensor.Dim;

/// Features of atoms as functions on the sphere, one array of coefficients for each resolution.
///
/// @param mapping which coefficients there are
/// @param values (N, K, C) for each resolution: degree by degree, index l^2 + l + m
public record So3Embedding(CoefficientMapping mapping, List<Node> values) {

    public So3Embedding {
        values = List.copyOf(values);
        boolean fits = values.size() == mapping.resolutions();
        for (int i = 0; fits && i < values.size(); i++) {
            fits = values.get(i).shape().dim(1).intValue()
                    == mapping.resolution(i).fullSize();
        }
        if (!fits) {
            throw new IllegalArgumentException("So3Embedding: want the coefficients of " + mapping + ", got "
                    + values.stream().map(Node::shape).toList());
        }
    }

    /// Splits an array of the coefficients of all resolutions, (N, sum of K, C).
    public static So3Embedding split(Node joined, CoefficientMapping mapping) {
        List<Node> values = new ArrayList<>();
        int start = 0;
        for (int i = 0; i < mapping.resolutions(); i++) {
            int length = mapping.resolution(i).fullSize();
            values.add(Expr.slice(joined, 1, start, length));
            start += length;
        }
        return new So3Embedding(mapping, values);
    }

    /// (N, sum of K, C): one resolution after another.
    public Node joined() {
        return Expr.concat(1, values);
    }

    /// (N, resolutions * C): the invariant coefficients (l = 0), one resolution after another.
    public Node scalars() {
        return Expr.concat(
                1,
                values.stream()
                        .map(x -> Expr.squeeze(Expr.slice(x, 1, 0, 1), 1))
                        .toList());
    }

    /// (N, 3, resolutions * C): coefficients of degree 1, one resolution after another; zeros for
    /// a resolution without.
    Node vectors() {
        return Expr.concat(
                2,
                values.stream()
                        .map(x -> x.shape().dim(1).isOne()
                                ? Expr.zeros(x.shape().with(1, Dim.of(3)))
                                : Expr.slice(x, 1, 1, 3))
                        .toList());
    }

    So3Embedding plus(So3Embedding other) {
        List<Node> sums = new ArrayList<>();
        for (int i = 0; i < values.size(); i++) {
            sums.add(Expr.add(values.get(i), other.values.get(i)));
        }
        return new So3Embedding(mapping, sums);
    }

    /// Adds scalars to l = 0.
    ///
    /// @param scalars (N, resolutions * C)
    So3Embedding plusScalars(Node scalars) {
        List<Node> sums = new ArrayList<>();
        for (int i = 0; i < values.size(); i++) {
            Node value = values.get(i);
            int channels = value.shape().dim(2).intValue();
            Node own = Expr.unsqueeze(Expr.slice(scalars, 1, i * channels, channels), 1);
            int coefficients = value.shape().dim(1).intValue();
            sums.add(Expr.add(value, Node.of(new Pad(1, 0, coefficients), own)));
        }
        return new So3Embedding(mapping, sums);
    }

    /// Every array times a factor that broadcasts to it.
    So3Embedding times(Node factor) {
        return new So3Embedding(
                mapping, values.stream().map(x -> Expr.mul(x, factor)).toList());
    }
}
