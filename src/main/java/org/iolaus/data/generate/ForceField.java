package org.iolaus.data.generate;

import org.iolaus.atoms.Edges;
import org.iolaus.atoms.NeighbourList;
import org.iolaus.atoms.Units;
import org.iolaus.data.generate.PairPotential.LennardJones;
import org.iolaus.data.generate.PairPotential.Morse;
import org.jspecify.annotations.Nullable;

/// Copper and gold with Lennard-Jones potentials (Heinz et al., J. Phys. Chem. C 112, 17281 (2008), mixed after
/// Lorentz and Berthelot) and lead with a Morse potential (Girifalco and Weizer, Phys. Rev. 114, 687 (1959)).
///
/// All are multiplied by `1 - 10 t³ + 15 t⁴ - 6 t⁵`, where t goes from 0 at 4 Å to 1 at 5 Å, so that energies,
/// forces and the forces' first derivatives are continuous and a model with a cutoff of 5 Å sees all there is.
/// Transcendental functions come from StrictMath: the same atoms give the same bits on every machine.
final class ForceField {
    static final double CUTOFF_ANGSTROM = 5;
    private static final double ONSET_ANGSTROM = 4;

    static final int COPPER = 29;
    static final int GOLD = 79;
    static final int LEAD = 82;

    private static final LennardJones COPPER_COPPER = new LennardJones(4.72 * Units.KCAL_PER_MOL, 2.616);
    private static final LennardJones GOLD_GOLD = new LennardJones(5.29 * Units.KCAL_PER_MOL, 2.951);
    private static final LennardJones COPPER_GOLD = mixed(COPPER_COPPER, GOLD_GOLD);
    private static final Morse LEAD_LEAD = new Morse(0.2348, 1.1836, 3.733);

    private ForceField() {}

    /// What the force field says about a frame of N atoms.
    ///
    /// @param atomEnergy `(N)` eV: half of each pair's energy goes to either atom
    /// @param forces `(N, 3)` eV/Å
    /// @param virial `(3, 3)` eV: the derivative of the energy by strain
    /// @param coordination `(N)`: neighbours, each counted with the factor that switches its energy
    @SuppressWarnings("ArrayRecordComponent")
    record Result(double[] atomEnergy, double[] forces, double[] virial, double[] coordination) {
        double energy() {
            double sum = 0;
            for (double e : atomEnergy) {
                sum += e;
            }
            return sum;
        }
    }

    static Result evaluate(int[] atomicNumbers, double[] positions, double @Nullable [] cell, boolean[] periodic) {
        Edges edges = NeighbourList.build(positions, cell, periodic, CUTOFF_ANGSTROM, NeighbourList.UNLIMITED);
        int atoms = atomicNumbers.length;
        Result result = new Result(new double[atoms], new double[3 * atoms], new double[9], new double[atoms]);
        for (int e = 0; e < edges.size(); e++) {
            add(result, edges, e, atomicNumbers, positions);
        }
        return result;
    }

    /// Adds the half of a pair that the edge's target owns; the other half is the edge in the other direction.
    private static void add(Result result, Edges edges, int e, int[] atomicNumbers, double[] positions) {
        int i = edges.target()[e];
        int j = edges.source()[e];
        double[] d = new double[3];
        double square = 0;
        for (int k = 0; k < 3; k++) {
            d[k] = positions[3 * j + k] + edges.shift()[3 * e + k] - positions[3 * i + k];
            square += d[k] * d[k];
        }
        double r = Math.sqrt(square);
        PairPotential pair = between(atomicNumbers[i], atomicNumbers[j]);
        double t = Math.clamp((r - ONSET_ANGSTROM) / (CUTOFF_ANGSTROM - ONSET_ANGSTROM), 0.0, 1.0);
        double on = 1 - t * t * t * (10 - t * (15 - 6 * t));
        double onDerivative = -30 * t * t * (1 - t) * (1 - t) / (CUTOFF_ANGSTROM - ONSET_ANGSTROM);
        double slope = pair.derivative(r) * on + pair.energy(r) * onDerivative;
        result.atomEnergy()[i] += 0.5 * pair.energy(r) * on;
        result.coordination()[i] += on;
        for (int k = 0; k < 3; k++) {
            result.forces()[3 * i + k] += slope * d[k] / r;
            for (int l = 0; l < 3; l++) {
                result.virial()[3 * k + l] += 0.5 * slope * d[k] * d[l] / r;
            }
        }
    }

    static PairPotential between(int z1, int z2) {
        if (z1 == LEAD && z2 == LEAD) {
            return LEAD_LEAD;
        }
        if (z1 == LEAD || z2 == LEAD) {
            throw new IllegalArgumentException("force field: want lead only with itself, got " + z1 + " and " + z2);
        }
        return z1 != z2 ? COPPER_GOLD : z1 == COPPER ? COPPER_COPPER : GOLD_GOLD;
    }

    private static LennardJones mixed(LennardJones a, LennardJones b) {
        return new LennardJones(Math.sqrt(a.depth() * b.depth()), 0.5 * (a.r0() + b.r0()));
    }
}
