package org.iolaus.model;

import org.iolaus.attention.gps.GpsEngine;
import org.iolaus.model.Architecture.Attention;
import org.iolaus.model.Architecture.AttentionEngine;
import org.iolaus.model.Architecture.AttentionNorm;
import org.iolaus.model.Architecture.AttentionScope;
import org.iolaus.model.Architecture.AttentionType;
import org.iolaus.model.Architecture.MpnnType;
import org.iolaus.model.Architecture.NodeHeadType;
import org.iolaus.nn.Scope;
import org.jspecify.annotations.Nullable;

/// GPS as an architecture asks for it.
final class Gps {

    private Gps() {}

    static boolean wanted(Architecture architecture) {
        return architecture.attention().globalAttnEngine() == AttentionEngine.GPS;
    }

    /// Null unless the architecture has it.
    static @Nullable GpsEngine of(Architecture architecture, Inputs inputs, Scope root) {
        if (!wanted(architecture)) {
            return null;
        }
        check(architecture);
        Attention attention = architecture.attention();
        GpsEngine.Settings settings = new GpsEngine.Settings(
                architecture.hiddenDim(),
                architecture.elementEmbedding() ? 0 : architecture.dimensions().inputDim(),
                givenEdgeWidth(architecture),
                attention.peDim(),
                MessagePassingTypes.readsEdges(architecture.mpnnType()),
                attention.globalAttnHeads(),
                attention.globalAttnType() == AttentionType.PERFORMER,
                norm(architecture) == AttentionNorm.LAYER,
                dropout(architecture));
        return new GpsEngine(root, settings, inputs.attentionSource, inputs.attentionTarget, inputs.encodings);
    }

    private static void check(Architecture architecture) {
        int heads = architecture.attention().globalAttnHeads();
        AttentionType type = architecture.attention().globalAttnType();
        if (type == null) {
            throw new ModelException("global_attn_type: want multihead or performer for GPS, got null");
        }
        if (heads < 1 || (type == AttentionType.MULTIHEAD && architecture.hiddenDim() % heads != 0)) {
            throw new ModelException("global_attn_heads: want a divisor of hidden_dim " + architecture.hiddenDim()
                    + " for GPS, got " + heads);
        }
        if (architecture.mpnnType() == MpnnType.NONE) {
            throw new ModelException("mpnn_type: want message passing beside GPS, got none");
        }
        if (architecture.outputHeads().node().stream()
                .anyMatch(branch -> branch.architecture().type() == NodeHeadType.CONV)) {
            throw new ModelException("output_heads.node: want mlp or mlp_per_node with GPS, got conv");
        }
    }

    /// Who attends to whom.
    static AttentionScope scope(Architecture architecture) {
        AttentionScope scope = architecture.attention().globalAttnScope();
        if (scope != null) {
            return scope;
        }
        return HydraGnnCompat.wanted(architecture) ? AttentionScope.BATCH : AttentionScope.GRAPH;
    }

    private static double dropout(Architecture architecture) {
        Double dropout = architecture.attention().globalAttnDropout();
        return dropout != null ? dropout : ownPotential(architecture) ? 0 : Attention.DROPOUT;
    }

    private static AttentionNorm norm(Architecture architecture) {
        AttentionNorm norm = architecture.attention().globalAttnNorm();
        return norm != null ? norm : ownPotential(architecture) ? AttentionNorm.LAYER : AttentionNorm.BATCH;
    }

    /// Whether energies and forces are to be functions of one frame, in training too, and no reference asks for more.
    private static boolean ownPotential(Architecture architecture) {
        return architecture.potential().enableInteratomicPotential() && !HydraGnnCompat.wanted(architecture);
    }

    /// Columns of the positions' encodings; 0 without.
    static int encodings(Architecture architecture) {
        return wanted(architecture) ? architecture.attention().peDim() : 0;
    }

    /// Width of the edge features that the message passing reads, 0 without.
    static int edgeWidth(Architecture architecture) {
        return encodings(architecture) > 0 && MessagePassingTypes.readsEdges(architecture.mpnnType())
                ? architecture.hiddenDim()
                : givenEdgeWidth(architecture);
    }

    private static int givenEdgeWidth(Architecture architecture) {
        Integer edgeDim = architecture.dimensions().edgeDim();
        return edgeDim == null ? 0 : edgeDim;
    }
}
