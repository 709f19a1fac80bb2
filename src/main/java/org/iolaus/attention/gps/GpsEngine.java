package org.iolaus.attention.gps;

import org.iolaus.ir.Node;
import org.iolaus.mpnn.MessagePassing;
import org.iolaus.mpnn.NodeFeatures;
import org.iolaus.nn.Activation;
import org.iolaus.nn.BatchNorm;
import org.iolaus.nn.ForwardContext;
import org.iolaus.nn.Graph;
import org.iolaus.nn.LayerNorm;
import org.iolaus.nn.Linear;
import org.iolaus.nn.Scope;
import org.iolaus.op.Expr;
import org.jspecify.annotations.Nullable;

/// GPS as global attention: each layer has message passing and, beside it, attention over all atoms of the graph.
///
/// Attention reads and writes scalars only; vectors are those of the message passing. Eigenvectors of the graph's
/// Laplacian encode where an atom is in the graph. They enter the features of atoms and, as absolute differences,
/// those of edges.
public final class GpsEngine {
    private final Settings settings;
    private final Attention.Pairs pairs;
    private final @Nullable Node positions;
    private final @Nullable Linear nodeEmbedding;
    private final @Nullable Linear positionEmbedding;
    private final @Nullable Linear nodeMap;
    private final @Nullable Linear relativeEmbedding;
    private final @Nullable Linear edgeEmbedding;
    private final @Nullable Linear edgeMap;

    /// Sizes and choices.
    ///
    /// @param channels of the features of atoms in all layers
    /// @param nodeWidth columns of the initial features of atoms; 0: they have the channels' width already
    /// @param edgeWidth columns of the edge features, 0 without
    /// @param encodings eigenvectors that encode positions, 0 without
    /// @param readsEdges whether the message passing reads features of edges
    /// @param performer whether attention uses random features
    /// @param layerNorm whether the features of each atom are normalised over channels instead of over the batch
    /// @param dropout of both branches and of the layers after them
    public record Settings(
            int channels,
            int nodeWidth,
            int edgeWidth,
            int encodings,
            boolean readsEdges,
            int heads,
            boolean performer,
            boolean layerNorm,
            double dropout) {}

    /// Makes the embeddings.
    ///
    /// @param source A -> N: whose values are collected; sorted by `target`, A -> N: who collects
    /// @param positions (N, P): encodings of positions in the graph; not read if there are none
    public GpsEngine(Scope root, Settings settings, Node source, Node target, Node positions) {
        this.settings = settings;
        this.pairs = new Attention.Pairs(source, target);
        int channels = settings.channels();
        int encodings = settings.encodings();
        this.positions = encodings == 0 ? null : positions;
        positionEmbedding = encodings == 0 ? null : Linear.withoutBias(root.at("pos_emb"), encodings, channels);
        nodeEmbedding = settings.nodeWidth() == 0
                ? null
                : Linear.withoutBias(root.at("node_emb"), settings.nodeWidth(), channels);
        nodeMap = encodings == 0 ? null : Linear.withoutBias(root.at("node_lin"), 2 * channels, channels);
        boolean edges = encodings > 0 && settings.readsEdges();
        relativeEmbedding = edges ? Linear.withoutBias(root.at("rel_pos_emb"), encodings, channels) : null;
        boolean both = edges && settings.edgeWidth() > 0;
        edgeEmbedding = both ? Linear.withoutBias(root.at("edge_emb"), settings.edgeWidth(), channels) : null;
        edgeMap = both ? Linear.withoutBias(root.at("edge_lin"), 2 * channels, channels) : null;
    }

    /// Whether a buffer of this name is a projection that training draws again from time to time.
    public static boolean isProjection(String name) {
        return PerformerAttention.projects(name);
    }

    /// The features that enter the first layer: (N, nodeWidth or C) -> (N, C)
    public Node atoms(Node x) {
        Node embedded = nodeEmbedding == null ? x : nodeEmbedding.apply(x);
        return positions == null || positionEmbedding == null || nodeMap == null
                ? embedded
                : nodeMap.applyToParts(embedded, positionEmbedding.apply(positions));
    }

    /// Features of the message passing's edges: (E, C); the given ones without encodings.
    ///
    /// @param features (E, D); null without
    public @Nullable Node edges(@Nullable Node features, Node source, Node target) {
        if (positions == null || relativeEmbedding == null) {
            return features;
        }
        Node relative = Expr.abs(Expr.sub(Expr.gather(positions, source), Expr.gather(positions, target)));
        Node encoded = relativeEmbedding.apply(relative);
        return features == null || edgeEmbedding == null || edgeMap == null
                ? encoded
                : edgeMap.applyToParts(edgeEmbedding.apply(features), encoded);
    }

    /// Makes a layer.
    ///
    /// @param messagePassing beside which attention runs
    /// @param last whether no layer follows that reads vectors or positions
    public MessagePassing.Layer layer(Scope scope, MessagePassing messagePassing, boolean last) {
        int channels = settings.channels();
        MessagePassing.Layer local = messagePassing.layer(scope.at("conv"), channels, channels, last);
        Scope place = scope.at("attn");
        Attention attention = settings.performer()
                ? new PerformerAttention(place, channels, settings.heads())
                : new MultiheadAttention(place, channels, settings.heads());
        Linear wide = Linear.of(scope.at("mlp").at(0), channels, 2 * channels);
        Linear narrow = Linear.of(scope.at("mlp").at(3), 2 * channels, channels);
        return new Layer(
                local, attention, wide, narrow, norm(scope, "norm1"), norm(scope, "norm2"), norm(scope, "norm3"));
    }

    private Norm norm(Scope scope, String name) {
        if (settings.layerNorm()) {
            LayerNorm norm = LayerNorm.of(scope.at(name), settings.channels());
            return (x, context) -> norm.apply(x);
        }
        return new BatchNorm(scope.at(name).at("module"), settings.channels())::apply;
    }

    private interface Norm {
        Node apply(Node x, ForwardContext context);
    }

    /// `a = norm1(local(x) + x)`, `b = norm2(attention(x) + x)`, then `norm3(a + b + mlp(a + b))`.
    private final class Layer implements MessagePassing.Layer {
        private final MessagePassing.Layer local;
        private final Attention attention;
        private final Linear wide;
        private final Linear narrow;
        private final Norm norm1;
        private final Norm norm2;
        private final Norm norm3;

        Layer(
                MessagePassing.Layer local,
                Attention attention,
                Linear wide,
                Linear narrow,
                Norm norm1,
                Norm norm2,
                Norm norm3) {
            this.local = local;
            this.attention = attention;
            this.wide = wide;
            this.narrow = narrow;
            this.norm1 = norm1;
            this.norm2 = norm2;
            this.norm3 = norm3;
        }

        @Override
        public NodeFeatures apply(NodeFeatures features, Graph graph, ForwardContext context) {
            Node x = features.scalars();
            double dropout = settings.dropout();
            NodeFeatures passed = local.apply(features, graph, context);
            Node near = norm1.apply(Expr.add(context.dropout(passed.scalars(), dropout), x), context);
            Node all = norm2.apply(Expr.add(context.dropout(attention.apply(x, pairs), dropout), x), context);
            Node both = Expr.add(near, all);
            Node hidden = context.dropout(Activation.RELU.apply(wide.apply(both)), dropout);
            Node further = context.dropout(narrow.apply(hidden), dropout);
            return passed.withScalars(norm3.apply(Expr.add(both, further), context));
        }
    }
}
