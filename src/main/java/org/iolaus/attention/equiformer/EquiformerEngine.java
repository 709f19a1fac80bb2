package org.iolaus.attention.equiformer;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.iolaus.ir.Node;
import org.iolaus.mpnn.MessagePassing;
import org.iolaus.mpnn.NodeFeatures;
import org.iolaus.nn.ForwardContext;
import org.iolaus.nn.Graph;
import org.iolaus.nn.Initializer;
import org.iolaus.nn.LayerNorm;
import org.iolaus.nn.Linear;
import org.iolaus.nn.Scope;
import org.iolaus.op.Expr;
import org.iolaus.op.Pad;
import org.iolaus.so3.CoefficientMapping;
import org.jspecify.annotations.Nullable;

/// EquiformerV2 as global attention beside message passing. Each layer is a block of the network; the coefficients of
/// all degrees pass from layer to layer.
///
/// The scalars that message passing gives are added to a shortcut, normalised, and added to the coefficients of l =
/// 0; its vectors are added to those of l = 1. After the block, the normalised coefficients of l = 0 and l = 1 are
/// added to the scalars and vectors. Without message passing nothing is added between blocks, so the coefficients are
/// those of the paper.
public final class EquiformerEngine {
    private final EquiformerV2 network;
    private final CoefficientMapping mapping;
    private final int channels;
    private final Scope scope;
    private final EquivariantNorm.Type norm;
    private final @Nullable Linear start;
    private final Node graph;
    private int layers;

    /// Makes the network.
    ///
    /// @param root where the network's own names begin
    /// @param scope where the layers between it and the local message passing are
    /// @param graph of each atom: N -> G
    /// @param startWidth width of scalars that are added before the first block; 0: none
    /// @param energies whether there is a head for energies; likewise `forces`
    public EquiformerEngine(
            Scope root,
            Scope scope,
            EquiformerV2.Settings settings,
            Node graph,
            int startWidth,
            boolean energies,
            boolean forces) {
        this.network = new EquiformerV2(root, settings, energies, forces);
        this.scope = scope;
        this.graph = graph;
        this.mapping = settings.mapping();
        this.channels = settings.sphereChannels();
        this.norm = settings.norm();
        start = startWidth == 0
                ? null
                : Linear.withoutBias(scope.at("start"), startWidth, mapping.resolutions() * channels);
    }

    /// The maps between a layer's coefficients and its other features; null where nothing flows.
    private record Coupling(
            @Nullable LayerNorm feedNorm,
            @Nullable Linear feedScalars,
            @Nullable Linear feedVectors,
            List<EquivariantNorm> readNorms,
            @Nullable Linear readScalars,
            @Nullable Linear readVectors) {}

    /// A block of the network with the message passing beside it.
    @FunctionalInterface
    public interface Layer {
        NodeFeatures apply(NodeFeatures features, Graph graph, EdgeSet edges, ForwardContext context);
    }

    /// Makes the next layer.
    ///
    /// @param local the layer of the message passing with what follows it; null without
    /// @param out width of the scalars that leave it
    /// @param vectors width of the vectors that leave it; 0 without
    /// @param read whether scalars are read after this layer
    /// @param readVectors whether vectors are read after it
    public Layer layer(MessagePassing.@Nullable Layer local, int out, int vectors, boolean read, boolean readVectors) {
        int i = layers++;
        Scope place = scope.at(i);
        int all = mapping.resolutions() * channels;
        boolean hasVectors = vectors > 0 && mapping.lmax() > 0;
        List<EquivariantNorm> norms = new ArrayList<>();
        for (int r = 0; read && r < mapping.resolutions(); r++) {
            Scope own = Names.resolution(place.at("read").at("norm"), r);
            norms.add(new EquivariantNorm(own, norm, mapping.lmaxList().get(r), channels));
        }
        Scope feed = place.at("feed");
        Coupling coupling = new Coupling(
                local != null ? LayerNorm.of(feed.at("norm"), out) : null,
                local != null ? Linear.of(feed.at("scalars"), out, all, Initializer.dense(out), null) : null,
                local != null && hasVectors ? Linear.withoutBias(feed.at("vectors"), vectors, all) : null,
                norms,
                read ? Linear.of(place.at("read").at("scalars"), all, out) : null,
                read && readVectors && hasVectors
                        ? Linear.withoutBias(place.at("read").at("vectors"), all, vectors)
                        : null);
        return (features, edgesOfGraph, edges, context) -> {
            So3Embedding x = embedding(features);
            NodeFeatures mixed = features;
            if (local != null) {
                mixed = beside(features, local.apply(features, edgesOfGraph, context));
                x = feed(coupling, x, mixed);
            }
            So3Embedding y = network.block(i, x, edges, graph, context);
            return read(coupling, mixed, y).withIrreps(y.joined());
        };
    }

    /// The network, which makes the edges.
    public EquiformerV2 network() {
        return network;
    }

    /// Features with the coefficients that enter the first layer.
    public NodeFeatures start(NodeFeatures features, EdgeSet edges) {
        So3Embedding x = network.embed(edges);
        x = start == null ? x : x.plusScalars(start.apply(features.scalars()));
        return features.withIrreps(x.joined());
    }

    /// (G, 1)
    public Node energies(NodeFeatures features) {
        return network.energies(network.normalise(embedding(features)), graph);
    }

    /// (N, 3)
    public Node forces(NodeFeatures features, EdgeSet edges, ForwardContext context) {
        return network.forces(network.normalise(embedding(features)), edges, context);
    }

    private So3Embedding embedding(NodeFeatures features) {
        return So3Embedding.split(Objects.requireNonNull(features.irreps()), mapping);
    }

    /// The result of message passing with a shortcut around it, if the widths agree.
    private static NodeFeatures beside(NodeFeatures before, NodeFeatures after) {
        Node h = before.scalars();
        return h.shape().equals(after.scalars().shape()) ? after.withScalars(Expr.add(h, after.scalars())) : after;
    }

    private So3Embedding feed(Coupling coupling, So3Embedding x, NodeFeatures features) {
        Node normal = Objects.requireNonNull(coupling.feedNorm()).apply(features.scalars());
        So3Embedding fed =
                x.plusScalars(Objects.requireNonNull(coupling.feedScalars()).apply(normal));
        Node vectors = features.vectors();
        if (coupling.feedVectors() == null || vectors == null) {
            return fed;
        }
        Node all = coupling.feedVectors().apply(vectors);
        List<Node> values = new ArrayList<>();
        for (int i = 0; i < mapping.resolutions(); i++) {
            Node value = fed.values().get(i);
            boolean hasDegreeOne = mapping.lmaxList().get(i) > 0;
            Node own = Expr.slice(all, 2, i * channels, channels);
            int coefficients = value.shape().dim(1).intValue();
            values.add(hasDegreeOne ? Expr.add(value, Node.of(new Pad(1, 1, coefficients), own)) : value);
        }
        return new So3Embedding(mapping, values);
    }

    private NodeFeatures read(Coupling coupling, NodeFeatures features, So3Embedding y) {
        if (coupling.readScalars() == null) {
            return features;
        }
        So3Embedding normal = EquivariantNorm.apply(coupling.readNorms(), y);
        Node scalars = coupling.readScalars().apply(normal.scalars());
        // where the network stands alone, what entered it is in the coefficients already
        Node sum = coupling.feedNorm() == null ? scalars : Expr.add(features.scalars(), scalars);
        Node vectors = features.vectors();
        if (coupling.readVectors() != null && vectors != null) {
            vectors = Expr.add(vectors, coupling.readVectors().apply(normal.vectors()));
        }
        return features.withScalars(sum).withVectors(vectors);
    }
}
