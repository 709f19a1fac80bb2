package org.iolaus.mpnn;

import org.iolaus.ir.Node;
import org.iolaus.nn.Linear;
import org.iolaus.nn.Scope;
import org.iolaus.op.Expr;

/// GraphSAGE with the mean of the neighbours (Hamilton, Ying and Leskovec 2017): `W_l mean_j x_j + b + W_r x_i`. The
/// mean over no neighbours is 0.
public final class Sage implements MessagePassing {

    @Override
    public Layer layer(Scope scope, int in, int out, boolean last) {
        Scope module = scope.at("module_0");
        Linear neighbours = Linear.of(module.at("lin_l"), in, out);
        Linear own = Linear.withoutBias(module.at("lin_r"), in, out);
        return (features, graph, context) -> {
            Node x = features.scalars();
            Node sum = Expr.segmentSum(Expr.gather(x, graph.source()), graph.target());
            Node mean = Expr.div(sum, graph.degree());
            return features.withScalars(Expr.add(neighbours.apply(mean), own.apply(x)));
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
