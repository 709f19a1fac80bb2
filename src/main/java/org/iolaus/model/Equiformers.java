package org.iolaus.model;

import static org.iolaus.model.Require.ARCHITECTURE;

import java.util.List;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.iolaus.attention.equiformer.DistanceExpansion;
import org.iolaus.attention.equiformer.EdgeFrames;
import org.iolaus.attention.equiformer.EdgeSet;
import org.iolaus.attention.equiformer.EquiformerEngine;
import org.iolaus.attention.equiformer.EquiformerV2;
import org.iolaus.attention.equiformer.FeedForwardNetwork;
import org.iolaus.attention.equiformer.So2EquivariantGraphAttention;
import org.iolaus.ir.Node;
import org.iolaus.model.Architecture.AttentionScope;
import org.iolaus.model.Architecture.Equiformer;
import org.iolaus.model.Architecture.EquiformerEdges;
import org.iolaus.model.Architecture.EquiformerFrame;
import org.iolaus.model.Architecture.Level;
import org.iolaus.mpnn.MessagePassing;
import org.iolaus.mpnn.MessagePassing.Layer;
import org.iolaus.mpnn.NodeFeatures;
import org.iolaus.nn.Cutoff;
import org.iolaus.nn.ForwardContext;
import org.iolaus.nn.Geometry;
import org.iolaus.nn.Graph;
import org.iolaus.nn.Scope;
import org.iolaus.nn.so3.EdgeFrame;
import org.iolaus.so3.CoefficientMapping;
import org.jspecify.annotations.Nullable;

/// EquiformerV2 as an architecture asks for it.
final class Equiformers implements GlobalAttention {
    private static final int ENVELOPE_EXPONENT = 6;
    private static final double GAUSSIAN_WIDTH = 2;
    private static final int LARGEST_DEGREE = 8;
    private static final String KEYS = ARCHITECTURE + "equiformer_";

    private final Architecture architecture;
    private final Equiformer settings;
    private final CoefficientMapping mapping;

    Equiformers(Architecture architecture) {
        this.architecture = architecture;
        this.settings = architecture.attention().equiformer();
        checkSizes();
        checkUse();
        mapping = new CoefficientMapping(settings.lmaxList(), settings.mmaxList());
    }

    private void checkSizes() {
        Require.positive(
                ARCHITECTURE + "global_attn_heads", architecture.attention().globalAttnHeads());
        List<Integer> degrees = settings.lmaxList();
        Require.that(!degrees.isEmpty(), KEYS + "lmax_list", "at least one degree", degrees);
        Require.sameLength(KEYS + "mmax_list", settings.mmaxList(), degrees.size());
        for (int i = 0; i < degrees.size(); i++) {
            int lmax = degrees.get(i);
            int mmax = settings.mmaxList().get(i);
            Require.that(lmax >= 0 && lmax <= LARGEST_DEGREE, KEYS + "lmax_list", "0 to " + LARGEST_DEGREE, lmax);
            Require.that(mmax >= 0 && mmax <= lmax, KEYS + "mmax_list", "0 to the degree " + lmax, mmax);
        }
        Integer grid = settings.gridResolution();
        boolean even = grid == null || (grid > 0 && grid % 2 == 0);
        Require.that(even, KEYS + "grid_resolution", "an even number above 0", grid);
        int elements = settings.maxNumElements();
        boolean known = elements > 1 && elements <= Inputs.ELEMENTS;
        Require.that(known, KEYS + "max_num_elements", "2 to " + Inputs.ELEMENTS, elements);
        Require.positive(KEYS + "sphere_channels", settings.sphereChannels());
        Require.positive(KEYS + "edge_channels", settings.edgeChannels());
        Require.positive(KEYS + "attn_hidden_channels", settings.attnHiddenChannels());
        Require.positive(KEYS + "attn_alpha_channels", settings.attnAlphaChannels());
        Require.positive(KEYS + "attn_value_channels", settings.attnValueChannels());
        Require.positive(KEYS + "ffn_hidden_channels", settings.ffnHiddenChannels());
        int functions = settings.numDistanceBasis();
        Require.that(functions > 1, KEYS + "num_distance_basis", "at least 2", functions);
        Require.belowOne(KEYS + "alpha_drop", settings.alphaDrop());
        Require.belowOne(KEYS + "drop_path_rate", settings.dropPathRate());
        Require.belowOne(KEYS + "proj_drop", settings.projDrop());
        Require.positive(KEYS + "radius", settings.radius());
        Require.positive(KEYS + "max_neighbours", settings.maxNeighbours());
        Require.positive(KEYS + "avg_degree", settings.avgDegree());
        Require.positive(KEYS + "avg_num_nodes", settings.avgNumNodes());
    }

    private void checkUse() {
        boolean potential = architecture.potential().enableInteratomicPotential();
        Require.that(
                !isAlone() || settings.edges() != EquiformerEdges.RADIUS || !hasOwnEdges(),
                ARCHITECTURE + "radius, max_neighbours",
                "those of equiformer_ or none with mpnn_type none",
                architecture.radius() + ", " + architecture.maxNeighbours());
        Require.that(
                !potential || settings.frame() != EquiformerFrame.ROLLED,
                KEYS + "frame",
                "smooth for a potential, whose forces are derivatives",
                settings.frame());
        Require.that(
                architecture.edgeWidth() == 0 || settings.edges() == EquiformerEdges.LOCAL,
                KEYS + "edges",
                "local with edge_features, which only the message passing's edges have",
                settings.edges());
        Require.that(
                settings.edges() != EquiformerEdges.LOCAL || architecture.radius() != null,
                ARCHITECTURE + "radius",
                "a cutoff for equiformer_edges local",
                null);
        List<Integer> widths = architecture.dimensions().outputDim();
        for (int i = 0; settings.heads() && i < widths.size(); i++) {
            Level level = architecture.dimensions().outputType().get(i);
            boolean graph = level == Level.GRAPH;
            Require.that(
                    widths.get(i) == (graph ? 1 : 3) && (graph || !potential),
                    KEYS + "heads",
                    "graph outputs of width 1 and node outputs of width 3, of which a potential has the first alone",
                    "a " + Require.text(level) + " output of width " + widths.get(i));
        }
    }

    /// Whether there is no message passing.
    private boolean isAlone() {
        return architecture.mpnnType() == MpnnType.NONE;
    }

    /// Whether attention has edges other than those of the message passing.
    private boolean hasOwnEdges() {
        boolean same = Objects.equals(architecture.radius(), settings.radius())
                && Objects.equals(architecture.maxNeighbours(), settings.maxNeighbours());
        return switch (settings.edges()) {
            case LOCAL -> false;
            case COMPLETE -> true;
            case RADIUS -> !same;
        };
    }

    @Override
    public boolean worksAlone() {
        return true;
    }

    @Override
    public @Nullable AttentionEdges edges() {
        if (!hasOwnEdges()) {
            return null;
        }
        return settings.edges() == EquiformerEdges.COMPLETE
                ? AttentionEdges.pairs(AttentionScope.GRAPH, false)
                : AttentionEdges.listed(settings.radius(), settings.maxNeighbours());
    }

    @Override
    public int elements() {
        return settings.maxNumElements();
    }

    @Override
    public boolean embedsElements() {
        return isAlone();
    }

    @Override
    public Layers build(Inputs inputs, Scope root, MessagePassing messagePassing) {
        return new Network(inputs, root.frozen(architecture.freezeConvLayers()), messagePassing);
    }

    /// The network with its parameters.
    private final class Network implements Layers {
        private final Inputs inputs;
        private final MessagePassing messagePassing;
        private final EquiformerEngine engine;

        Network(Inputs inputs, Scope root, MessagePassing messagePassing) {
            this.inputs = inputs;
            this.messagePassing = messagePassing;
            boolean reads = isAlone() && !architecture.elementEmbedding();
            List<Level> outputs = architecture.dimensions().outputType();
            engine = new EquiformerEngine(
                    root,
                    root.at("global_attention"),
                    networkSettings(),
                    inputs.graph,
                    reads ? architecture.dimensions().inputDim() : 0,
                    settings.heads() && outputs.contains(Level.GRAPH),
                    settings.heads() && outputs.contains(Level.NODE));
        }

        @Override
        public Layer layer(Scope place, int in, int out, boolean last, UnaryOperator<Layer> after) {
            Layer local = isAlone() ? null : after.apply(messagePassing.layer(place, in, out, last));
            boolean read = last ? !settings.heads() : local != null;
            EquiformerEngine.Layer layer = engine.layer(local, out, messagePassing.vectors(in, out, last), read, !last);
            return (features, graph, context) -> layer.apply(features, graph, edges(graph, context), context);
        }

        @Override
        public NodeFeatures embed(Node x, MessagePassing passing, Graph graph, ForwardContext context) {
            return engine.start(passing.start(x, graph), edges(graph, context));
        }

        @Override
        public @Nullable Head head(Level level) {
            if (!settings.heads()) {
                return null;
            }
            return level == Level.GRAPH
                    ? encoding -> engine.energies(encoding.atoms())
                    : encoding -> engine.forces(
                            encoding.atoms(), edges(encoding.graph(), encoding.context()), encoding.context());
        }

        private EdgeSet edges(Graph local, ForwardContext context) {
            return context.once(this, () -> make(local, context));
        }

        private EdgeSet make(Graph local, ForwardContext context) {
            Graph graph = hasOwnEdges()
                    ? new Graph(
                            inputs.positions,
                            inputs.attentionSource,
                            inputs.attentionTarget,
                            inputs.attentionShift,
                            null)
                    : local;
            Geometry geometry = graph.geometry(inputs.positions);
            EdgeFrame frame = smooth()
                    ? EdgeFrame.smooth(geometry.vector(), mapping)
                    : EdgeFrame.rolled(
                            geometry.vector(),
                            EdgeFrame.randomRoll(
                                    context.rngKey(),
                                    context.nextStream(),
                                    geometry.length().shape().dim(0)),
                            mapping);
            Node envelope = enveloped() ? Cutoff.polynomial(geometry.length(), radius(), ENVELOPE_EXPONENT) : null;
            return engine.network()
                    .edges(
                            graph.source(),
                            graph.target(),
                            inputs.atomicNumber,
                            new EdgeFrames(frame, mapping),
                            geometry.length(),
                            graph.edgeFeatures(),
                            envelope);
        }
    }

    private EquiformerV2.Settings networkSettings() {
        int heads = architecture.attention().globalAttnHeads();
        Integer channels = settings.sphereChannels();
        return new EquiformerV2.Settings(
                mapping,
                architecture.numConvLayers(),
                channels == null ? architecture.hiddenDim() : channels,
                settings.maxNumElements(),
                settings.edgeChannels(),
                architecture.edgeWidth(),
                atomEdges(),
                new DistanceExpansion.Settings(
                        settings.distanceFunction(), 0, radius(), settings.numDistanceBasis(), GAUSSIAN_WIDTH),
                new EquiformerV2.Attention(
                        settings.attnHiddenChannels(),
                        heads,
                        settings.attnAlphaChannels(),
                        settings.attnValueChannels(),
                        settings.useMShareRad(),
                        settings.useAttnRenorm(),
                        So2EquivariantGraphAttention.NonLinearity.of(settings.useGateAct(), settings.useSepS2Act()),
                        settings.alphaDrop()),
                settings.ffnHiddenChannels(),
                FeedForwardNetwork.Form.of(settings.useGridMlp(), settings.useGateAct(), settings.useSepS2Act()),
                settings.normType(),
                settings.gridResolution(),
                settings.weightInit(),
                settings.dropPathRate(),
                settings.projDrop(),
                settings.layerScale(),
                settings.avgDegree(),
                settings.avgNumNodes());
    }

    private EquiformerV2.AtomEdges atomEdges() {
        if (!settings.useAtomEdgeEmbedding()) {
            return EquiformerV2.AtomEdges.NONE;
        }
        return settings.shareAtomEdgeEmbedding() ? EquiformerV2.AtomEdges.SHARED : EquiformerV2.AtomEdges.OWN;
    }

    /// Å
    private double radius() {
        boolean local = settings.edges() == EquiformerEdges.LOCAL;
        return local ? Objects.requireNonNull(architecture.radius()) : settings.radius();
    }

    private boolean smooth() {
        EquiformerFrame frame = settings.frame();
        return frame == null ? architecture.potential().enableInteratomicPotential() : frame == EquiformerFrame.SMOOTH;
    }

    private boolean enveloped() {
        Boolean envelope = settings.cutoffEnvelope();
        boolean cut = settings.edges() != EquiformerEdges.COMPLETE;
        return envelope == null ? cut && architecture.potential().enableInteratomicPotential() : envelope;
    }
}
