package org.iolaus.model;

import org.iolaus.config.Config;
import org.iolaus.config.ConfigReader;

/// Small models for tests, made from configurations as a user would write them.
enum Models {
    SCHNET("SchNet", false),
    SCHNET_MOVING("SchNet", true),
    EGNN("EGNN", false),
    EGNN_MOVING("EGNN", true),
    PAINN("PAINN", false),
    SCHNET_GPS("SchNet", Attention.GPS, 1e-10),
    PAINN_GPS("PAINN", Attention.GPS + Attention.OVER_BATCH, 1e-10),
    PAINN_PERFORMER("PAINN", Attention.GPS.replace("multihead", "performer"), 1e-10),
    EQUIFORMER(
            "none",
            Attention.GATE + Attention.DEGREES + "\"equiformer_edges\": \"radius\", \"equiformer_radius\": 3.0,",
            1e-10),
    EQUIFORMER_ON_GRID("none", Attention.GRID + "\"equiformer_edges\": \"local\",", 1e-4),
    EQUIFORMER_OVER_PAINN(
            "PAINN",
            Attention.GATE + Attention.DEGREES + "\"equiformer_edges\": \"complete\", \"equiformer_layer_scale\": 0.5,",
            1e-10),
    EQUIFORMER_OVER_SCHNET(
            "SchNet",
            Attention.GATE + Attention.TWO_RESOLUTIONS
                    + "\"equiformer_edges\": \"radius\", \"equiformer_radius\": 2.7,"
                    + "\"equiformer_share_atom_edge_embedding\": true,",
            1e-10);

    private final String type;
    private final boolean moving;
    private final String attention;
    private final double turnError;

    Models(String type, boolean moving) {
        this(type, moving, "", 1e-10);
    }

    Models(String type, String attention, double turnError) {
        this(type, false, attention, turnError);
    }

    Models(String type, boolean moving, String attention, double turnError) {
        this.type = type;
        this.moving = moving;
        this.attention = attention;
        this.turnError = turnError;
    }

    /// Small global attentions.
    private interface Attention {
        String GPS = """
                "global_attn_engine": "GPS", "global_attn_type": "multihead", "global_attn_heads": 2,
                """;
        String OVER_BATCH = "\"global_attn_norm\": \"batch\",";
        String SIZES = """
                "global_attn_engine": "EquiformerV2", "global_attn_heads": 2,
                "equiformer_max_neighbours": null, "equiformer_sphere_channels": 6, "equiformer_edge_channels": 5,
                "equiformer_attn_hidden_channels": 4, "equiformer_attn_alpha_channels": 3,
                "equiformer_attn_value_channels": 2, "equiformer_ffn_hidden_channels": 5,
                "equiformer_num_distance_basis": 12, "equiformer_alpha_drop": 0.0, "equiformer_drop_path_rate": 0.0,
                "equiformer_avg_degree": 3.0, "equiformer_avg_num_nodes": 2.0,
                """;
        String GATE = SIZES + """
                "equiformer_use_gate_act": true, "equiformer_use_grid_mlp": false,
                """;
        String DEGREES = "\"equiformer_lmax_list\": [3], \"equiformer_mmax_list\": [2],";
        String TWO_RESOLUTIONS = "\"equiformer_lmax_list\": [2, 1], \"equiformer_mmax_list\": [1, 1],";
        String GRID = SIZES + """
                "equiformer_lmax_list": [2], "equiformer_mmax_list": [2], "equiformer_grid_resolution": 26,
                """;
    }

    /// How much a turn of the atoms may change relative to the answer: rounding, or the error of a grid.
    double turnError() {
        return turnError;
    }

    /// Whether mirror images have the same energy: not so where SO(2) maps mix orders m and -m.
    boolean mirrors() {
        return !attention.contains("EquiformerV2");
    }

    /// Whether a step's shares of several ranks add up: not so where each normalises its own batch.
    boolean adds() {
        return !attention.contains(Attention.OVER_BATCH);
    }

    private String architecture() {
        return """
                "mpnn_type": "%s", "radius": 3.0, "hidden_dim": 8, "num_conv_layers": %d, "equivariance": %s,
                "activation_function": "silu", "num_gaussians": 6, "num_filters": 7, "num_radial": 5,
                """.formatted(type, attention.isEmpty() ? 3 : 2, moving) + attention;
    }

    /// A potential with one energy per atom (`node`) or a dense head on the sum over atoms (`graph`).
    Model potential(String level, String more) {
        String heads = level.equals("node") ? """
                "output_heads": {"node": [{"type": "branch-0",
                  "architecture": {"num_headlayers": 1, "dim_headlayers": [6], "type": "mlp"}}]},
                """ : """
                "graph_pooling": "add", "output_heads": {"graph": [{"type": "branch-0", "architecture":
                  {"num_sharedlayers": 1, "dim_sharedlayers": 6, "num_headlayers": 1, "dim_headlayers": [5]}}]},
                """;
        return of(architecture() + heads + more + """
                "enable_interatomic_potential": true,
                "energy_weight": 1.0, "energy_peratom_weight": 0.5, "force_weight": 2.0
                """, level, 1, "mse");
    }

    /// A model of the given heads.
    static Model of(String architecture, String level, int width, String loss) {
        String json = """
                {"NeuralNetwork": {
                  "Architecture": {%s},
                  "Variables_of_interest": {"input_node_features": [0], "output_names": ["y"], "output_index": [0],
                    "output_dim": [%d], "type": ["%s"]},
                  "Training": {"loss_function_type": "%s", "num_epoch": 1, "batch_size": 2, "Optimizer": {"learning_rate": 0.01}}}}
                """.formatted(architecture, width, level, loss);
        Config config = ConfigReader.fromJson(json);
        return new Model(
                config.neuralNetwork().architecture(),
                config.neuralNetwork().training().lossFunctionType(),
                0);
    }
}
