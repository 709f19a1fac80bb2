package org.iolaus.model;

import static org.iolaus.model.Require.ARCHITECTURE;

import java.util.function.UnaryOperator;
import org.iolaus.attention.gps.GpsEngine;
import org.iolaus.ir.Node;
import org.iolaus.model.Architecture.Attention;
import org.iolaus.model.Architecture.AttentionNorm;
import org.iolaus.model.Architecture.AttentionScope;
import org.iolaus.model.Architecture.AttentionType;
import org.iolaus.model.Architecture.NodeBranch;
import org.iolaus.model.Architecture.NodeHeadType;
import org.iolaus.mpnn.MessagePassing;
import org.iolaus.mpnn.MessagePassing.Layer;
import org.iolaus.mpnn.NodeFeatures;
import org.iolaus.nn.ForwardContext;
import org.iolaus.nn.Graph;
import org.iolaus.nn.Scope;

/// GPS as an architecture asks for it.
final class Gps implements GlobalAttention {
    private final Architecture architecture;
    private final Attention settings;

    Gps(Architecture architecture) {
        this.architecture = architecture;
        this.settings = architecture.attention();
        int heads = settings.globalAttnHeads();
        int channels = architecture.hiddenDim();
        AttentionType type = settings.globalAttnType();
        Require.that(type != null, ARCHITECTURE + "global_attn_type", "multihead or performer for GPS", type);
        Require.positive(ARCHITECTURE + "global_attn_heads", heads);
        Require.that(
                type == AttentionType.PERFORMER || channels % heads == 0,
                ARCHITECTURE + "global_attn_heads",
                "a divisor of hidden_dim " + channels + " for GPS",
                heads);
        Require.notNegative(ARCHITECTURE + "pe_dim", settings.peDim());
        Require.belowOne(ARCHITECTURE + "global_attn_dropout", settings.globalAttnDropout());
        for (NodeBranch branch : architecture.outputHeads().node()) {
            NodeHeadType head = branch.architecture().type();
            Require.that(
                    head != NodeHeadType.CONV,
                    ARCHITECTURE + "output_heads.node",
                    "mlp or mlp_per_node with GPS",
                    head);
        }
    }

    @Override
    public AttentionEdges edges() {
        AttentionScope scope = settings.globalAttnScope();
        boolean batch = scope == null ? HydraGnnCompat.wanted(architecture) : scope == AttentionScope.BATCH;
        return AttentionEdges.pairs(batch ? AttentionScope.BATCH : AttentionScope.GRAPH, true);
    }

    @Override
    public int encodings() {
        return settings.peDim();
    }

    @Override
    public int edgeWidth(int given) {
        return encodings() > 0 ? architecture.hiddenDim() : given;
    }

    @Override
    public int startWidth(int given) {
        return architecture.hiddenDim();
    }

    @Override
    public Layers build(Inputs inputs, Scope root, MessagePassing messagePassing) {
        GpsEngine engine = new GpsEngine(
                root,
                new GpsEngine.Settings(
                        architecture.hiddenDim(),
                        architecture.elementEmbedding()
                                ? 0
                                : architecture.dimensions().inputDim(),
                        architecture.edgeWidth(),
                        encodings(),
                        messagePassing.readsEdgeFeatures(),
                        settings.globalAttnHeads(),
                        settings.globalAttnType() == AttentionType.PERFORMER,
                        norm() == AttentionNorm.LAYER,
                        dropout()),
                inputs.attentionSource,
                inputs.attentionTarget,
                inputs.encodings);
        return new Layers() {
            @Override
            public Layer layer(Scope place, int in, int out, boolean last, UnaryOperator<Layer> after) {
                return after.apply(engine.layer(place, messagePassing, last));
            }

            @Override
            public Graph graph(Graph local) {
                return local.withEdgeFeatures(engine.edges(local.edgeFeatures(), local.source(), local.target()));
            }

            @Override
            public NodeFeatures embed(Node x, MessagePassing passing, Graph graph, ForwardContext context) {
                return passing.start(engine.atoms(x), graph);
            }
        };
    }

    private double dropout() {
        Double dropout = settings.globalAttnDropout();
        return dropout != null ? dropout : isOwnPotential() ? 0 : Attention.DROPOUT;
    }

    private AttentionNorm norm() {
        AttentionNorm norm = settings.globalAttnNorm();
        return norm != null ? norm : isOwnPotential() ? AttentionNorm.LAYER : AttentionNorm.BATCH;
    }

    /// Whether energies and forces must depend on one frame only, in training too, and no reference asks for more.
    private boolean isOwnPotential() {
        return architecture.potential().enableInteratomicPotential() && !HydraGnnCompat.wanted(architecture);
    }
}
