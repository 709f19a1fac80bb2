package org.iolaus.attention.gps;

import java.util.SplittableRandom;
import org.iolaus.ir.Node;
import org.iolaus.nn.Linear;
import org.iolaus.nn.Scope;
import org.iolaus.op.Expr;

/// Attention with random features (Choromanski et al. 2021) as in PyTorch Geometric: weights are `f(q) . f(k)`
/// divided by their sum over an atom's pairs, `f(x) = relu(x P^T) + 0.001`.
///
/// Each head has 64 channels, whatever the width of the features; P (266, 64) is a buffer. As in
/// [MultiheadAttention], weights are computed for each pair, so the result is that of the reference, but the cost is
/// not linear in the number of atoms.
final class PerformerAttention implements Attention {
    private static final int CHANNELS = 64;
    private static final int FEATURES = 266;
    private static final double SMALL = 1e-3;
    private static final String PROJECTION = "projection_matrix";

    private final int heads;
    private final Linear query;
    private final Linear key;
    private final Linear value;
    private final Linear out;
    private final Node projection;

    PerformerAttention(Scope scope, int channels, int heads) {
        this.heads = heads;
        int inner = heads * CHANNELS;
        projection = scope.at("fast_attn").buffer(PROJECTION, PerformerAttention::orthogonalBlocks, FEATURES, CHANNELS);
        query = Linear.withoutBias(scope.at("q"), channels, inner);
        key = Linear.withoutBias(scope.at("k"), channels, inner);
        value = Linear.withoutBias(scope.at("v"), channels, inner);
        out = Linear.of(scope.at("attn_out"), inner, channels);
    }

    /// Whether a buffer of this name is a random projection.
    static boolean projects(String name) {
        return name.endsWith("." + PROJECTION);
    }

    @Override
    public Node apply(Node x, Pairs pairs) {
        Node weights = Attention.products(features(query, x), features(key, x), pairs);
        Node sums = Expr.gather(Expr.segmentSum(weights, pairs.target()), pairs.target());
        Node values = Attention.byHead(value.apply(x), heads);
        return out.apply(Attention.collect(Expr.div(weights, sums), values, pairs));
    }

    /// (N, H, 266)
    private Node features(Linear linear, Node x) {
        Node projected = Expr.linear(Attention.byHead(linear.apply(x), heads), projection, null);
        return Expr.shift(Expr.relu(projected), SMALL);
    }

    /// Blocks of orthogonal rows, each as long as a row of normal random numbers.
    private static void orthogonalBlocks(double[] values, int[] shape, SplittableRandom random) {
        int rows = shape[0];
        int columns = shape[1];
        for (int row = 0; row < rows; row++) {
            int start = row * columns;
            for (int c = 0; c < columns; c++) {
                values[start + c] = random.nextGaussian();
            }
            double length = length(values, start, columns);
            for (int before = row - row % columns; before < row; before++) {
                double square = 0;
                double dot = 0;
                for (int c = 0; c < columns; c++) {
                    square += values[before * columns + c] * values[before * columns + c];
                    dot += values[before * columns + c] * values[start + c];
                }
                for (int c = 0; c < columns; c++) {
                    values[start + c] -= dot / square * values[before * columns + c];
                }
            }
            double left = length(values, start, columns);
            for (int c = 0; c < columns; c++) {
                values[start + c] *= length / left;
            }
        }
    }

    private static double length(double[] values, int start, int count) {
        double square = 0;
        for (int c = 0; c < count; c++) {
            square += values[start + c] * values[start + c];
        }
        return Math.sqrt(square);
    }
}
