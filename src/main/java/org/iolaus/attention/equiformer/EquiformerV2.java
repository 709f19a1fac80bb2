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
import org.jspecify.annotations.Nullable;

/// The network of Liao, Wood, Das and Smidt, "EquiformerV2: Improved Equivariant Transformer for Scaling to
/// Higher-Degree Representations" (ICLR 2024): an embedding of atoms and their surroundings, blocks of attention,
/// and two heads.
///
/// Each resolution has its own coefficients, dense layers, norms and grids. SO(2) convolutions and the scalars of
/// nonlinearities join the resolutions; all share the frames of the edges.
public final class EquiformerV2 {
    private final Settings settings;
    private final CoefficientMapping mapping;
    private final DistanceExpansion distances;
    private final Node sphereEmbedding;
    private final @Nullable AtomEdgeEmbedding shared;
    private final EdgeDegreeEmbedding edgeDegree;
    private final List<TransBlockV2> blocks = new ArrayList<>();
    private final List<EquivariantNorm> norms = new ArrayList<>();
    private final @Nullable FeedForwardNetwork energy;
    private final @Nullable So2EquivariantGraphAttention force;

    /// Which modules embed the elements at the ends of edges.
    public enum AtomEdges {
        /// no module
        NONE,
        /// each attention and the edge-degree embedding has its own embedding
        OWN,
        /// one embedding for the whole network
        SHARED
    }

    /// The paper's hyper-parameters.
    ///
    /// @param elements rows of the embeddings of elements: atomic numbers are below
    /// @param edgeFeatures columns that edges have beside the distance
    /// @param averageDegree what the edge-degree embedding divides sums by
    /// @param averageAtoms what the energy head divides sums by
    public record Settings(
            CoefficientMapping mapping,
            int layers,
            int sphereChannels,
            int elements,
            int edgeChannels,
            int edgeFeatures,
            AtomEdges atomEdges,
            DistanceExpansion.Settings distances,
            Attention attention,
            int networkHidden,
            FeedForwardNetwork.Form networkForm,
            EquivariantNorm.Type norm,
            @Nullable Integer gridResolution,
            WeightInit init,
            double dropPath,
            double projectionDropout,
            @Nullable Double layerScale,
            double averageDegree,
            double averageAtoms) {}

    /// Sizes and switches of attention.
    ///
    /// @param hidden channels between the SO(2) convolutions
    /// @param alphaChannels values per head from which its weight comes
    /// @param valueChannels channels per head of what is summed
    /// @param sharedRadial one radial weight for all orders of a degree
    /// @param renormalised whether alpha values pass a LayerNorm
    /// @param dropout probability that a weight counts as 0 in training
    public record Attention(
            int hidden,
            int heads,
            int alphaChannels,
            int valueChannels,
            boolean sharedRadial,
            boolean renormalised,
            So2EquivariantGraphAttention.NonLinearity nonLinearity,
            double dropout) {}

    /// Makes all weights.
    ///
    /// @param energies whether there is an energy head
    /// @param forces whether there is a head that gives forces directly
    public EquiformerV2(Scope scope, Settings settings, boolean energies, boolean forces) {
        this.settings = settings;
        mapping = settings.mapping();
        int channels = settings.sphereChannels();
        int width = settings.edgeChannels();
        int elements = settings.elements();
        distances = new DistanceExpansion(scope.at("distance_expansion"), settings.distances());
        sphereEmbedding = scope.at("sphere_embedding")
                .parameter(
                        Group.EMBEDDINGS, "weight", Initializer.normal(), elements, mapping.resolutions() * channels);
        boolean sharing = settings.atomEdges() == AtomEdges.SHARED;
        shared = sharing ? AtomEdgeEmbedding.of(scope, elements, width, Initializer.normal()) : null;
        int given = settings.distances().count() + settings.edgeFeatures() + (sharing ? 2 * width : 0);
        int own = settings.atomEdges() == AtomEdges.OWN ? elements : 0;
        EdgeChannels edge = new EdgeChannels(given, width, width, own);
        edgeDegree = new EdgeDegreeEmbedding(
                scope.at("edge_degree_embedding"), mapping, channels, edge, settings.averageDegree());
        So2EquivariantGraphAttention.Settings attention = attention(edge);
        FeedForwardNetwork.Settings network = new FeedForwardNetwork.Settings(
                settings.networkHidden(), settings.networkForm(), settings.gridResolution(), settings.init());
        TransBlockV2.Settings block = new TransBlockV2.Settings(
                attention,
                network,
                settings.norm(),
                settings.dropPath(),
                settings.projectionDropout(),
                settings.layerScale());
        for (int i = 0; i < settings.layers(); i++) {
            blocks.add(new TransBlockV2(scope.at("blocks").at(i), mapping, channels, channels, block));
        }
        for (int i = 0; i < mapping.resolutions(); i++) {
            Scope norm = Names.resolution(scope.at("norm"), i);
            norms.add(new EquivariantNorm(
                    norm, settings.norm(), mapping.lmaxList().get(i), channels));
        }
        energy = energies ? new FeedForwardNetwork(scope.at("energy_block"), mapping, channels, 1, network) : null;
        force = forces
                ? new So2EquivariantGraphAttention(scope.at("force_block"), mapping, channels, 1, attention)
                : null;
    }

    private So2EquivariantGraphAttention.Settings attention(EdgeChannels edge) {
        Attention given = settings.attention();
        return new So2EquivariantGraphAttention.Settings(
                given.hidden(),
                given.heads(),
                given.alphaChannels(),
                given.valueChannels(),
                edge,
                given.sharedRadial(),
                given.renormalised(),
                given.nonLinearity(),
                settings.gridResolution(),
                given.dropout(),
                settings.init());
    }

    public int layers() {
        return blocks.size();
    }

    /// The edges as layers take them.
    ///
    /// @param source sender of each edge: E -> N; `target` its receiver
    /// @param elements of each atom: N -> elements
    /// @param distance (E, 1), Å
    /// @param features (E, edgeFeatures); null without
    /// @param envelope (E, 1): goes to 0 at the cutoff; null: edges count in full up to it, as in the paper
    public EdgeSet edges(
            Node source,
            Node target,
            Node elements,
            EdgeFrames frames,
            Node distance,
            @Nullable Node features,
            @Nullable Node envelope) {
        Node expanded = distances.apply(distance);
        EdgeScalars scalars = EdgeScalars.of(features == null ? expanded : Expr.concat(1, expanded, features));
        EdgeSet edges = new EdgeSet(source, target, elements, frames, scalars, envelope);
        return shared == null ? edges : edges.with(shared);
    }

    /// Features of atoms before the first block: the sum over edges, plus the embedding of the element where l = 0.
    public So3Embedding embed(EdgeSet edges) {
        So3Embedding surroundings = edgeDegree.apply(edges);
        return surroundings.plusScalars(Constants.lookUp(sphereEmbedding, edges.elements()));
    }

    /// Features of atoms after a block.
    ///
    /// @param graph of each atom: N -> G
    public So3Embedding block(int i, So3Embedding x, EdgeSet edges, Node graph, ForwardContext context) {
        return blocks.get(i).apply(x, edges, graph, context);
    }

    /// Features after all blocks, normalised, as the heads take them.
    public So3Embedding apply(EdgeSet edges, Node graph, ForwardContext context) {
        So3Embedding x = embed(edges);
        for (int i = 0; i < layers(); i++) {
            x = block(i, x, edges, graph, context);
        }
        return normalise(x);
    }

    public So3Embedding normalise(So3Embedding x) {
        return EquivariantNorm.apply(norms, x);
    }

    /// (G, 1): the sum of the head over the atoms of each graph (l = 0, all resolutions together), divided by the
    /// average number of atoms.
    ///
    /// @param x normalised
    public Node energies(So3Embedding x, Node graph) {
        if (energy == null) {
            throw new IllegalStateException("EquiformerV2: want an energy head, got a network without");
        }
        return Expr.scale(Expr.segmentSum(energy.scalars(x), graph), 1 / settings.averageAtoms());
    }

    /// (N, 3): coefficients of degree 1 from an attention, the sum over resolutions.
    ///
    /// @param x normalised
    public Node forces(So3Embedding x, EdgeSet edges, ForwardContext context) {
        if (force == null) {
            throw new IllegalStateException("EquiformerV2: want a force head, got a network without");
        }
        if (mapping.lmax() == 0) {
            throw new IllegalArgumentException("EquiformerV2: want degree 1 for forces, got " + mapping);
        }
        return Expr.squeeze(force.vectors(x, edges, context), 2);
    }
}
