package org.iolaus.mpnn;

import org.iolaus.ir.Node;
import org.iolaus.nn.Activation;
import org.iolaus.nn.Initializer;
import org.iolaus.nn.Mlp;
import org.iolaus.nn.Scope;
import org.iolaus.op.Expr;

/// Graph isomorphism network (Xu et al. 2019): `mlp((1 + eps) x_i + sum_j x_j)` with a trained eps that
/// starts at 100.
public final class Gin implements MessagePassing {

    @Override
    public Layer layer(Scope scope, int in, int out, boolean last) {
        Scope module = scope.at("module_0");
        Node epsilon = module.parameter("eps", Initializer.constant(100), 1);
        Mlp mlp = Mlp.of(module.at("nn"), Activation.RELU, false, in, out, out);
        return (features, graph, context) -> {
            Node x = features.scalars();
            Node neighbours = Expr.segmentSum(Expr.gather(x, graph.source()), graph.target());
            return features.withScalars(mlp.apply(Expr.add(Expr.mul(x, Expr.shift(epsilon, 1)), neighbours)));
        };
    }

    @Override
    public boolean readsEdgeFeatures() {
        return false;
    }

    @Override
    public boolean normalised() {
        return true;
    }
}
