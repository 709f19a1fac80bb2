package org.iolaus.model;

import java.util.List;
import java.util.Objects;
import org.iolaus.grad.Gradient;
import org.iolaus.ir.Node;
import org.iolaus.model.Architecture.EnergyReference;
import org.iolaus.model.Architecture.Level;
import org.iolaus.nn.Initializer;
import org.iolaus.nn.Loss;
import org.iolaus.nn.Pooling;
import org.iolaus.nn.Scope;
import org.iolaus.op.Expr;
import org.jspecify.annotations.Nullable;

/// Interatomic-potential mode: the only head gives the energy of each graph, forces are minus its derivative.
///
/// `energy = energy_scale * output + sum over atoms of element_energy[z]`, or `... + energy_mean`; these are buffers,
/// there only if configured.
final class Potential {
    static final String ENERGY_SCALE = "energy_scale";
    static final String ELEMENT_ENERGY = "element_energy";
    static final String ENERGY_MEAN = "energy_mean";

    private final Architecture architecture;
    private final Inputs inputs;
    private final @Nullable Node scale;
    private final @Nullable Node elementEnergy;
    private final @Nullable Node energyMean;

    /// What the potential says of a batch.
    ///
    /// @param interaction (G, 1): energy without its reference, eV
    /// @param reference (G, 1) or (1): the elements' share or the mean, eV; null without
    /// @param forces (N, 3), eV/Å
    record Prediction(Node interaction, @Nullable Node reference, Node forces) {
        Node energy() {
            return reference == null ? interaction : Expr.add(interaction, reference);
        }
    }

    Potential(Architecture architecture, Inputs inputs, Scope root, Loss loss) {
        this.architecture = architecture;
        this.inputs = inputs;
        check(architecture, loss);
        Architecture.Potential settings = architecture.potential();
        Architecture.EnergyScale energyScale = settings.energyScale();
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

    private static void check(Architecture architecture, Loss loss) {
        List<Level> levels = architecture.dimensions().outputType();
        if (levels.size() != 1 || architecture.dimensions().outputDim().getFirst() != 1) {
            throw new ModelException("enable_interatomic_potential: want one head of one column, got "
                    + architecture.dimensions().outputDim());
        }
        if (levels.getFirst() == Level.GRAPH && architecture.graphPooling() != Pooling.ADD) {
            throw new ModelException(
                    "graph_pooling: want add for a potential with a graph head, got " + architecture.graphPooling());
        }
        Architecture.Potential weights = architecture.potential();
        refuseVariance("loss_function_type", loss);
        refuseVariance("energy_loss_type", weights.energyLossType());
        refuseVariance("force_loss_type", weights.forceLossType());
        if (weights.energyWeight() <= 0 && weights.energyPeratomWeight() <= 0 && weights.forceWeight() <= 0) {
            throw new ModelException("energy_weight, energy_peratom_weight, force_weight: want one above 0, got none");
        }
        if (architecture.normalizeTargets() && weights.energyScale() == null) {
            throw new ModelException(
                    "normalize_targets: want an energy_scale to divide energies and forces by, got none");
        }
    }

    private static void refuseVariance(String key, @Nullable Loss loss) {
        if (loss == Loss.GAUSSIAN_NLL) {
            throw new ModelException(key + ": want a loss without variances for a potential, got " + loss);
        }
    }

    Prediction apply(Node head) {
        Node output = architecture.dimensions().outputType().getFirst() == Level.NODE
                ? Expr.segmentSum(head, inputs.graph)
                : head;
        Node interaction = scale == null ? output : Expr.mul(output, scale);
        if (!Gradient.depends(interaction, inputs.positions)) {
            throw new ModelException(
                    "mpnn_type: want one that reads positions for a potential, got " + architecture.mpnnType());
        }
        // padding feels the statistics of batches that layers normalise by
        Node total = Expr.sumAll(Expr.mul(interaction, inputs.graphWeight));
        Node forces = Expr.neg(Gradient.of(total, List.of(inputs.positions)).getFirst());
        Node reference = elementEnergy == null
                ? energyMean
                : Expr.segmentSum(Expr.gather(elementEnergy, inputs.atomicNumber), inputs.graph);
        return new Prediction(interaction, reference, forces);
    }

    /// Energy, energy per atom, forces, with the weights as configured.
    ///
    /// @param loss of terms without one of their own
    Objective objective(Prediction prediction, Loss loss, Node atomsPerGraph) {
        Architecture.Potential settings = architecture.potential();
        Loss energyLoss = Objects.requireNonNullElse(settings.energyLossType(), loss);
        Loss forceLoss = Objects.requireNonNullElse(settings.forceLossType(), loss);
        Node reference = prediction.reference();
        Node target = unit(reference == null ? inputs.energy : Expr.sub(inputs.energy, reference));
        Node predicted = unit(prediction.interaction());
        Node energy = energyLoss.apply(predicted, target, null, inputs.graphWeight, inputs.graphsTotal, inputs.ranks);
        Node perAtom = energyLoss.apply(
                Expr.div(predicted, atomsPerGraph),
                Expr.div(target, atomsPerGraph),
                null,
                inputs.graphWeight,
                inputs.graphsTotal,
                inputs.ranks);
        Node forces = forceLoss.apply(
                unit(prediction.forces()),
                unit(inputs.forces),
                null,
                inputs.atomWeight,
                inputs.atomsTotal,
                inputs.ranks);
        return Objective.weighted(
                List.of(energy, perAtom, forces),
                List.of(settings.energyWeight(), settings.energyPeratomWeight(), settings.forceWeight()));
    }

    /// Energies or forces as the losses compare them.
    private Node unit(Node x) {
        return scale != null && architecture.normalizeTargets() ? Expr.div(x, scale) : x;
    }
}
