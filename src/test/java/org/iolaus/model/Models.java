package org.iolaus.model;

import org.iolaus.config.Config;
import org.iolaus.config.ConfigReader;

/// Small models for tests, made from configurations as a user would write them.
enum Models {
    SCHNET("SchNet", false),
    SCHNET_MOVING("SchNet", true),
    EGNN("EGNN", false),
    EGNN_MOVING("EGNN", true),
    PAINN("PAINN", false);

    private final String type;
    private final boolean moving;

    Models(String type, boolean moving) {
        this.type = type;
        this.moving = moving;
    }

    private String architecture() {
        return """
                "mpnn_type": "%s", "radius": 3.0, "hidden_dim": 8, "num_conv_layers": 3, "equivariance": %s,
                "activation_function": "silu", "num_gaussians": 6, "num_filters": 7, "num_radial": 5,
                """.formatted(type, moving);
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
        return new Model(config.neuralNetwork().architecture(), loss, 0);
    }
}
