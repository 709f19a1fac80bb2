package org.iolaus.model;

import java.util.List;
import org.iolaus.attention.equiformer.DistanceExpansion;
import org.iolaus.attention.equiformer.EquivariantNorm;
import org.iolaus.attention.equiformer.WeightInit;
import org.iolaus.nn.Activation;
import org.iolaus.nn.Loss;
import org.iolaus.nn.Pooling;
import org.jspecify.annotations.Nullable;

/// The network: `NeuralNetwork.Architecture` of a configuration.
///
/// The records in [Dimensions], [Basis], [Potential] and [Attention] group keys that stand side by side in the file.
/// `docs/configuration.md` describes every key.
///
/// @param radius cutoff of the neighbour list, Å; null where the model needs none
/// @param maxNeighbours nearest neighbours kept per atom; null keeps all
/// @param periodicBoundaryConditions null: as each frame says; true: every frame must be periodic; false: none is
/// @param edgeFeatures names of the per-edge inputs beside the geometry
/// @param equivariance whether positions move from layer to layer (EGNN, SchNet); null counts as false
/// @param taskWeights one per head, divided by the sum of their absolute values in the loss
/// @param normalizeTargets whether losses compare numbers of the size of 1 instead of those of the data
/// @param compatibility the program whose peculiarities are reproduced; null: none
/// @param elementEmbedding learned embedding of the atomic number (width hiddenDim) instead of raw node columns
public record Architecture(
        MpnnType mpnnType,
        int hiddenDim,
        int numConvLayers,
        Activation.Type activationFunction,
        @Nullable Double radius,
        @Nullable Integer maxNeighbours,
        @Nullable Boolean periodicBoundaryConditions,
        List<String> edgeFeatures,
        @Nullable Boolean equivariance,
        Pooling graphPooling,
        OutputHeads outputHeads,
        List<Double> taskWeights,
        boolean normalizeTargets,
        boolean useGraphAttrConditioning,
        ConditioningMode graphAttrConditioningMode,
        boolean freezeConvLayers,
        @Nullable Double initialBias,
        boolean syncBatchNorm,
        @Nullable Compatibility compatibility,
        boolean elementEmbedding,
        Dimensions dimensions,
        Basis basis,
        Potential potential,
        Attention attention) {

    /// Whether a head has an MLP for each atom index within the graph.
    public boolean hasMlpPerNode() {
        return outputHeads.node().stream().anyMatch(head -> head.architecture().type() == NodeHeadType.MLP_PER_NODE);
    }

    /// How many atoms every graph must have; null where their number does not matter, whatever `num_nodes` says.
    public @Nullable Integer atomsPerGraph() {
        return hasMlpPerNode() ? dimensions.numNodes() : null;
    }

    /// Columns of the data's edge features; 0 without.
    int edgeWidth() {
        return dimensions.edgeDim() == null ? 0 : dimensions.edgeDim();
    }

    /// Columns of what describes an atom at the start.
    int startWidth() {
        return elementEmbedding ? hiddenDim : dimensions.inputDim();
    }

    /// Sizes that follow from the variables of interest and from the data.
    ///
    /// @param inputDim columns of the node features
    /// @param outputDim width of each head
    /// @param outputType what each head predicts
    /// @param numNodes atoms per graph where all graphs have the same number (`mlp_per_node`)
    /// @param edgeDim columns of the edge features; null without
    /// @param pnaDeg histogram of in-degrees over the training atoms
    /// @param avgNumNeighbors mean in-degree over the training atoms
    public record Dimensions(
            int inputDim,
            List<Integer> outputDim,
            List<Level> outputType,
            @Nullable Integer numNodes,
            @Nullable Integer edgeDim,
            @Nullable List<Long> pnaDeg,
            @Nullable Double avgNumNeighbors) {}

    /// Sizes of radial and angular bases and of the blocks around them; null where the model has no such thing.
    public record Basis(
            @Nullable Integer numGaussians,
            @Nullable Integer numFilters,
            @Nullable Integer numRadial,
            @Nullable Integer numSpherical,
            @Nullable Integer envelopeExponent,
            @Nullable RadialType radialType,
            @Nullable DistanceTransform distanceTransform,
            @Nullable Integer basisEmbSize,
            @Nullable Integer intEmbSize,
            @Nullable Integer outEmbSize,
            @Nullable Integer numBeforeSkip,
            @Nullable Integer numAfterSkip,
            @Nullable Integer maxEll,
            @Nullable Integer nodeMaxEll,
            @Nullable List<Integer> correlation) {}

    /// Interatomic-potential mode: one head gives the energy, forces are its derivative.
    ///
    /// @param energyWeight weight of the loss on total energies; likewise per atom and on force components
    /// @param energyLossType kind of both losses on energies; null: `Training.loss_function_type`
    /// @param forceLossType kind of the loss on forces; null: likewise
    /// @param energyScale null: the head's output is the energy in eV; otherwise it is multiplied by this
    public record Potential(
            boolean enableInteratomicPotential,
            double energyWeight,
            double energyPeratomWeight,
            double forceWeight,
            @Nullable Loss energyLossType,
            @Nullable Loss forceLossType,
            @Nullable EnergyScale energyScale,
            EnergyReference energyReference) {}

    /// Factor between the head's output and eV.
    ///
    /// @param value eV per unit of output; null: it follows from the training frames
    /// @param rule by which it follows; null: it is given
    public record EnergyScale(
            @Nullable Double value, @Nullable ScaleRule rule) {
        public static EnergyScale of(double value) {
            return new EnergyScale(value, null);
        }

        public static EnergyScale of(ScaleRule rule) {
            return new EnergyScale(null, rule);
        }
    }

    /// What of the training frames is the scale of energies.
    public enum ScaleRule {
        /// root mean square of the components of the forces
        AUTO,
        /// standard deviation of what [EnergyReference] leaves: of a frame's energy with `MEAN`, of the energy per
        /// atom with `PER_ELEMENT`
        ENERGY_STD
    }

    /// Global attention beside the message passing.
    ///
    /// @param globalAttnScope who attends to whom in GPS; null: the atoms of a graph to each other, but as the
    ///     reference with its compatibility
    /// @param globalAttnNorm normalisation in GPS; null: `BATCH`, but `LAYER` in a potential that
    ///     needs no compatibility
    /// @param globalAttnDropout of GPS; null: [#DROPOUT], but none in a potential that needs no compatibility
    /// @param peDim Laplacian eigenvectors that encode positions in the graph; 0 without
    public record Attention(
            @Nullable AttentionEngine globalAttnEngine,
            @Nullable AttentionType globalAttnType,
            int globalAttnHeads,
            @Nullable AttentionScope globalAttnScope,
            @Nullable AttentionNorm globalAttnNorm,
            @Nullable Double globalAttnDropout,
            int peDim,
            int equivariantAttnLmax,
            int equivariantAttnNumRadial,
            int equivariantAttnFeedforwardMultiplier,
            boolean equivariantAttnAllowScalarOnly,
            boolean equivariantAttnRequireTensorCoupling,
            @Nullable Integer equivariantAttnChunkSize,
            CouplingMode equivariantAttnCouplingMode,
            Equiformer equiformer) {
        /// The reference's dropout in GPS.
        public static final double DROPOUT = 0.25;
    }

    /// EquiformerV2 as global attention engine; names and defaults are those of the paper's code and its
    /// configuration for OC20 (12 layers, L = 6, M = 2).
    ///
    /// @param lmaxList largest degree of each resolution
    /// @param mmaxList largest order of each resolution in the frames of edges
    /// @param sphereChannels channels of each coefficient; null: `hiddenDim`
    /// @param maxNumElements atomic numbers are below
    /// @param gridResolution polar angles and azimuths of the grids, even; null: as few as needed
    /// @param edges which edges attention runs over
    /// @param radius cutoff of its own neighbour list, Å
    /// @param maxNeighbours nearest neighbours kept per atom in it; null keeps all
    /// @param frame the edges' frames; null: `smooth` for a potential, else `rolled`
    /// @param cutoffEnvelope whether edges weigh less towards the cutoff and nothing there; null: only
    ///     for a potential
    /// @param avgDegree what sums over edges are divided by in the first embedding
    /// @param avgNumNodes what the energy head's sum over atoms is divided by
    /// @param layerScale first value of a learned factor for each channel of each branch; null without
    /// @param heads whether outputs come from the paper's heads: of graphs one energy, of nodes
    ///     three force components
    public record Equiformer(
            List<Integer> lmaxList,
            List<Integer> mmaxList,
            @Nullable Integer sphereChannels,
            int maxNumElements,
            @Nullable Integer gridResolution,
            int edgeChannels,
            int attnHiddenChannels,
            int attnAlphaChannels,
            int attnValueChannels,
            int ffnHiddenChannels,
            EquivariantNorm.Type normType,
            boolean useAtomEdgeEmbedding,
            boolean shareAtomEdgeEmbedding,
            boolean useMShareRad,
            boolean useAttnRenorm,
            boolean useGateAct,
            boolean useGridMlp,
            boolean useSepS2Act,
            DistanceExpansion.Function distanceFunction,
            int numDistanceBasis,
            double alphaDrop,
            double dropPathRate,
            double projDrop,
            WeightInit weightInit,
            EquiformerEdges edges,
            double radius,
            @Nullable Integer maxNeighbours,
            @Nullable EquiformerFrame frame,
            @Nullable Boolean cutoffEnvelope,
            double avgDegree,
            double avgNumNodes,
            @Nullable Double layerScale,
            boolean heads) {}

    /// Heads by level; one entry per branch, several branches for several datasets.
    public record OutputHeads(List<GraphBranch> graph, List<NodeBranch> node) {}

    /// One branch of the graph heads; `type` is its label, such as `branch-0`.
    public record GraphBranch(String type, GraphHead architecture) {}

    /// One branch of the node heads; `type` is its label, such as `branch-0`.
    public record NodeBranch(String type, NodeHead architecture) {}

    /// Dense layers after pooling: `numSharedlayers` of one width shared by the branch's heads, then each head's own.
    public record GraphHead(int numSharedlayers, int dimSharedlayers, int numHeadlayers, List<Integer> dimHeadlayers) {}

    /// Layers of a per-atom head.
    public record NodeHead(int numHeadlayers, List<Integer> dimHeadlayers, NodeHeadType type) {}

    /// Whether a quantity belongs to a graph or to each of its nodes.
    public enum Level {
        GRAPH,
        NODE
    }

    /// Kind of per-atom head: one MLP, one MLP per position in the graph, or message-passing layers.
    public enum NodeHeadType {
        MLP,
        MLP_PER_NODE,
        CONV
    }

    /// Where per-graph attributes enter.
    public enum ConditioningMode {
        FILM,
        CONCAT_NODE,
        FUSE_POOL
    }

    /// Whose oddities the model reproduces.
    public enum Compatibility {
        HYDRAGNN
    }

    /// What is added to the model's energy: nothing, the training set's least-squares energy of each element, or the
    /// mean energy of its frames.
    public enum EnergyReference {
        NONE,
        PER_ELEMENT,
        MEAN
    }

    /// Radial functions of MACE.
    public enum RadialType {
        BESSEL,
        GAUSSIAN,
        CHEBYSHEV
    }

    /// Transform of distances before MACE's radial functions.
    public enum DistanceTransform {
        NONE("None"),
        AGNESI("Agnesi"),
        SOFT("Soft");

        private final String key;

        DistanceTransform(String key) {
            this.key = key;
        }

        @Override
        public String toString() {
            return key;
        }
    }

    /// Attention inside GPS.
    public enum AttentionType {
        MULTIHEAD,
        PERFORMER
    }

    /// What features are normalised over in GPS: the atoms of a batch, or the channels of each atom.
    public enum AttentionNorm {
        BATCH,
        LAYER
    }

    /// Atoms that attend to each other in GPS.
    public enum AttentionScope {
        GRAPH,
        BATCH
    }

    /// Edges that EquiformerV2's attention runs over: its own neighbour list, all pairs of a graph, or the message
    /// passing's edges with their features.
    public enum EquiformerEdges {
        RADIUS,
        COMPLETE,
        LOCAL
    }

    /// Frames of edges: the paper's, with a random roll and no gradient, or smooth ones.
    public enum EquiformerFrame {
        ROLLED,
        SMOOTH
    }

    /// Order of local layer and equivariant attention.
    public enum CouplingMode {
        PARALLEL,
        SEQUENTIAL
    }
}
