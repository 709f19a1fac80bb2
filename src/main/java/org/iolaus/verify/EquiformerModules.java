package org.iolaus.verify;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.iolaus.attention.equiformer.DistanceExpansion;
import org.iolaus.attention.equiformer.EdgeChannels;
import org.iolaus.attention.equiformer.EdgeDegreeEmbedding;
import org.iolaus.attention.equiformer.EdgeScalars;
import org.iolaus.attention.equiformer.EdgeSet;
import org.iolaus.attention.equiformer.EquiformerV2;
import org.iolaus.attention.equiformer.EquivariantNorm;
import org.iolaus.attention.equiformer.FeedForwardNetwork;
import org.iolaus.attention.equiformer.GateActivation;
import org.iolaus.attention.equiformer.GridTransform;
import org.iolaus.attention.equiformer.OrderMajor;
import org.iolaus.attention.equiformer.RadialFunction;
import org.iolaus.attention.equiformer.S2Activation;
import org.iolaus.attention.equiformer.SmoothLeakyRelu;
import org.iolaus.attention.equiformer.So2Convolution;
import org.iolaus.attention.equiformer.So2EquivariantGraphAttention;
import org.iolaus.attention.equiformer.So2MConvolution;
import org.iolaus.attention.equiformer.So3Embedding;
import org.iolaus.attention.equiformer.So3Linear;
import org.iolaus.attention.equiformer.TransBlockV2;
import org.iolaus.attention.equiformer.WeightInit;
import org.iolaus.config.ConfigException;
import org.iolaus.ir.Node;
import org.iolaus.nn.ForwardContext;
import org.iolaus.nn.Scope;
import org.iolaus.op.Expr;
import org.iolaus.so3.CoefficientMapping;
import org.iolaus.tensor.Shape;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// Builds EquiformerV2 and its modules as reference files describe them: which one by the beginning of a
/// group's name, everything else by its configuration.
final class EquiformerModules {
    /// Beginnings of names; where one begins like another, the longer one comes first.
    private static final List<String> PREFIXES = List.of(
            "gaussian_smearing",
            "radial_function",
            "edge_degree",
            "so3_linear",
            "so2_m_conv",
            "so2_conv",
            "layer_norm_sh",
            "layer_norm",
            "rms_norm_sh",
            "rms_norm_v1",
            "gate_activation",
            "separable_s2_activation",
            "s2_activation",
            "smooth_leaky_relu",
            "scaled_smooth_leaky_relu",
            "scaled_silu",
            "scaled_sigmoid",
            "ffn",
            "attn",
            "block");

    private final JsonNode settings;
    private final EquiformerCase.Inputs inputs;
    private final Scope scope;

    EquiformerModules(JsonNode settings, EquiformerCase.Inputs inputs, Scope scope) {
        this.settings = settings;
        this.inputs = inputs;
        this.scope = scope;
    }

    static boolean recognises(String group, JsonNode settings) {
        return isNetwork(settings) || PREFIXES.stream().anyMatch(group::startsWith);
    }

    private static boolean isNetwork(JsonNode settings) {
        return settings.has("lmax_list") && settings.has("num_layers");
    }

    /// Outputs by name.
    Map<String, Node> outputs(String group) {
        if (isNetwork(settings)) {
            return network();
        }
        String prefix = PREFIXES.stream().filter(group::startsWith).findFirst().orElse("");
        return switch (prefix) {
            case "gaussian_smearing" -> y(gaussianSmearing());
            case "radial_function" -> y(radialFunction());
            case "edge_degree" -> Map.of("embedding", edgeDegree());
            case "so3_linear" -> y(so3Linear());
            case "so2_m_conv" -> y(so2MConvolution());
            case "so2_conv" -> so2Convolution();
            case "layer_norm_sh" -> y(norm(EquivariantNorm.Type.LAYER_NORM_SH));
            case "layer_norm" -> y(norm(EquivariantNorm.Type.LAYER_NORM));
            case "rms_norm_sh" -> y(norm(EquivariantNorm.Type.RMS_NORM_SH));
            case "rms_norm_v1" -> y(norm(EquivariantNorm.Type.RMS_NORM_V1));
            case "gate_activation" -> y(gateActivation());
            case "separable_s2_activation" -> y(s2Activation(true));
            case "s2_activation" -> y(s2Activation(false));
            case "smooth_leaky_relu" -> y(SmoothLeakyRelu.of(x("B"), number("negative_slope")));
            case "scaled_smooth_leaky_relu" -> y(SmoothLeakyRelu.scaled(x("B"), number("negative_slope")));
            case "scaled_silu" -> y(SmoothLeakyRelu.scaledSilu(x("B")));
            case "scaled_sigmoid" -> y(SmoothLeakyRelu.scaledSigmoid(x("B")));
            case "ffn" -> y(feedForward());
            case "attn" -> Map.of("embedding", attention());
            case "block" -> Map.of("embedding", block());
            default -> throw new ConfigException(group + ": want a name that begins with one of " + PREFIXES);
        };
    }

    private static Map<String, Node> y(Node node) {
        return Map.of("y", node);
    }

    private Node x(String rows) {
        return inputs.array("x", rows);
    }

    private Node gaussianSmearing() {
        Node distance = Expr.unsqueeze(inputs.array("distance", "E"), 1);
        DistanceExpansion.Settings gaussians = new DistanceExpansion.Settings(
                DistanceExpansion.Function.GAUSSIAN,
                number("start"),
                number("stop"),
                integer("num_gaussians"),
                number("basis_width_scalar"));
        return new DistanceExpansion(scope, gaussians).apply(distance);
    }

    private Node radialFunction() {
        List<Integer> widths = integers("channels");
        RadialFunction radial = new RadialFunction(scope, widths.get(0), widths.get(1), widths.get(2), widths.get(3));
        return radial.apply(EdgeScalars.of(x("E")));
    }

    private Node edgeDegree() {
        CoefficientMapping mapping = mapping();
        EdgeDegreeEmbedding embedding = new EdgeDegreeEmbedding(
                scope, mapping, integer("sphere_channels"), edgeChannels(), number("rescale_factor"));
        return embedding.apply(edges(mapping, integer("max_num_elements"))).joined();
    }

    private Node so3Linear() {
        So3Linear linear = new So3Linear(
                scope, integer("lmax"), integer("in_features"), integer("out_features"), WeightInit.UNIFORM);
        return linear.apply(x("N"));
    }

    private Node so2MConvolution() {
        int degrees = integer("lmax") - integer("m") + 1;
        int in = degrees * integer("sphere_channels");
        int out = degrees * integer("m_output_channels");
        Node rows = Expr.reshape(x("E"), Shape.of("E", 2 * in));
        Node result = new So2MConvolution(scope, in, out, WeightInit.UNIFORM).apply(rows);
        return Expr.reshape(result, Shape.of("E", 2, out));
    }

    private Map<String, Node> so2Convolution() {
        CoefficientMapping mapping = mapping();
        Integer extra = orNull("extra_m0_output_channels");
        So2Convolution convolution = new So2Convolution(
                scope,
                mapping,
                integer("sphere_channels"),
                integer("m_output_channels"),
                extra == null ? 0 : extra,
                flag("internal_weights") ? null : edgeChannels(0),
                WeightInit.UNIFORM);
        EdgeScalars scalars = EdgeScalars.of(inputs.array("edge_feat", "E"));
        So2Convolution.Result result = convolution.apply(orderMajor(x("E"), mapping), scalars);
        Map<String, Node> outputs = new LinkedHashMap<>();
        outputs.put("y", reduced(result.values()));
        if (result.extra() != null) {
            outputs.put("extra", result.extra());
        }
        return outputs;
    }

    private Node norm(EquivariantNorm.Type kind) {
        return new EquivariantNorm(scope, kind, integer("lmax"), integer("num_channels")).apply(x("N"));
    }

    private Node gateActivation() {
        OrderMajor x = orderMajor(x("E"), mapping());
        return reduced(GateActivation.ofEdges(x, inputs.array("gating_scalars", "E")));
    }

    private Node s2Activation(boolean separable) {
        CoefficientMapping mapping = mapping();
        GridTransform grid = GridTransform.ofEdges(mapping, orNull("grid_resolution"));
        Node x = permuted(x("E"), mapping.reducedOfMMajor());
        Node y =
                separable ? S2Activation.separable(inputs.array("scalars", "E"), x, grid) : S2Activation.plain(x, grid);
        return permuted(y, mapping.mMajorOfReduced());
    }

    private Node feedForward() {
        CoefficientMapping mapping = mapping();
        FeedForwardNetwork network = new FeedForwardNetwork(
                scope,
                mapping,
                integer("sphere_channels"),
                integer("output_channels"),
                feedForwardSettings("hidden_channels"));
        return network.apply(So3Embedding.split(x("N"), mapping)).joined();
    }

    private FeedForwardNetwork.Settings feedForwardSettings(String hidden) {
        return new FeedForwardNetwork.Settings(
                integer(hidden),
                FeedForwardNetwork.Form.of(flag("use_grid_mlp"), flag("use_gate_act"), flag("use_sep_s2_act")),
                orNull("grid_resolution"),
                WeightInit.UNIFORM);
    }

    private Node attention() {
        CoefficientMapping mapping = mapping();
        So2EquivariantGraphAttention attention = new So2EquivariantGraphAttention(
                scope,
                mapping,
                integer("sphere_channels"),
                integer("output_channels"),
                attentionSettings("hidden_channels"));
        So3Embedding x = So3Embedding.split(x("N"), mapping);
        return attention
                .apply(x, edges(mapping, integer("max_num_elements")), context())
                .joined();
    }

    private So2EquivariantGraphAttention.Settings attentionSettings(String hidden) {
        return new So2EquivariantGraphAttention.Settings(
                integer(hidden),
                integer("num_heads"),
                integer("attn_alpha_channels"),
                integer("attn_value_channels"),
                edgeChannels(),
                flag("use_m_share_rad"),
                flag("use_attn_renorm"),
                nonLinearity(),
                orNull("grid_resolution"),
                0,
                WeightInit.UNIFORM);
    }

    private So2EquivariantGraphAttention.NonLinearity nonLinearity() {
        if (flag("use_s2_act_attn")) {
            throw new ConfigException("use_s2_act_attn: want false, as the reference does, got true");
        }
        return So2EquivariantGraphAttention.NonLinearity.of(flag("use_gate_act"), flag("use_sep_s2_act"));
    }

    private Node block() {
        CoefficientMapping mapping = mapping();
        TransBlockV2.Settings each = new TransBlockV2.Settings(
                attentionSettings("attn_hidden_channels"),
                feedForwardSettings("ffn_hidden_channels"),
                normType(),
                0,
                0,
                null);
        TransBlockV2 block =
                new TransBlockV2(scope, mapping, integer("sphere_channels"), integer("output_channels"), each);
        EdgeSet edges = edges(mapping, integer("max_num_elements"));
        return block.apply(So3Embedding.split(x("N"), mapping), edges, inputs.graph(), context())
                .joined();
    }

    private Map<String, Node> network() {
        CoefficientMapping mapping = mapping();
        EquiformerV2.AtomEdges atomEdges = !flag("use_atom_edge_embedding")
                ? EquiformerV2.AtomEdges.NONE
                : flag("share_atom_edge_embedding") ? EquiformerV2.AtomEdges.SHARED : EquiformerV2.AtomEdges.OWN;
        FeedForwardNetwork.Settings feedForward = feedForwardSettings("ffn_hidden_channels");
        EquiformerV2.Settings all = new EquiformerV2.Settings(
                mapping,
                integer("num_layers"),
                integer("sphere_channels"),
                integer("max_num_elements"),
                integer("edge_channels"),
                0,
                atomEdges,
                new DistanceExpansion.Settings(
                        DistanceExpansion.Function.valueOf(
                                text("distance_function").toUpperCase(Locale.ROOT)),
                        0,
                        number("max_radius"),
                        integer("num_gaussians"),
                        number("basis_width_scalar")),
                new EquiformerV2.Attention(
                        integer("attn_hidden_channels"),
                        integer("num_heads"),
                        integer("attn_alpha_channels"),
                        integer("attn_value_channels"),
                        flag("use_m_share_rad"),
                        flag("use_attn_renorm"),
                        nonLinearity(),
                        0),
                feedForward.hidden(),
                feedForward.form(),
                normType(),
                orNull("grid_resolution"),
                WeightInit.UNIFORM,
                0,
                0,
                null,
                number("avg_degree"),
                number("avg_num_nodes"));
        boolean regressForces = flag("regress_forces");
        EquiformerV2 network = new EquiformerV2(scope, all, true, regressForces);
        Node distance = Expr.unsqueeze(inputs.array("edge_distance", "E"), 1);
        EdgeSet edges = network.edges(
                inputs.source(),
                inputs.target(),
                inputs.elements(integer("max_num_elements")),
                inputs.frames(mapping),
                distance,
                null,
                null);
        So3Embedding x = network.apply(edges, inputs.graph(), context());
        Map<String, Node> outputs = new LinkedHashMap<>();
        outputs.put("energy", Expr.squeeze(network.energies(x, inputs.graph()), 1));
        if (regressForces) {
            outputs.put("forces", network.forces(x, edges, context()));
        }
        return outputs;
    }

    private EquivariantNorm.Type normType() {
        return EquivariantNorm.Type.valueOf(text("norm_type").toUpperCase(Locale.ROOT));
    }

    private CoefficientMapping mapping() {
        return settings.has("lmax_list")
                ? new CoefficientMapping(integers("lmax_list"), integers("mmax_list"))
                : CoefficientMapping.of(integer("lmax"), integer("mmax"));
    }

    /// Widths of a module's radial function, with its own embeddings of elements if the configuration says so.
    private EdgeChannels edgeChannels() {
        return edgeChannels(flag("use_atom_edge_embedding") ? integer("max_num_elements") : 0);
    }

    private EdgeChannels edgeChannels(int elements) {
        List<Integer> widths = integers("edge_channels_list");
        return new EdgeChannels(widths.get(0), widths.get(1), widths.get(2), elements);
    }

    private EdgeSet edges(CoefficientMapping mapping, int elements) {
        return new EdgeSet(
                inputs.source(),
                inputs.target(),
                inputs.elements(elements),
                inputs.frames(mapping),
                EdgeScalars.of(inputs.array("edge_feat", "E")),
                null);
    }

    private static ForwardContext context() {
        return new ForwardContext(false, false, Expr.constant(1));
    }

    /// What files have in reduced order.
    private static OrderMajor orderMajor(Node reduced, CoefficientMapping mapping) {
        List<Node> joined = new ArrayList<>();
        int start = 0;
        for (int i = 0; i < mapping.resolutions(); i++) {
            CoefficientMapping one = mapping.resolution(i);
            Node own = Expr.slice(reduced, 1, start, one.reducedSize());
            joined.add(permuted(own, one.reducedOfMMajor()));
            start += one.reducedSize();
        }
        return OrderMajor.of(mapping, joined);
    }

    private static Node reduced(OrderMajor x) {
        List<Node> joined = new ArrayList<>(x.joined());
        for (int i = 0; i < joined.size(); i++) {
            joined.set(i, permuted(joined.get(i), x.mapping().resolution(i).mMajorOfReduced()));
        }
        return Expr.concat(1, joined);
    }

    /// Coefficient `k` of the result is coefficient `order[k]` of x: (B, R, C).
    private static Node permuted(Node x, int[] order) {
        List<Node> rows = new ArrayList<>();
        for (int from : order) {
            rows.add(Expr.slice(x, 1, from, 1));
        }
        return Expr.concat(1, rows);
    }

    private int integer(String key) {
        return settings.required(key).intValue();
    }

    private double number(String key) {
        return settings.required(key).doubleValue();
    }

    private boolean flag(String key) {
        return settings.required(key).booleanValue();
    }

    private String text(String key) {
        return settings.required(key).stringValue();
    }

    private @Nullable Integer orNull(String key) {
        JsonNode value = settings.required(key);
        return value.isNull() ? null : Integer.valueOf(value.intValue());
    }

    private List<Integer> integers(String key) {
        return settings.required(key).valueStream().map(JsonNode::intValue).toList();
    }
}
