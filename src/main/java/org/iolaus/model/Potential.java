package org.iolaus.model;

import static org.iolaus.model.Require.ARCHITECTURE;

import java.util.List;
import java.util.Objects;
import org.iolaus.grad.Gradient;
import org.iolaus.ir.Node;
import org.iolaus.model.Architecture.EnergyReference;
import org.iolaus.model.Architecture.EnergyScale;
import org.iolaus.model.Architecture.Level;
import org.iolaus.model.Architecture.ScaleRule;
import org.iolaus.nn.Initializer;
import org.iolaus.nn.Loss;
import org.iolaus.nn.Pooling;
import org.iolaus.nn.Scope;
import org.iolaus.op.Expr;
import org.jspecify.annotations.Nullable;

/// Interatomic potential: the only head gives the energy of each graph, and forces are minus its derivative.
///
/// `energy = energy_scale * output + sum over atoms of element_energy[z]`, or `... + energy_mean`. These are buffers,
/// and exist only if configured.
final class Potential {
    static final String ENERGY_SCALE = "energy_scale";
    static final String ELEMENT_ENERGY = "element_energy";
    static final String ENERGY_MEAN = "energy_mean";

    private final Architecture architecture;
    private final Inputs inputs;
    private final @Nullable Node scale;
    private final @Nullable Node elementEnergy;
    private final @Nullable Node energyMean;

    /// The prediction for a batch.
    ///
    /// @param interaction (G, 1): energy without its reference, eV
    /// @param reference (G, 1) or (1): the elements' share or the mean, eV; null without
    /// @param forces (N, 3), eV/Å
    record Prediction(Node interaction, @Nullable Node reference, Node forces) {
        Node energy() {
            return reference == null ? interaction : Expr.add(interaction, reference);
        }
    }

    Potential(Architecture architecture, Inputs inputs, Scope root) {
        this.architecture = architecture;
        this.inputs = inputs;
        Architecture.Potential settings = architecture.potential();
        EnergyScale energyScale = settings.energyScale();
        scale = energyScale == null
                ? null
                : root.buffer(
                        ENERGY_SCALE, Initializer.constant(energyScale.value() == null ? 1 : energyScale.value()), 1);
        elementEnergy = settings.energyReference() == EnergyReference.PER_ELEMENT
                ? root.buffer(ELEMENT_ENERGY, Initializer.constant(0), Inputs.ELEMENTS, 1)
                : null;
        energyMean = settings.energyReference() == EnergyReference.MEAN
                ? root.buffer(ENERGY_MEAN, Initializer.constant(0), 1)
                : null;
    }

    /// Checks the settings of a potential, or that there are none.
    static void check(Architecture architecture, Loss loss) {
        Architecture.Potential settings = architecture.potential();
        EnergyScale scale = settings.energyScale();
        EnergyReference reference = settings.energyReference();
        Require.notNegative(ARCHITECTURE + "energy_weight", settings.energyWeight());
        Require.notNegative(ARCHITECTURE + "energy_peratom_weight", settings.energyPeratomWeight());
        Require.notNegative(ARCHITECTURE + "force_weight", settings.forceWeight());
        double weights = settings.energyWeight() + settings.energyPeratomWeight() + settings.forceWeight();
        if (!settings.enableInteratomicPotential()) {
            Require.that(
                    weights == 0
                            && settings.energyLossType() == null
                            && settings.forceLossType() == null
                            && scale == null
                            && reference == EnergyReference.NONE,
                    ARCHITECTURE + "enable_interatomic_potential",
                    "true where energy_weight, force_weight, energy_scale or the like is set",
                    false);
            return;
        }
        Require.positive(ARCHITECTURE + "energy_scale", scale == null ? null : scale.value());
        Require.that(
                weights > 0,
                ARCHITECTURE + "force_weight",
                "a positive weight of energy, energy per atom or forces",
                settings.forceWeight());
        Require.that(
                !architecture.normalizeTargets() || scale != null,
                ARCHITECTURE + "normalize_targets",
                "false for a potential without energy_scale, by which energies and forces would be divided",
                true);
        Require.that(
                scale == null || scale.rule() != ScaleRule.ENERGY_STD || reference != EnergyReference.NONE,
                ARCHITECTURE + "energy_reference",
                "mean or per_element with energy_scale energy_std",
                reference);
        Require.that(
                architecture.compatibility() == null || (scale == null && reference == EnergyReference.NONE),
                ARCHITECTURE + "compatibility",
                "null with energy_scale or energy_reference",
                architecture.compatibility());
        Architecture.Dimensions heads = architecture.dimensions();
        Require.that(
                heads.outputDim().equals(List.of(1)),
                "NeuralNetwork.Variables_of_interest.output_dim",
                "one output of width 1, the energy, for an interatomic potential",
                heads.outputDim());
        Require.that(
                heads.outputType().getFirst() == Level.NODE || architecture.graphPooling() == Pooling.ADD,
                ARCHITECTURE + "graph_pooling",
                "add for an interatomic potential with a graph head",
                architecture.graphPooling());
        Require.that(
                architecture.edgeFeatures().isEmpty(),
                ARCHITECTURE + "edge_features",
                "[] for an interatomic potential",
                architecture.edgeFeatures());
        refuseVariance("NeuralNetwork.Training.loss_function_type", loss);
        refuseVariance(ARCHITECTURE + "energy_loss_type", settings.energyLossType());
        refuseVariance(ARCHITECTURE + "force_loss_type", settings.forceLossType());
    }

    private static void refuseVariance(String path, @Nullable Loss loss) {
        Require.that(loss != Loss.GAUSSIAN_NLL, path, "a loss without variances for a potential", loss);
    }

    Prediction apply(Node head) {
        Node output = architecture.dimensions().outputType().getFirst() == Level.NODE
                ? Expr.segmentSum(head, inputs.graph)
                : head;
        Node interaction = scale == null ? output : Expr.mul(output, scale);
        if (!Gradient.depends(interaction, inputs.positions)) {
            throw new ModelException(ARCHITECTURE + "mpnn_type: want one that reads positions for a potential, got "
                    + architecture.mpnnType());
        }
        // padding feels the statistics of batches that layers normalise by
        Node total = Expr.sumAll(Expr.mul(interaction, inputs.graphWeight));
        Node forces = Expr.neg(Gradient.of(total, List.of(inputs.positions)).getFirst());
        Node reference = elementEnergy == null
                ? energyMean
                : Expr.segmentSum(Expr.gather(elementEnergy, inputs.atomicNumber), inputs.graph);
        return new Prediction(interaction, reference, forces);
    }

    /// Energy, energy per atom, forces.
    ///
    /// @param loss of terms without one of their own
    static List<LossTerm> terms(Architecture.Potential settings, Loss loss) {
        Loss energyLoss = Objects.requireNonNullElse(settings.energyLossType(), loss);
        Loss forceLoss = Objects.requireNonNullElse(settings.forceLossType(), loss);
        return List.of(
                new LossTerm(energyLoss, Level.GRAPH, settings.energyWeight()),
                new LossTerm(energyLoss, Level.GRAPH, settings.energyPeratomWeight()),
                new LossTerm(forceLoss, Level.NODE, settings.forceWeight()));
    }

    /// @param terms those of [#terms]
    Objective objective(Prediction prediction, List<LossTerm> terms, Node atomsPerGraph) {
        Node reference = prediction.reference();
        Node target = unit(reference == null ? inputs.energy : Expr.sub(inputs.energy, reference));
        Node predicted = unit(prediction.interaction());
        Node energy = terms.get(0).share(inputs, predicted, target, null);
        Node perAtom =
                terms.get(1).share(inputs, Expr.div(predicted, atomsPerGraph), Expr.div(target, atomsPerGraph), null);
        Node forces = terms.get(2).share(inputs, unit(prediction.forces()), unit(inputs.forces), null);
        return Objective.of(terms, List.of(energy, perAtom, forces));
    }

    /// Energies or forces in the units in which losses compare them.
    private Node unit(Node x) {
        return scale != null && architecture.normalizeTargets() ? Expr.div(x, scale) : x;
    }
}
