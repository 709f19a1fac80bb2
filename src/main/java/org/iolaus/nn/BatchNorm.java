package org.iolaus.nn;

import org.iolaus.ir.Node;
import org.iolaus.nn.Parameters.Group;
import org.iolaus.op.Expr;

/// Normalises each channel over the atoms of the batch (Ioffe and Szegedy 2015), eps 1e-5, momentum 0.1.
///
/// Training divides by the biased variance of the batch and moves the running statistics towards the mean and the
/// unbiased variance. Evaluation uses the running statistics. Padding atoms do not count.
public final class BatchNorm {
    private static final double EPSILON = 1e-5;
    private static final double MOMENTUM = 0.1;

    private final Scope scope;
    private final Node weight;
    private final Node bias;
    private final Node runningMean;
    private final Node runningVariance;
    private final Node batches;

    public BatchNorm(Scope scope, int channels) {
        this.scope = scope;
        weight = scope.parameter(Group.NORMS, "weight", Initializer.constant(1), channels);
        bias = scope.parameter(Group.NORMS, "bias", Initializer.constant(0), channels);
        runningMean = scope.buffer("running_mean", Initializer.constant(0), channels);
        runningVariance = scope.buffer("running_var", Initializer.constant(1), channels);
        batches = scope.buffer("num_batches_tracked", Initializer.constant(0), 1);
    }

    /// x: (N, C) -> (N, C)
    public Node apply(Node x, ForwardContext context) {
        return context.training() ? train(x, context) : normalise(x, runningMean, runningVariance);
    }

    private Node train(Node x, ForwardContext context) {
        Node atoms = over(context, Expr.sum(context.atomWeight(), 0));
        Node mean = Expr.div(over(context, Expr.sum(Expr.mul(x, context.atomWeight()), 0)), atoms);
        Node deviation = Expr.mul(Expr.square(Expr.sub(x, mean)), context.atomWeight());
        Node variance = Expr.div(over(context, Expr.sum(deviation, 0)), atoms);
        Node unbiased = Expr.mul(variance, Expr.div(atoms, Expr.max(Expr.shift(atoms, -1), Expr.constant(1))));
        move(context, "running_mean", runningMean, Expr.squeeze(mean, 0));
        move(context, "running_var", runningVariance, Expr.squeeze(unbiased, 0));
        String counter = scope.name("num_batches_tracked");
        context.update(counter, Expr.shift(context.buffer(counter, batches), 1));
        return normalise(x, mean, variance);
    }

    private Node normalise(Node x, Node mean, Node variance) {
        Node scale = Expr.mul(weight, Expr.reciprocal(Expr.sqrt(Expr.shift(variance, EPSILON))));
        return Expr.add(Expr.mul(Expr.sub(x, mean), scale), bias);
    }

    private void move(ForwardContext context, String name, Node start, Node batch) {
        Node before = context.buffer(scope.name(name), start);
        context.update(scope.name(name), Expr.add(Expr.scale(before, 1 - MOMENTUM), Expr.scale(batch, MOMENTUM)));
    }

    private static Node over(ForwardContext context, Node sum) {
        return context.synchronised() ? Expr.allReduce(sum) : sum;
    }
}
