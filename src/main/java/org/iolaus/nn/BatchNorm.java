package org.iolaus.nn;

import org.iolaus.ir.Node;
import org.iolaus.nn.Parameters.Kind;
import org.iolaus.op.Expr;

/// Normalises each channel over the atoms of the batch (Ioffe and Szegedy 2015), eps 1e-5, momentum 0.1.
///
/// Training divides by the biased variance of the batch and moves the running statistics towards the mean and the
/// unbiased variance; evaluation uses the running statistics. Padding atoms do not count.
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
        weight = scope.parameter(Kind.NORM, "weight", Initializer.constant(1), channels);
        bias = scope.parameter(Kind.NORM, "bias", Initializer.constant(0), channels);
        runningMean = scope.buffer("running_mean", Initializer.constant(0), channels);
        runningVariance = scope.buffer("running_var", Initializer.constant(1), channels);
        batches = scope.buffer("num_batches_tracked", Initializer.constant(0), 1);
    }

    /// x: (N, C) -> (N, C)
    public Node apply(Node x, Pass pass) {
        return pass.training() ? train(x, pass) : normalise(x, runningMean, runningVariance);
    }

    private Node train(Node x, Pass pass) {
        Node atoms = over(pass, Expr.sum(pass.atomWeight(), 0));
        Node mean = Expr.div(over(pass, Expr.sum(Expr.mul(x, pass.atomWeight()), 0)), atoms);
        Node deviation = Expr.mul(Expr.square(Expr.sub(x, mean)), pass.atomWeight());
        Node variance = Expr.div(over(pass, Expr.sum(deviation, 0)), atoms);
        Node unbiased = Expr.mul(variance, Expr.div(atoms, Expr.max(Expr.shift(atoms, -1), Expr.constant(1))));
        move(pass, "running_mean", runningMean, Expr.squeeze(mean, 0));
        move(pass, "running_var", runningVariance, Expr.squeeze(unbiased, 0));
        String counter = scope.name("num_batches_tracked");
        pass.update(counter, Expr.shift(pass.buffer(counter, batches), 1));
        return normalise(x, mean, variance);
    }

    private Node normalise(Node x, Node mean, Node variance) {
        Node scale = Expr.mul(weight, Expr.reciprocal(Expr.sqrt(Expr.shift(variance, EPSILON))));
        return Expr.add(Expr.mul(Expr.sub(x, mean), scale), bias);
    }

    private void move(Pass pass, String name, Node start, Node batch) {
        Node before = pass.buffer(scope.name(name), start);
        pass.update(scope.name(name), Expr.add(Expr.scale(before, 1 - MOMENTUM), Expr.scale(batch, MOMENTUM)));
    }

    private static Node over(Pass pass, Node sum) {
        return pass.synchronised() ? Expr.allReduce(sum) : sum;
    }
}
