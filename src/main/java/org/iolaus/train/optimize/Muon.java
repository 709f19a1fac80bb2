package org.iolaus.train.optimize;

import static org.iolaus.op.Expr.add;
import static org.iolaus.op.Expr.concat;
import static org.iolaus.op.Expr.constant;
import static org.iolaus.op.Expr.div;
import static org.iolaus.op.Expr.matmul;
import static org.iolaus.op.Expr.max;
import static org.iolaus.op.Expr.mul;
import static org.iolaus.op.Expr.reshape;
import static org.iolaus.op.Expr.scale;
import static org.iolaus.op.Expr.shift;
import static org.iolaus.op.Expr.slice;
import static org.iolaus.op.Expr.sqrt;
import static org.iolaus.op.Expr.square;
import static org.iolaus.op.Expr.sub;
import static org.iolaus.op.Expr.sum;
import static org.iolaus.op.Expr.where;
import static org.iolaus.op.Expr.zeros;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.iolaus.ir.Node;
import org.iolaus.nn.Parameters.Group;
import org.iolaus.nn.Parameters.Spec;
import org.iolaus.tensor.Shape;
import org.iolaus.train.Checks;
import org.iolaus.train.Training;

/// Muon (Jordan et al., 2024) for weight matrices, AdamW for all else.
///
/// The step of a matrix is its momentum with all singular values made about 1, by five Newton-Schulz
/// iterations, times `0.2 sqrt(max(rows, columns))`, so that it is as large as AdamW's and one learning rate
/// and decay do for both (Liu et al., 2025; PyTorch's `match_rms_adamw`). Momentum is Nesterov's. Matrices are
/// the last two axes of weights, if both are longer than 1: a weight with an axis before them is several;
/// biases, scales, embeddings and layers with one input or output follow AdamW.
public record Muon(double momentum, double beta1, double beta2, double epsilon, double weightDecay)
        implements UpdateRule {
    static final OptimizerType.Defaults DEFAULTS = new OptimizerType.Defaults(0.1, 1e-8, 0.95);
    private static final int ITERATIONS = 5;
    private static final double[] COEFFICIENTS = {3.4445, -4.7750, 2.0315};
    private static final double LEAST_NORM = 1e-7;
    private static final String MEAN = "exp_avg";
    private static final String SQUARE = "exp_avg_sq";

    public Muon {
        Checks.fraction("Muon: momentum", momentum);
        Checks.fraction("Muon: beta1", beta1);
        Checks.fraction("Muon: beta2", beta2);
        Checks.notNegative("Muon: epsilon", epsilon);
        Checks.notNegative("Muon: weight_decay", weightDecay);
    }

    Muon(Training.Optimizer settings) {
        this(
                settings.momentum(),
                settings.betas().getFirst(),
                settings.betas().getLast(),
                settings.eps(),
                settings.weightDecay());
    }

    /// Means are of all parameters, by different decay rates; those of squares stay 0 for matrices.
    @Override
    public List<String> slots() {
        return List.of(MEAN, SQUARE);
    }

    @Override
    public void update(Update step) {
        Node d = step.gradient();
        Node isMatrix = step.ofTensors(spec -> isMatrix(spec) ? 1 : 0);
        Node share = step.ofTensors(spec -> 1 - (isMatrix(spec) ? momentum : beta1));
        Node before = step.slot(MEAN);
        Node mean = step.store(MEAN, add(before, mul(share, sub(d, before))));
        Node squares = step.slot(SQUARE);
        Node ofRest = add(scale(squares, beta2), mul(scale(d, 1 - beta2), d));
        Node square = step.store(SQUARE, where(isMatrix, squares, ofRest));
        Node size = step.number((n, rate) -> rate / (1 - Math.pow(beta1, (double) n)));
        Node correction = step.number((n, _) -> Math.sqrt(1 - Math.pow(beta2, (double) n)));
        Node move = div(mul(size, mean), shift(div(sqrt(square), correction), epsilon));
        List<Update.Tensor> matrices = step.tensors().stream()
                .filter(tensor -> isMatrix(tensor.spec()))
                .toList();
        if (!matrices.isEmpty()) {
            Node orthogonal = orthogonal(step, Update.lerp(d, mean, momentum), matrices);
            move = where(isMatrix, mul(step.number((_, rate) -> rate), orthogonal), move);
        }
        step.move(sub(step.parametersAfterDecay(weightDecay), move));
    }

    private static boolean isMatrix(Spec spec) {
        Shape shape = spec.shape();
        return spec.group() == Group.WEIGHTS
                && shape.rank() >= 2
                && !shape.dim(-1).isOne()
                && !shape.dim(-2).isOne();
    }

    /// Some matrices' momentum, made orthogonal and as large as AdamW's step: (B, ROW) -> (B, ROW)
    private static Node orthogonal(Update step, Node rows, List<Update.Tensor> matrices) {
        Map<Shape, List<Update.Tensor>> alike = new LinkedHashMap<>();
        matrices.forEach(matrix -> alike.computeIfAbsent(batch(matrix.spec()), _ -> new ArrayList<>())
                .add(matrix));
        List<Node> results = new ArrayList<>();
        List<Update.Tensor> order = new ArrayList<>();
        alike.forEach((shape, tensors) -> {
            results.add(orthogonal(step.take(rows, tensors), shape, fillRows(shape) ? 1 : tensors.size()));
            order.addAll(tensors);
        });
        return step.put(concat(0, results), order);
    }

    /// Matrices that go together: where they fill whole rows, any of one size, else those of one parameter's shape.
    private static Shape batch(Spec spec) {
        Shape matrix = Shape.of(spec.shape().dim(-2), spec.shape().dim(-1));
        return fillRows(matrix) ? matrix : spec.shape();
    }

    private static boolean fillRows(Shape matrices) {
        return matrices.volume().longValue() % Update.ROW == 0;
    }

    /// @param shape as [#batch] gives it
    /// @param count stretches of rows, each with a gap at its end
    private static Node orthogonal(Node rows, Shape shape, int count) {
        int m = shape.dim(-2).intValue();
        int n = shape.dim(-1).intValue();
        int all = rows.shape().volume().intValue();
        boolean whole = fillRows(shape);
        int used = whole ? all : shape.volume().intValue();
        Node flat = reshape(rows, Shape.of(count, all / count));
        Node numbers = slice(flat, 1, 0, used);
        Node x = reshape(numbers, Shape.of(count * used / (m * n), m, n));
        Node norm = sqrt(whole ? sumOfRows(square(rows), x.shape()) : sum(square(x), 1, 2));
        x = orthogonal(div(x, max(norm, constant(LEAST_NORM))));
        x = reshape(scale(x, 0.2 * Math.sqrt(Math.max(m, n))), numbers.shape());
        Node filled = used == all / count ? x : concat(1, x, zeros(Shape.of(count, all / count - used)));
        return reshape(filled, rows.shape());
    }

    /// Sums of matrices that fill rows: (rows, ROW) -> (matrices, 1, 1)
    private static Node sumOfRows(Node rows, Shape matrices) {
        int of = matrices.dim(1).intValue() * matrices.dim(2).intValue() / Update.ROW;
        Node sums = reshape(sum(rows, 1), Shape.of(matrices.dim(0), of));
        return reshape(sum(sums, 1), Shape.of(matrices.dim(0), 1, 1));
    }

    /// Newton-Schulz iterations: singular values of at most 1 come near 1, the vectors stay. (matrices, m, n)
    private static Node orthogonal(Node start) {
        boolean wide = start.shape().dim(1).longValue() <= start.shape().dim(2).longValue();
        Node x = start;
        for (int i = 0; i < ITERATIONS; i++) {
            Node gram = wide ? matmul(x, x, false, true) : matmul(x, x, true, false);
            Node factor = add(scale(gram, COEFFICIENTS[1]), scale(matmul(gram, gram), COEFFICIENTS[2]));
            x = add(scale(x, COEFFICIENTS[0]), wide ? matmul(factor, x) : matmul(x, factor));
        }
        return x;
    }
}
