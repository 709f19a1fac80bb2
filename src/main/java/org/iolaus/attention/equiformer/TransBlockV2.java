package org.iolaus.attention.equiformer;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.nn.ForwardContext;
import org.iolaus.nn.Initializer;
import org.iolaus.nn.Parameters.Group;
import org.iolaus.nn.Scope;
import org.iolaus.op.Expr;
import org.iolaus.so3.CoefficientMapping;
import org.iolaus.tensor.Shape;
import org.jspecify.annotations.Nullable;

/// A layer of the network: attention, then the feed-forward network, each on normalised features and with a shortcut.
public final class TransBlockV2 {
    private final Settings settings;
    private final So2EquivariantGraphAttention attention;
    private final FeedForwardNetwork network;
    private final List<EquivariantNorm> firstNorm = new ArrayList<>();
    private final List<EquivariantNorm> secondNorm = new ArrayList<>();
    private final List<So3Linear> shortcut = new ArrayList<>();
    private final @Nullable Node firstScale;
    private final @Nullable Node secondScale;

    /// What a block is made of.
    ///
    /// @param dropPath probability that a branch is left out for a whole graph in training
    /// @param projectionDropout probability that a channel of an atom, with all its coefficients, is left out of a
    ///     branch in training
    /// @param layerScale initial value of a learned factor for each channel of a branch (Touvron et al.
    ///     2021); null: none
    public record Settings(
            So2EquivariantGraphAttention.Settings attention,
            FeedForwardNetwork.Settings network,
            EquivariantNorm.Type norm,
            double dropPath,
            double projectionDropout,
            @Nullable Double layerScale) {}

    /// Makes the weights.
    ///
    /// @param channels of the features that enter
    /// @param out of those that leave; the shortcut is a dense layer if they differ
    public TransBlockV2(Scope scope, CoefficientMapping mapping, int channels, int out, Settings settings) {
        this.settings = settings;
        WeightInit init = settings.network().init();
        attention = new So2EquivariantGraphAttention(scope.at("ga"), mapping, channels, channels, settings.attention());
        network = new FeedForwardNetwork(scope.at("ffn"), mapping, channels, out, settings.network());
        for (int i = 0; i < mapping.resolutions(); i++) {
            int lmax = mapping.lmaxList().get(i);
            Scope one = Names.resolution(scope.at("norm_1"), i);
            Scope two = Names.resolution(scope.at("norm_2"), i);
            firstNorm.add(new EquivariantNorm(one, settings.norm(), lmax, channels));
            secondNorm.add(new EquivariantNorm(two, settings.norm(), lmax, channels));
            if (channels != out) {
                Scope dense = Names.resolution(scope.at("ffn_shortcut"), i);
                shortcut.add(new So3Linear(dense, lmax, channels, out, init));
            }
        }
        firstScale = scale(scope.at("layer_scale_1"), channels);
        secondScale = scale(scope.at("layer_scale_2"), out);
    }

    private @Nullable Node scale(Scope scope, int channels) {
        Double first = settings.layerScale();
        return first == null ? null : scope.parameter(Group.NORMS, "weight", Initializer.constant(first), channels);
    }

    /// The layer.
    ///
    /// @param graph of each atom: N -> G
    public So3Embedding apply(So3Embedding x, EdgeSet edges, Node graph, ForwardContext context) {
        So3Embedding attended = attention.apply(EquivariantNorm.apply(firstNorm, x), edges, context);
        So3Embedding y = x.plus(branch(attended, firstScale, graph, context));
        So3Embedding changed = network.apply(EquivariantNorm.apply(secondNorm, y));
        return shortcut(y).plus(branch(changed, secondScale, graph, context));
    }

    private So3Embedding shortcut(So3Embedding y) {
        if (shortcut.isEmpty()) {
            return y;
        }
        List<Node> values = new ArrayList<>();
        for (int i = 0; i < shortcut.size(); i++) {
            values.add(shortcut.get(i).apply(y.values().get(i)));
        }
        return new So3Embedding(y.mapping(), values);
    }

    /// A branch with its factor and dropout.
    private So3Embedding branch(So3Embedding x, @Nullable Node scale, Node graph, ForwardContext context) {
        So3Embedding result = scale == null ? x : x.times(scale);
        if (context.dropsOut(settings.dropPath())) {
            Node ones = Expr.full(Shape.of(graph.type().indexRange(), 1, 1), 1);
            result = result.times(Expr.gather(context.dropout(ones, settings.dropPath()), graph));
        }
        if (context.dropsOut(settings.projectionDropout())) {
            List<Node> values = new ArrayList<>();
            for (Node value : result.values()) {
                Shape each = Shape.of(value.shape().dim(0), 1, value.shape().dim(2));
                Node mask = context.dropout(Expr.full(each, 1), settings.projectionDropout());
                values.add(Expr.mul(value, mask));
            }
            result = new So3Embedding(x.mapping(), values);
        }
        return result;
    }
}
