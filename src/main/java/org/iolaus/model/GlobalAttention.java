package org.iolaus.model;

import java.util.function.UnaryOperator;
import org.iolaus.ir.Node;
import org.iolaus.model.Architecture.Level;
import org.iolaus.mpnn.MessagePassing;
import org.iolaus.mpnn.MessagePassing.Layer;
import org.iolaus.mpnn.NodeFeatures;
import org.iolaus.nn.ForwardContext;
import org.iolaus.nn.Graph;
import org.iolaus.nn.Scope;
import org.jspecify.annotations.Nullable;

/// Attention between all atoms of a graph, beside message passing or instead of it: what an architecture asks for,
/// before there are parameters. Without a global attention, everything is as the methods here have it by default.
interface GlobalAttention {

    /// The attention of an architecture; it checks its settings.
    ///
    /// @throws ModelException if they are not possible
    static GlobalAttention of(Architecture architecture) {
        AttentionEngine engine = architecture.attention().globalAttnEngine();
        GlobalAttention attention = engine == null ? new GlobalAttention() {} : engine.make(architecture);
        if (attention == null) {
            throw new ModelException(
                    Require.ARCHITECTURE + "global_attn_engine: want null or a supported one, got " + engine);
        }
        return attention;
    }

    /// Whether it may be all that connects atoms (`mpnn_type` `none`).
    default boolean worksAlone() {
        return false;
    }

    /// The edges that attention runs over; null if they are those of the message passing.
    default @Nullable AttentionEdges edges() {
        return null;
    }

    /// Laplacian eigenvectors that encode where an atom is in the graph; 0 without.
    default int encodings() {
        return 0;
    }

    /// Columns of the edge features that message passing reads.
    ///
    /// @param given columns of the data's edge features
    default int edgeWidth(int given) {
        return given;
    }

    /// Columns of the scalars that enter the first layer.
    ///
    /// @param given columns without attention
    default int startWidth(int given) {
        return given;
    }

    /// Atomic numbers must be below.
    default int elements() {
        return Inputs.ELEMENTS;
    }

    /// Whether it embeds the elements itself, so that the message passing needs no embedding.
    default boolean embedsElements() {
        return false;
    }

    /// Makes its parameters, except those of the layers.
    ///
    /// @param root where the names of parameters begin
    default Layers build(Inputs inputs, Scope root, MessagePassing messagePassing) {
        return (place, in, out, last, after) -> after.apply(messagePassing.layer(place, in, out, last));
    }

    /// The attention's parts of a network.
    interface Layers {

        /// Makes the next layer of the network: the message passing's with attention.
        ///
        /// @param place of the message passing's parameters
        /// @param in width of the scalars that enter; `out` of those that leave
        /// @param last whether no layer follows
        /// @param after adds what follows message passing: conditioning, normalisation and activation
        Layer layer(Scope place, int in, int out, boolean last, UnaryOperator<Layer> after);

        /// The graph that the message passing sees.
        ///
        /// @param local the graph as the batch has it
        default Graph graph(Graph local) {
            return local;
        }

        /// What enters the first layer.
        ///
        /// @param x (N, F): scalars of the atoms
        default NodeFeatures embed(Node x, MessagePassing messagePassing, Graph graph, ForwardContext context) {
            return messagePassing.start(x, graph);
        }

        /// A head of its own; null where those of the configuration are used.
        default @Nullable Head head(Level level) {
            return null;
        }
    }
}
