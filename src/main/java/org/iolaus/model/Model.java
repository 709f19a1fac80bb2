package org.iolaus.model;

import static org.iolaus.model.Require.ARCHITECTURE;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.iolaus.grad.Gradient;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.model.Architecture.Level;
import org.iolaus.mpnn.MessagePassing;
import org.iolaus.nn.Activation;
import org.iolaus.nn.ForwardContext;
import org.iolaus.nn.Initializer;
import org.iolaus.nn.Loss;
import org.iolaus.nn.Parameters;
import org.iolaus.nn.Parameters.Role;
import org.iolaus.op.Expr;
import org.jspecify.annotations.Nullable;

/// A network made from its architecture: parameters, and programs that predict, measure and train.
///
/// Outputs of the programs, of which each has some:
///
/// | name | shape | meaning |
/// | --- | --- | --- |
/// | `head_i` | (G, W) or (N, W) | prediction of head i |
/// | `var_i` | as `head_i` | its variance, with GaussianNLLLoss |
/// | `energy` | (G, 1) | of a potential, eV |
/// | `forces` | (N, 3) | of a potential, eV/Å |
/// | `loss` | () | this rank's share of the weighted loss |
/// | `task_losses` | (T) | this rank's shares of the losses of heads; of a potential: energy, energy per atom, forces |
/// | `grads/NAME` | of the parameter | gradient of `loss`, for parameters that are trained |
/// | `buffers_after/NAME` | of the buffer | what a training step sets it to |
/// | `grads_inputs/pos` | (N, 3) | gradient of the sum of the first graph head, where it reads positions |
public final class Model {
    public static final String ENERGY = "energy";
    public static final String FORCES = "forces";

    /// Buffer (119, 1): each element's share of the energy, eV; only with reference energies.
    public static final String ELEMENT_ENERGY = Potential.ELEMENT_ENERGY;

    /// Buffer (1): mean energy of the training frames, eV; only where that is the reference.
    public static final String ENERGY_MEAN = Potential.ENERGY_MEAN;

    public static final String LOSS = "loss";
    public static final String TASK_LOSSES = "task_losses";
    public static final String GRADIENT = "grads/";
    public static final String BUFFER_AFTER = "buffers_after/";
    public static final String POSITION_GRADIENT = "grads_inputs/pos";

    private final Architecture architecture;
    private final Loss lossFunction;
    private final List<LossTerm> terms;
    private final Parameters parameters = new Parameters();
    private final Inputs inputs;
    private final GlobalAttention attention;
    private final MessagePassing messagePassing;
    private final Stack stack;
    private final List<Head> heads;
    private final @Nullable Potential potential;
    private final List<TargetUnits> units = new ArrayList<>();
    private @Nullable Program evaluation;
    private @Nullable Program training;
    private @Nullable Program trainingWithLess;

    /// Head i predicts `mean + std * output`, and its loss compares the output with `(target - mean) / std`.
    ///
    /// @param mean (W), likewise `std`: buffers
    private record TargetUnits(Node mean, Node std) {}

    /// Makes the layers with their parameters.
    ///
    /// @param architecture with all sizes known
    /// @param loss of every head
    /// @param graphAttributes columns of the graph attributes, 0 without
    /// @throws ModelException if the architecture cannot be built
    public Model(Architecture architecture, Loss loss, int graphAttributes) {
        checkSizes(architecture);
        Potential.check(architecture, loss);
        this.architecture = architecture;
        this.attention = GlobalAttention.of(architecture);
        Require.that(
                architecture.mpnnType() != MpnnType.NONE || attention.worksAlone(),
                ARCHITECTURE + "mpnn_type",
                "message passing, or a global attention that works without",
                architecture.mpnnType());
        this.lossFunction = loss;
        this.inputs = new Inputs(architecture, attention.encodings(), graphAttributes);
        Activation activation = Activation.of(
                architecture.activationFunction(), parameters.root().at("activation_function"));
        this.messagePassing =
                MpnnType.make(architecture, attention.edgeWidth(architecture.edgeWidth()), parameters.root());
        this.stack =
                new Stack(architecture, parameters, inputs, messagePassing, attention, activation, graphAttributes);
        boolean variances = lossFunction == Loss.GAUSSIAN_NLL;
        this.heads = new Heads(
                        architecture,
                        inputs,
                        parameters.root(),
                        messagePassing,
                        stack.attention(),
                        activation,
                        variances)
                .build();
        this.potential = architecture.potential().enableInteratomicPotential()
                ? new Potential(architecture, inputs, parameters.root())
                : null;
        if (potential == null && architecture.normalizeTargets()) {
            makeUnits();
        }
        this.terms = potential == null ? terms() : Potential.terms(architecture.potential(), loss);
    }

    /// A term for each head.
    private List<LossTerm> terms() {
        List<Double> weights = architecture.taskWeights();
        double sum = weights.stream().mapToDouble(Math::abs).sum();
        return IntStream.range(0, heads.size())
                .mapToObj(head -> new LossTerm(
                        lossFunction, architecture.dimensions().outputType().get(head), weights.get(head) / sum))
                .toList();
    }

    private static void checkSizes(Architecture architecture) {
        Require.positive(ARCHITECTURE + "hidden_dim", architecture.hiddenDim());
        Require.positive(ARCHITECTURE + "num_conv_layers", architecture.numConvLayers());
        Require.positive(ARCHITECTURE + "max_neighbours", architecture.maxNeighbours());
        Require.positive(ARCHITECTURE + "radius", architecture.radius());
        Require.positive(ARCHITECTURE + "num_nodes", architecture.dimensions().numNodes());
        Require.positive(ARCHITECTURE + "num_gaussians", architecture.basis().numGaussians());
        Require.positive(ARCHITECTURE + "num_filters", architecture.basis().numFilters());
        Require.positive(ARCHITECTURE + "num_radial", architecture.basis().numRadial());
        List<Double> weights = architecture.taskWeights();
        Require.sameLength(
                ARCHITECTURE + "task_weights",
                weights,
                architecture.dimensions().outputType().size());
        boolean some = weights.stream().anyMatch(weight -> weight != 0);
        Require.that(some, ARCHITECTURE + "task_weights", "one that is not zero", weights);
        boolean ours = architecture.compatibility() == null;
        Require.that(
                ours || !architecture.elementEmbedding(),
                ARCHITECTURE + "element_embedding",
                "false with compatibility hydragnn, which has no such thing",
                architecture.elementEmbedding());
        Require.that(
                ours || !architecture.normalizeTargets(),
                ARCHITECTURE + "normalize_targets",
                "false with compatibility hydragnn, which has no such thing",
                architecture.normalizeTargets());
    }

    private void makeUnits() {
        for (int i = 0; i < heads.size(); i++) {
            int width = architecture.dimensions().outputDim().get(i);
            units.add(new TargetUnits(
                    parameters.root().buffer(targetMean(i), Initializer.constant(0), width),
                    parameters.root().buffer(targetStd(i), Initializer.constant(1), width)));
        }
    }

    /// Name of the buffer (W) with the mean of a head's target; only with normalised targets.
    public static String targetMean(int head) {
        return "target_mean." + head;
    }

    /// Name of the buffer (W) with the standard deviation of a head's target, likewise.
    public static String targetStd(int head) {
        return "target_std." + head;
    }

    /// The terms of the loss, in the order of [#TASK_LOSSES].
    public List<LossTerm> lossTerms() {
        return terms;
    }

    public Architecture architecture() {
        return architecture;
    }

    public Parameters parameters() {
        return parameters;
    }

    /// Whether the edges must be all ordered pairs of different atoms of a graph instead of a neighbour list. So it
    /// is for SchNet with `"compatibility": "hydragnn"`, which looks for neighbours itself.
    public boolean wantsAllPairs() {
        return HydraGnnCompat.rebuildsEdges(architecture);
    }

    /// Whether the first of the two atoms of an edge in HydraGNN's `edge_index` receives its message.
    public boolean firstEndReceives() {
        return messagePassing.firstEndReceives();
    }

    /// Atomic numbers must be below.
    public int elements() {
        return attention.elements();
    }

    /// The edges that a global attention runs over, if it has its own; null without.
    public @Nullable AttentionEdges attentionEdges() {
        return attention.edges();
    }

    /// Laplacian eigenvectors that atoms' positions in the graph are encoded by; 0 without.
    public int encodings() {
        return attention.encodings();
    }

    /// Predictions.
    public Program predict() {
        return Program.of(new Evaluation(false).predictions());
    }

    /// Predictions and losses, without a step; always the same program.
    public synchronized Program evaluate() {
        if (evaluation == null) {
            Evaluation made = new Evaluation(false);
            Map<String, Node> outputs = made.predictions();
            outputs.putAll(made.losses());
            evaluation = Program.of(outputs);
        }
        return evaluation;
    }

    /// Losses, gradients and buffers of a training step; always the same program.
    ///
    /// @param recomputing whether it takes less memory and more time ([Program#recomputing])
    public synchronized Program train(boolean recomputing) {
        if (recomputing) {
            if (trainingWithLess == null) {
                trainingWithLess = train().recomputing(LOSS);
            }
            return trainingWithLess;
        }
        return train();
    }

    /// The same as `train(false)`.
    public synchronized Program train() {
        if (training == null) {
            Evaluation made = new Evaluation(true);
            Map<String, Node> outputs = made.losses();
            outputs.putAll(made.gradients());
            outputs.putAll(made.buffers());
            training = Program.of(outputs);
        }
        return training;
    }

    /// All outputs at once, to compare with a reference.
    ///
    /// @param training whether batch statistics are in use
    public Program check(boolean training) {
        Evaluation evaluation = new Evaluation(training);
        Map<String, Node> outputs = evaluation.predictions();
        outputs.putAll(evaluation.losses());
        outputs.putAll(evaluation.gradients());
        outputs.putAll(evaluation.buffers());
        outputs.putAll(evaluation.positionGradient());
        return Program.of(outputs);
    }

    /// One evaluation; each program takes the outputs that it needs.
    private final class Evaluation {
        private final ForwardContext context;
        private final Node atomsPerGraph;
        /// Outputs of the heads before units are applied.
        private final List<Node> values = new ArrayList<>();
        private final List<@Nullable Node> variances = new ArrayList<>();
        private final Potential.@Nullable Prediction prediction;
        private @Nullable Objective objective;

        Evaluation(boolean training) {
            context = new ForwardContext(training, architecture.syncBatchNorm(), inputs.atomWeight, inputs.rngKey);
            atomsPerGraph = Expr.max(Expr.segmentSum(inputs.atomWeight, inputs.graph), Expr.constant(1));
            Encoding encoding = stack.apply(context, atomsPerGraph);
            for (int i = 0; i < heads.size(); i++) {
                Node output = heads.get(i).apply(encoding);
                int width = architecture.dimensions().outputDim().get(i);
                boolean spread = lossFunction == Loss.GAUSSIAN_NLL;
                values.add(spread ? Expr.slice(output, 1, 0, width) : output);
                variances.add(spread ? Expr.square(Expr.slice(output, 1, width, width)) : null);
            }
            prediction = potential == null ? null : potential.apply(values.getFirst());
        }

        Map<String, Node> predictions() {
            Map<String, Node> outputs = new LinkedHashMap<>();
            for (int i = 0; i < values.size(); i++) {
                outputs.put("head_" + i, inUnits(i, values.get(i)));
                Node variance = variances.get(i);
                if (variance != null) {
                    outputs.put("var_" + i, units.isEmpty() ? variance : squared(i, variance));
                }
            }
            if (prediction != null) {
                outputs.put(ENERGY, prediction.energy());
                outputs.put(FORCES, prediction.forces());
            }
            return outputs;
        }

        private Node inUnits(int head, Node output) {
            return units.isEmpty()
                    ? output
                    : Expr.add(
                            Expr.mul(output, units.get(head).std()),
                            units.get(head).mean());
        }

        private Node squared(int head, Node variance) {
            return Expr.mul(variance, Expr.square(units.get(head).std()));
        }

        /// What the output of a head is compared with.
        private Node target(int head) {
            Node target = inputs.targets.get(head);
            return units.isEmpty()
                    ? target
                    : Expr.div(
                            Expr.sub(target, units.get(head).mean()),
                            units.get(head).std());
        }

        Map<String, Node> losses() {
            Map<String, Node> outputs = new LinkedHashMap<>();
            outputs.put(LOSS, objective().loss());
            outputs.put(TASK_LOSSES, objective().tasks());
            return outputs;
        }

        Map<String, Node> gradients() {
            List<String> names = parameters.specs().values().stream()
                    .filter(spec -> spec.role() == Role.TRAINED)
                    .map(Parameters.Spec::name)
                    .toList();
            List<Node> gradients = Gradient.of(
                    objective().loss(), names.stream().map(parameters::node).toList());
            Map<String, Node> outputs = new LinkedHashMap<>();
            for (int i = 0; i < names.size(); i++) {
                outputs.put(GRADIENT + names.get(i), gradients.get(i));
            }
            return outputs;
        }

        Map<String, Node> buffers() {
            Map<String, Node> outputs = new LinkedHashMap<>();
            context.buffers().forEach((name, node) -> outputs.put(BUFFER_AFTER + name, node));
            return outputs;
        }

        Map<String, Node> positionGradient() {
            int first = architecture.dimensions().outputType().indexOf(Level.GRAPH);
            Map<String, Node> outputs = new LinkedHashMap<>();
            if (first >= 0 && Gradient.depends(values.get(first), inputs.positions)) {
                Node sum = Expr.sumAll(inUnits(first, values.get(first)));
                outputs.put(
                        POSITION_GRADIENT,
                        Gradient.of(sum, List.of(inputs.positions)).getFirst());
            }
            return outputs;
        }

        private Objective objective() {
            Objective result = objective;
            if (result == null) {
                result = potential != null && prediction != null
                        ? potential.objective(prediction, terms, atomsPerGraph)
                        : tasks();
                objective = result;
            }
            return result;
        }

        private Objective tasks() {
            List<Node> losses = new ArrayList<>();
            for (int i = 0; i < values.size(); i++) {
                losses.add(terms.get(i).share(inputs, values.get(i), target(i), variances.get(i)));
            }
            return Objective.of(terms, losses);
        }
    }
}
