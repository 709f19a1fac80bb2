package org.iolaus.attention.equiformer;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.iolaus.ir.Node;
import org.iolaus.nn.ForwardContext;
import org.iolaus.nn.Initializer;
import org.iolaus.nn.LayerNorm;
import org.iolaus.nn.Scope;
import org.iolaus.nn.SegmentSoftmax;
import org.iolaus.op.Expr;
import org.iolaus.so3.CoefficientMapping;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;
import org.jspecify.annotations.Nullable;

/// Attention over the edges of each atom, with messages made by SO(2) convolutions (the paper's
/// equivariant graph attention).
///
/// The message of an edge joins the features of both atoms, rotated into the edge's frame. The first convolution
/// gives hidden features, whose nonlinearity is a gate or acts on the sphere, and invariant values, from which the
/// weight of each head comes. The second convolution gives the values that the weights multiply. These are rotated
/// back, summed over the edges of the receiving atom, and projected.
public final class So2EquivariantGraphAttention {
    private final Settings settings;
    private final CoefficientMapping mapping;
    private final int channels;
    private final @Nullable AtomEdgeEmbedding embedding;
    private final @Nullable RadialFunction shared;
    private final So2Convolution first;
    private final So2Convolution second;
    private final @Nullable LayerNorm alphaNorm;
    private final Node alphaDot;
    private final List<So3Linear> projections = new ArrayList<>();
    private final List<GridTransform> grids = new ArrayList<>();

    /// The nonlinearity between the convolutions.
    public enum NonLinearity {
        GATE,
        SEPARABLE_S2,
        S2;

        /// The nonlinearity that the flags of a configuration ask for.
        public static NonLinearity of(boolean gate, boolean separable) {
            return gate ? GATE : separable ? SEPARABLE_S2 : S2;
        }

        /// Invariant values that it reads.
        int scalars(CoefficientMapping mapping, int hidden) {
            return switch (this) {
                case GATE -> GateActivation.gates(mapping) * hidden;
                case SEPARABLE_S2 -> mapping.resolutions() * hidden;
                case S2 -> 0;
            };
        }
    }

    /// Sizes and switches.
    ///
    /// @param hidden channels between the convolutions
    /// @param alphaChannels values per head from which its weight comes
    /// @param valueChannels channels per head of what is summed
    /// @param edge widths of the radial function
    /// @param sharedRadial one radial weight for all orders of a degree
    /// @param renormalised whether alpha values pass a LayerNorm
    /// @param gridResolution even; null for the default grid
    /// @param dropout probability that a weight counts as 0 in training
    public record Settings(
            int hidden,
            int heads,
            int alphaChannels,
            int valueChannels,
            EdgeChannels edge,
            boolean sharedRadial,
            boolean renormalised,
            NonLinearity nonLinearity,
            @Nullable Integer gridResolution,
            double dropout,
            WeightInit init) {}

    /// Makes the weights.
    ///
    /// @param channels of the features that enter
    /// @param out of those that leave
    public So2EquivariantGraphAttention(
            Scope scope, CoefficientMapping mapping, int channels, int out, Settings settings) {
        this.settings = settings;
        this.mapping = mapping;
        this.channels = channels;
        EdgeChannels edge = settings.edge();
        embedding = edge.elements() == 0 ? null : AtomEdgeEmbedding.own(scope, edge);
        shared = settings.sharedRadial()
                ? RadialFunction.of(scope.at("rad_func"), edge, mapping.mSize()[0] * 2 * channels)
                : null;
        int heads = settings.heads();
        int alpha = settings.alphaChannels();
        int further = settings.nonLinearity().scalars(mapping, settings.hidden());
        first = new So2Convolution(
                scope.at("so2_conv_1"),
                mapping,
                2 * channels,
                settings.hidden(),
                heads * alpha + further,
                shared == null ? edge : null,
                settings.init());
        alphaNorm = settings.renormalised() ? LayerNorm.of(scope.at("alpha_norm"), alpha) : null;
        alphaDot = scope.parameter("alpha_dot", Initializer.dense(alpha), heads, alpha);
        int values = heads * settings.valueChannels();
        second = new So2Convolution(
                scope.at("so2_conv_2"), mapping, settings.hidden(), values, 0, null, settings.init());
        for (int i = 0; i < mapping.resolutions(); i++) {
            CoefficientMapping one = mapping.resolution(i);
            projections.add(
                    new So3Linear(Names.resolution(scope.at("proj"), i), one.lmax(), values, out, settings.init()));
            if (settings.nonLinearity() != NonLinearity.GATE) {
                grids.add(GridTransform.ofEdges(one, settings.gridResolution()));
            }
        }
    }

    public So3Embedding apply(So3Embedding x, EdgeSet edges, ForwardContext context) {
        Messages messages = messages(x, edges, context);
        List<Node> joined = weigh(
                        second.apply(messages.hidden(), edges.scalars()).values(), messages.weights())
                .joined();
        List<Node> sums = new ArrayList<>();
        for (int i = 0; i < joined.size(); i++) {
            Node back = edges.frames().rotateBack(i, joined.get(i));
            sums.add(projections.get(i).apply(Expr.segmentSum(back, edges.target())));
        }
        return new So3Embedding(mapping, sums);
    }

    /// (N, 3, out): the output at l = 1, the sum over resolutions. Other degrees are not computed.
    Node vectors(So3Embedding x, EdgeSet edges, ForwardContext context) {
        Messages messages = messages(x, edges, context);
        Node sum = null;
        for (int i = 0; i < mapping.resolutions(); i++) {
            if (mapping.lmaxList().get(i) > 0) {
                Node rows = weigh(second.degree(messages.hidden(), i, 1), messages.weights());
                Node back = edges.frames().rotateBackDegree(i, rows, 1);
                Node own = projections.get(i).applyToDegree(Expr.segmentSum(back, edges.target()), 1);
                sum = sum == null ? own : Expr.add(sum, own);
            }
        }
        return Objects.requireNonNull(sum);
    }

    /// What edges carry between the convolutions.
    ///
    /// @param weights (E, heads): of their values
    private record Messages(OrderMajor hidden, Node weights) {}

    private Messages messages(So3Embedding x, EdgeSet edges, ForwardContext context) {
        EdgeSet known = embedding == null ? edges : edges.with(embedding);
        So2Convolution.Result hidden = first.apply(message(x, known), known.scalars());
        Node extra = Objects.requireNonNull(hidden.extra());
        int alphas = settings.heads() * settings.alphaChannels();
        Node weights = context.dropout(weights(Expr.slice(extra, 1, 0, alphas), edges), settings.dropout());
        if (edges.envelope() != null) {
            weights = Expr.mul(weights, edges.envelope());
        }
        return new Messages(activate(hidden.values(), extra, alphas, edges.frames()), weights);
    }

    /// Both atoms' features in the edge's frame, 2 C channels: sender, then receiver.
    private OrderMajor message(So3Embedding x, EdgeSet edges) {
        List<Node> turned = new ArrayList<>();
        for (int i = 0; i < mapping.resolutions(); i++) {
            Node value = x.values().get(i);
            Node sent = edges.frames().rotate(i, Expr.gather(value, edges.source()));
            Node received = edges.frames().rotate(i, Expr.gather(value, edges.target()));
            turned.add(Expr.concat(2, sent, received));
        }
        OrderMajor message = OrderMajor.of(mapping, turned);
        if (shared == null) {
            return message;
        }
        // a factor of a whole degree commutes with turning
        Node weights = shared.apply(edges.scalars());
        return message.timesDegrees(
                Expr.reshape(weights, Shape.of(weights.shape().dim(0), mapping.mSize()[0], 2 * channels)));
    }

    private OrderMajor activate(OrderMajor x, Node extra, int start, EdgeFrames frames) {
        int length = settings.nonLinearity().scalars(mapping, settings.hidden());
        return switch (settings.nonLinearity()) {
            case GATE -> GateActivation.ofEdges(x, Expr.slice(extra, 1, start, length));
            case SEPARABLE_S2 -> onGrid(x, Expr.slice(extra, 1, start, length), frames);
            case S2 -> onGrid(x, null, frames);
        };
    }

    /// Each resolution on its own grid.
    ///
    /// @param scalars (E, resolutions * hidden); null: l = 0 comes from the grid like the rest
    private OrderMajor onGrid(OrderMajor x, @Nullable Node scalars, EdgeFrames frames) {
        List<Node> changed = new ArrayList<>();
        List<Node> joined = x.joined();
        for (int i = 0; i < joined.size(); i++) {
            GridTransform grid = grids.get(i);
            Node activated = frames.activate(i, joined.get(i), each -> S2Activation.plain(each, grid));
            changed.add(
                    scalars == null
                            ? activated
                            : S2Activation.separated(
                                    Expr.slice(scalars, 1, i * settings.hidden(), settings.hidden()), activated));
        }
        return OrderMajor.of(mapping, changed);
    }

    /// (E, heads): softmax over the edges of each receiver.
    ///
    /// @param alpha (E, heads * alphaChannels)
    private Node weights(Node alpha, EdgeSet edges) {
        int heads = settings.heads();
        int width = settings.alphaChannels();
        Node split = Expr.reshape(alpha, Shape.of(alpha.shape().dim(0), heads, width));
        Node normal = alphaNorm == null ? split : alphaNorm.apply(split);
        Node logits = Expr.squeeze(Expr.sum(Expr.mul(SmoothLeakyRelu.of(normal), alphaDot), 2), 2);
        return SegmentSoftmax.of(logits, edges.target(), edges.envelope());
    }

    /// @param weights (E, heads)
    private OrderMajor weigh(OrderMajor values, Node weights) {
        return new OrderMajor(
                mapping,
                values.parts().stream().map(part -> weigh(part, weights)).toList());
    }

    /// Values of each head times its weight: (E, ..., heads * valueChannels)
    private Node weigh(Node values, Node weights) {
        int heads = settings.heads();
        Dim rows = Dim.of(1);
        for (int axis = 1; axis < values.shape().rank() - 1; axis++) {
            rows = rows.times(values.shape().dim(axis));
        }
        Dim edges = values.shape().dim(0);
        Node byHead = Expr.reshape(values, Shape.of(edges, rows, heads, settings.valueChannels()));
        Node weighted = Expr.mul(byHead, Expr.reshape(weights, Shape.of(edges, 1, heads, 1)));
        return Expr.reshape(weighted, values.shape());
    }
}
