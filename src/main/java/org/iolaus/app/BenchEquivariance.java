package org.iolaus.app;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.iolaus.atoms.Structure;
import org.iolaus.bench.BenchLine;
import org.iolaus.bench.Symmetries;
import org.iolaus.bench.Symmetries.Answer;
import org.iolaus.bench.Symmetries.Errors;
import org.iolaus.comm.SoloComm;
import org.iolaus.config.ConfigReader;
import org.iolaus.data.Batch;
import org.iolaus.model.Architecture;
import org.iolaus.model.Model;
import org.iolaus.run.ConfiguredModel;
import org.iolaus.run.ModelFactory;
import org.iolaus.run.StructureBatch;
import org.iolaus.train.engine.Engine;
import org.iolaus.train.engine.HostEngine;
import org.iolaus.train.engine.ModelState;
import org.iolaus.train.inputs.BatchInputs;
import org.iolaus.train.report.JsonLine;
import org.iolaus.train.report.Plots;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `iolaus bench equivariance`: how exactly EquiformerV2 keeps the symmetries of space.
@Command(
        name = "equivariance",
        description = {
            "Measure how much EquiformerV2's energies and forces differ from what symmetry asks for (float64, CPU).",
            "Random clusters, first values of the weights. Errors are root mean squares, of energies relative to",
            "their standard deviation over the clusters, of forces relative to their own root mean square.",
            "rotation: the worst of some; gauge: other random rolls of the frames (direct forces only);",
            "inversion: no symmetry of SO(2) maps, for comparison."
        })
final class BenchEquivariance implements Callable<Integer> {

    @Parameters(paramLabel = "CONFIG", description = "Sizes of the network; its heads are equiformer_heads.")
    private Path configFile = Path.of("");

    @Option(names = "--lmax", split = ",", description = "Degrees (default: ${DEFAULT-VALUE}).")
    private List<Integer> degrees = List.of(2, 4, 6);

    @Option(
            names = "--grids",
            split = ",",
            paramLabel = "RESOLUTION",
            description = "equiformer_grid_resolution of each, null for the default (default: ${DEFAULT-VALUE}).")
    private List<String> grids = List.of("null", "8", "10", "14", "18", "22", "26");

    @Option(names = "--systems", description = "Clusters of eight atoms (default: ${DEFAULT-VALUE}).")
    private int systems = 8;

    @Option(names = "--rotations", description = "Of each (default: ${DEFAULT-VALUE}).")
    private int rotations = 4;

    @Option(names = "--threads", description = "Of the host (default: ${DEFAULT-VALUE}).")
    private int threads = 1;

    @Option(names = "--plot", paramLabel = "FOLDER", description = "Where to draw errors of forces over grids.")
    private @Nullable Path plot;

    @Spec
    private @Nullable CommandSpec spec;

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

    @Override
    public Integer call() {
        for (Forces forces : Forces.values()) {
            Map<String, Plots.Curve> curves = new LinkedHashMap<>();
            for (Activation activation : Activation.values()) {
                for (int i = 0; i < degrees.size(); i++) {
                    List<Double> x = new ArrayList<>();
                    List<Double> y = new ArrayList<>();
                    for (String grid : activation == Activation.GATE ? List.of("null") : grids) {
                        double error = measure(forces, activation, degrees.get(i), grid);
                        boolean gate = activation == Activation.GATE;
                        for (String at : gate ? grids : List.of(grid)) {
                            if (!at.equals("null")) {
                                x.add(Double.valueOf(at));
                                y.add(error);
                            }
                        }
                    }
                    curves.put(activation.label + ", L = " + degrees.get(i), new Plots.Curve(x, y, i, activation.dash));
                }
            }
            if (plot != null) {
                new Plots(plot)
                        .curves(
                                "equivariance_" + forces,
                                "points of the grid along each angle",
                                "relative rotation error of " + forces + " forces",
                                curves);
            }
        }
        return 0;
    }

    /// Prints a line; the rotation error of forces.
    private double measure(Forces forces, Activation activation, int degree, String grid) {
        int order = Math.min(2, degree);
        List<String> settings = new ArrayList<>(activation.settings());
        settings.addAll(forces.settings());
        settings.add("equiformer_lmax_list=[" + degree + "]");
        settings.add("equiformer_mmax_list=[" + order + "]");
        settings.add("equiformer_grid_resolution=" + grid);
        ConfiguredModel configured = ModelFactory.of(ConfigReader.read(configFile, settings), null);
        ModelState state = new ModelState(
                configured.model().parameters(), configured.training().seed());
        try (SoloComm alone = new SoloComm();
                HostEngine engine = new HostEngine(alone, threads);
                EnergiesAndForces model = new EnergiesAndForces(configured, engine, state)) {
            Symmetries symmetries = new Symmetries(model, Symmetries.clusters(systems, 1));
            JsonLine line = BenchLine.begin("equivariance", Bench.commandLine(spec), BenchLine.host(threads))
                    .put("forces", forces.toString())
                    .put("activation", activation.label)
                    .put("lmax", degree)
                    .put("mmax", order)
                    .raw("grid_resolution", grid)
                    .put("systems", systems)
                    .put("rotations", rotations);
            Errors rotation = symmetries.rotation(rotations, 2);
            add(line, "rotation", rotation);
            if (forces == Forces.DIRECT) {
                add(line, "gauge", symmetries.gauge());
            }
            add(line, "translation", symmetries.translation());
            add(line, "permutation", symmetries.permutation());
            add(line, "batch", symmetries.batch());
            add(line, "inversion", symmetries.inversion());
            PrintWriter out = Objects.requireNonNull(spec).commandLine().getOut();
            out.println(line);
            out.flush();
            return rotation.forces();
        }
    }

    private static void add(JsonLine line, String name, Errors errors) {
        line.put(name + "_energy", BenchLine.rounded(errors.energy()))
                .put(name + "_forces", BenchLine.rounded(errors.forces()));
    }

    /// A model that predicts energies and forces, either as a potential or with a head for each.
    static final class EnergiesAndForces implements Symmetries.Predictor, AutoCloseable {
        private final ConfiguredModel configured;
        private final Engine engine;
        private final BatchInputs inputs;
        private final Engine.Forward forward;

        EnergiesAndForces(ConfiguredModel configured, Engine engine, ModelState state) {
            this.configured = configured;
            this.engine = engine;
            inputs = new BatchInputs(configured.model(), configured.columns(), 1);
            forward = engine.forward(configured.model().predict(), state);
        }

        @Override
        public Answer of(List<Structure> structures, long rngKey) {
            Architecture architecture = configured.model().architecture();
            Batch batch = StructureBatch.of(structures, architecture, configured.columns(), 1, rngKey);
            Map<String, double[]> outputs = forward.run(engine.ready(inputs, batch));
            boolean potential = architecture.potential().enableInteratomicPotential();
            return new Answer(
                    Objects.requireNonNull(outputs.get(potential ? Model.ENERGY : "head_0")),
                    Objects.requireNonNull(outputs.get(potential ? Model.FORCES : "head_1")));
        }

        @Override
        public void close() {
            forward.close();
        }
    }
}
