package org.iolaus.model;

import java.util.List;
import java.util.Objects;
import org.iolaus.attention.equiformer.DistanceExpansion;
import org.iolaus.attention.equiformer.EdgeFrames;
import org.iolaus.attention.equiformer.EdgeSet;
import org.iolaus.attention.equiformer.EquiformerEngine;
import org.iolaus.attention.equiformer.EquiformerV2;
import org.iolaus.attention.equiformer.FeedForwardNetwork;
import org.iolaus.attention.equiformer.So2EquivariantGraphAttention;
import org.iolaus.ir.Node;
import org.iolaus.model.Architecture.AttentionEngine;
import org.iolaus.model.Architecture.Equiformer;
import org.iolaus.model.Architecture.EquiformerEdges;
import org.iolaus.model.Architecture.EquiformerFrame;
import org.iolaus.model.Architecture.Level;
import org.iolaus.model.Architecture.MpnnType;
import org.iolaus.mpnn.MessagePassing;
import org.iolaus.nn.Cutoff;
import org.iolaus.nn.ForwardContext;
import org.iolaus.nn.Geometry;
import org.iolaus.nn.Graph;
import org.iolaus.nn.Scope;
import org.iolaus.nn.so3.EdgeFrame;
import org.iolaus.so3.CoefficientMapping;
import org.jspecify.annotations.Nullable;

/// EquiformerV2 as an architecture asks for it.
final class Equiformers {
    private static final int ENVELOPE_EXPONENT = 6;
    private static final double GAUSSIAN_WIDTH = 2;

    private final Architecture architecture;
    private final Equiformer settings;
    private final Inputs inputs;
    private final CoefficientMapping mapping;
    private final EquiformerEngine engine;

    private Equiformers(Architecture architecture, Inputs inputs, Scope root) {
        this.architecture = architecture;
        this.settings = architecture.attention().equiformer();
        this.inputs = inputs;
        check(architecture);
        mapping = new CoefficientMapping(settings.lmaxList(), settings.mmaxList());
        boolean alone = architecture.mpnnType() == MpnnType.NONE;
        int width = alone && !architecture.elementEmbedding()
                ? architecture.dimensions().inputDim()
                : 0;
        List<Level> outputs = architecture.dimensions().outputType();
        engine = new EquiformerEngine(
                root,
                root.at("global_attention"),
                network(),
                width,
                settings.heads() && outputs.contains(Level.GRAPH),
                settings.heads() && outputs.contains(Level.NODE));
    }

    /// Null unless the architecture has it.
    static @Nullable Equiformers of(Architecture architecture, Inputs inputs, Scope root) {
        return wanted(architecture) ? new Equiformers(architecture, inputs, root) : null;
    }

    static boolean wanted(Architecture architecture) {
        return architecture.attention().globalAttnEngine() == AttentionEngine.EQUIFORMER_V2;
    }

    /// Whether atoms are told apart by the network itself, so that no other embedding of elements is needed.
    static boolean embedsElements(Architecture architecture) {
        return wanted(architecture) && architecture.mpnnType() == MpnnType.NONE;
    }

    /// Whether attention has edges other than those of the message passing.
    static boolean hasOwnEdges(Architecture architecture) {
        Equiformer settings = architecture.attention().equiformer();
        boolean same = Objects.equals(architecture.radius(), settings.radius())
                && Objects.equals(architecture.maxNeighbours(), settings.maxNeighbours());
        return wanted(architecture)
                && switch (settings.edges()) {
                    case LOCAL -> false;
                    case COMPLETE -> true;
                    case RADIUS -> !same;
                };
    }

    private static void check(Architecture architecture) {
        Equiformer settings = architecture.attention().equiformer();
        if (architecture.attention().globalAttnHeads() < 1) {
            throw new ModelException("global_attn_heads: want at least 1 for EquiformerV2, got "
                    + architecture.attention().globalAttnHeads());
        }
        if (settings.maxNumElements() > Inputs.ELEMENTS) {
            throw new ModelException("equiformer_max_num_elements: want at most " + Inputs.ELEMENTS + ", got "
                    + settings.maxNumElements());
        }
        boolean potential = architecture.potential().enableInteratomicPotential();
        if (potential && settings.frame() == EquiformerFrame.ROLLED) {
            throw new ModelException(
                    "equiformer_frame: want smooth for a potential, whose forces are derivatives, got " + "rolled");
        }
        Integer edgeDim = architecture.dimensions().edgeDim();
        if (edgeDim != null && edgeDim > 0 && settings.edges() != EquiformerEdges.LOCAL) {
            throw new ModelException(
                    "equiformer_edges: want local with edge_features, which only the message passing's edges have, got "
                            + settings.edges());
        }
        List<Integer> widths = architecture.dimensions().outputDim();
        for (int i = 0; settings.heads() && i < widths.size(); i++) {
            boolean graph = architecture.dimensions().outputType().get(i) == Level.GRAPH;
            if (widths.get(i) != (graph ? 1 : 3) || (potential && !graph)) {
                throw new ModelException("equiformer_heads: want graph outputs of width 1 and node outputs of width 3,"
                        + " of which a potential has the first alone, got a " + (graph ? "graph" : "node")
                        + " output of width " + widths.get(i));
            }
        }
    }

    private EquiformerV2.Settings network() {
        int heads = architecture.attention().globalAttnHeads();
        Integer channels = settings.sphereChannels();
        Integer edgeDim = architecture.dimensions().edgeDim();
        return new EquiformerV2.Settings(
                mapping,
                architecture.numConvLayers(),
                channels == null ? architecture.hiddenDim() : channels,
                settings.maxNumElements(),
                settings.edgeChannels(),
                edgeDim == null ? 0 : edgeDim,
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
        Double local = architecture.radius();
        if (settings.edges() != EquiformerEdges.LOCAL) {
            return settings.radius();
        }
        if (local == null) {
            throw new ModelException("radius: want a cutoff for equiformer_edges local, got none");
        }
        return local;
    }

    /// Makes the part of layer `i` that is not message passing.
    void layer(MessagePassing messagePassing, int i, int in, int out) {
        boolean last = i + 1 == architecture.numConvLayers();
        boolean local = architecture.mpnnType() != MpnnType.NONE;
        boolean read = last ? !settings.heads() : local;
        engine.layer(local, out, messagePassing.vectors(in, out, last), read, !last);
    }

    /// Begins an evaluation.
    ///
    /// @param local the message passing's edges
    EquiformerEngine.Run begin(Graph local, ForwardContext context) {
        Graph graph = hasOwnEdges(architecture)
                ? new Graph(
                        inputs.positions, inputs.attentionSource, inputs.attentionTarget, inputs.attentionShift, null)
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
        EdgeSet edges = engine.network()
                .edges(
                        graph.source(),
                        graph.target(),
                        inputs.atomicNumber,
                        new EdgeFrames(frame, mapping),
                        geometry.length(),
                        graph.edgeFeatures(),
                        envelope);
        return engine.begin(edges, inputs.graph, context);
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
