package org.iolaus.model;

import org.iolaus.ir.Node;
import org.iolaus.model.Architecture.ConditioningMode;
import org.iolaus.nn.Activation;
import org.iolaus.nn.Linear;
import org.iolaus.nn.Mlp;
import org.iolaus.nn.Scope;
import org.iolaus.op.Expr;
import org.jspecify.annotations.Nullable;

/// Brings the attributes of a graph into the network.
///
/// `film`: after each layer, channels are scaled by `1 + tanh(scale)` and shifted, both from an MLP of the attributes
/// (Perez et al. 2018). `concat_node`: after each layer one dense layer, shared by all, reads features and
/// attributes. `fuse_pool`: two dense layers read pooled features and attributes.
final class Conditioning {
    private final int width;
    private final @Nullable Mlp modulation;
    private final @Nullable Linear atomProjector;
    private final @Nullable Mlp graphProjector;

    private Conditioning(
            int width, @Nullable Mlp modulation, @Nullable Linear atomProjector, @Nullable Mlp graphProjector) {
        this.width = width;
        this.modulation = modulation;
        this.atomProjector = atomProjector;
        this.graphProjector = graphProjector;
    }

    /// @param width of the features
    /// @param attributes columns of the graph attributes
    static Conditioning of(ConditioningMode mode, Scope root, Activation activation, int width, int attributes) {
        if (attributes < 1) {
            throw new ModelException(Require.ARCHITECTURE
                    + "use_graph_attr_conditioning: want a dataset with graph attributes, got one without");
        }
        int hidden = Math.max(width, attributes);
        int both = width + attributes;
        return switch (mode) {
            case FILM ->
                new Conditioning(
                        width,
                        Mlp.of(root.at("graph_conditioner"), activation, false, attributes, hidden, 2 * width),
                        null,
                        null);
            case CONCAT_NODE ->
                new Conditioning(width, null, Linear.of(root.at("graph_concat_projector"), both, width), null);
            case FUSE_POOL ->
                new Conditioning(
                        width,
                        null,
                        null,
                        Mlp.of(root.at("graph_pool_projector"), activation, false, both, width, width));
        };
    }

    /// After a layer. x: (N, C) -> (N, C)
    Node atoms(Node x, Inputs inputs) {
        if (modulation != null) {
            Node hidden =
                    modulation.activation().apply(modulation.layers().getFirst().apply(inputs.graphAttr));
            Linear last = modulation.layers().getLast();
            Node scale = Expr.shift(Expr.tanh(last.rows(0, width).apply(hidden)), 1);
            Node shift = last.rows(width, width).apply(hidden);
            return Expr.add(Expr.mul(x, Expr.gather(scale, inputs.graph)), Expr.gather(shift, inputs.graph));
        }
        if (atomProjector != null) {
            int attributes = inputs.graphAttr.shape().dim(1).intValue();
            Node fromGraph = atomProjector.columns(width, attributes).apply(inputs.graphAttr);
            Node fromAtom = new Linear(atomProjector.columns(0, width).weight(), atomProjector.bias()).apply(x);
            return Expr.add(fromAtom, Expr.gather(fromGraph, inputs.graph));
        }
        return x;
    }

    /// After pooling. pooled: (G, C) -> (G, C)
    Node graphs(Node pooled, Inputs inputs) {
        return graphProjector == null
                ? pooled
                : graphProjector.after(graphProjector.layers().getFirst().applyToParts(pooled, inputs.graphAttr));
    }
}
