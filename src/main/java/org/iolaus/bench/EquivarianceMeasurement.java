package org.iolaus.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import org.iolaus.bench.Symmetries.Errors;
import org.iolaus.comm.SoloComm;
import org.iolaus.config.Config;
import org.iolaus.run.ConfiguredModel;
import org.iolaus.run.ModelFactory;
import org.iolaus.train.engine.HostEngine;
import org.iolaus.train.engine.ModelState;
import org.iolaus.train.report.JsonLine;
import org.iolaus.train.report.Plots;
import org.jspecify.annotations.Nullable;

/// Measures how exactly EquiformerV2 keeps the symmetries of space, for each nonlinearity and way to forces.
public final class EquivarianceMeasurement {
    private final Function<List<String>, Config> configuration;
    private final Plan plan;
    private final String command;
    private final Consumer<JsonLine> out;

    /// What to measure.
    ///
    /// @param grids `equiformer_grid_resolution` of each, `null` for the default
    /// @param systems clusters of eight atoms
    /// @param rotations of each
    /// @param threads of the host
    /// @param plot where to draw errors of forces over grids; null: nowhere
    public record Plan(
            List<Integer> degrees,
            List<String> grids,
            int systems,
            int rotations,
            int threads,
            @Nullable Path plot) {}

    /// @param configuration sizes of the network, with further settings `KEY=VALUE`
    /// @param command what the user typed
    /// @param out receives the results
    public EquivarianceMeasurement(
            Function<List<String>, Config> configuration, Plan plan, String command, Consumer<JsonLine> out) {
        this.configuration = configuration;
        this.plan = plan;
        this.command = command;
        this.out = out;
    }

    /// The nonlinearities of attention and feed-forward networks.
    private enum Activation {
        GATE("gate", 0, true, false, true),
        S2("s2", 1, false, false, false),
        SEPARABLE("separable s2, grid mlp", 2, false, true, true);

        private final String label;
        /// of its curves
        private final int dash;

        private final boolean gate;
        private final boolean gridMlp;
        private final boolean separable;

        Activation(String label, int dash, boolean gate, boolean gridMlp, boolean separable) {
            this.label = label;
            this.dash = dash;
            this.gate = gate;
            this.gridMlp = gridMlp;
            this.separable = separable;
        }

        private List<String> settings() {
            return List.of(
                    "equiformer_use_gate_act=" + gate,
                    "equiformer_use_grid_mlp=" + gridMlp,
                    "equiformer_use_sep_s2_act=" + separable);
        }
    }

    /// Where forces come from.
    private enum Forces {
        /// a head, in frames with random rolls
        DIRECT,
        /// the derivative of the energy, in smooth frames
        CONSERVATIVE;

        private List<String> settings() {
            return this == DIRECT
                    ? List.of("enable_interatomic_potential=false")
                    : List.of(
                            "enable_interatomic_potential=true",
                            "force_weight=1",
                            "NeuralNetwork.Variables_of_interest.output_names=[\"energy\"]",
                            "NeuralNetwork.Variables_of_interest.output_index=[0]",
                            "NeuralNetwork.Variables_of_interest.type=[\"graph\"]");
        }

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    public void run() {
        for (Forces forces : Forces.values()) {
            Map<String, Plots.Curve> curves = new LinkedHashMap<>();
            for (Activation activation : Activation.values()) {
                for (int i = 0; i < plan.degrees.size(); i++) {
                    List<Double> x = new ArrayList<>();
                    List<Double> y = new ArrayList<>();
                    for (String grid : activation == Activation.GATE ? List.of("null") : plan.grids) {
                        double error = measure(forces, activation, plan.degrees.get(i), grid);
                        boolean gate = activation == Activation.GATE;
                        for (String at : gate ? plan.grids : List.of(grid)) {
                            if (!at.equals("null")) {
                                x.add(Double.valueOf(at));
                                y.add(error);
                            }
                        }
                    }
                    curves.put(
                            activation.label + ", L = " + plan.degrees.get(i),
                            new Plots.Curve(x, y, i, activation.dash));
                }
            }
            if (plan.plot != null) {
                new Plots(plan.plot)
                        .curves(
                                "equivariance_" + forces,
                                "points of the grid along each angle",
                                "relative rotation error of " + forces + " forces",
                                curves);
            }
        }
    }

    /// Hands over a line.
    ///
    /// @return the rotation error of forces
    private double measure(Forces forces, Activation activation, int degree, String grid) {
        int order = Math.min(2, degree);
        List<String> settings = new ArrayList<>(activation.settings());
        settings.addAll(forces.settings());
        settings.add("equiformer_lmax_list=[" + degree + "]");
        settings.add("equiformer_mmax_list=[" + order + "]");
        settings.add("equiformer_grid_resolution=" + grid);
        ConfiguredModel configured = ModelFactory.of(configuration.apply(settings), null);
        ModelState state = new ModelState(
                configured.model().parameters(), configured.training().seed());
        try (SoloComm alone = new SoloComm();
                HostEngine engine = new HostEngine(alone, plan.threads);
                EnergiesAndForces model = new EnergiesAndForces(configured, engine, state)) {
            Symmetries symmetries = new Symmetries(model, Symmetries.clusters(plan.systems, 1));
            JsonLine line = BenchLine.begin("equivariance", command, BenchLine.host(plan.threads))
                    .put("forces", forces.toString())
                    .put("activation", activation.label)
                    .put("lmax", degree)
                    .put("mmax", order)
                    .raw("grid_resolution", grid)
                    .put("systems", plan.systems)
                    .put("rotations", plan.rotations);
            Errors rotation = symmetries.rotation(plan.rotations, 2);
            add(line, "rotation", rotation);
            if (forces == Forces.DIRECT) {
                add(line, "gauge", symmetries.gauge());
            }
            add(line, "translation", symmetries.translation());
            add(line, "permutation", symmetries.permutation());
            add(line, "batch", symmetries.batch());
            add(line, "inversion", symmetries.inversion());
            out.accept(line);
            return rotation.forces();
        }
    }

    private static void add(JsonLine line, String name, Errors errors) {
        line.put(name + "_energy", BenchLine.rounded(errors.energy()))
                .put(name + "_forces", BenchLine.rounded(errors.forces()));
    }
}
