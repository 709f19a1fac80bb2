package org.iolaus.data.generate;

/// The energy of two atoms as a function of their distance, before it is switched off towards the cutoff.
sealed interface PairPotential {
    /// eV at `r` Å.
    double energy(double r);

    /// eV/Å at `r` Å.
    double derivative(double r);

    /// Lennard-Jones 12-6: `depth ((r0/r)^12 - 2 (r0/r)^6)`.
    ///
    /// @param depth eV
    /// @param r0 the distance of lowest energy, Å
    record LennardJones(double depth, double r0) implements PairPotential {
        @Override
        public double energy(double r) {
            double x6 = sixth(r0 / r);
            return depth * x6 * (x6 - 2);
        }

        @Override
        public double derivative(double r) {
            double x6 = sixth(r0 / r);
            return 12 * depth * x6 * (1 - x6) / r;
        }

        private static double sixth(double x) {
            double cube = x * x * x;
            return cube * cube;
        }
    }

    /// Morse: `depth (e^(-2 a (r - r0)) - 2 e^(-a (r - r0)))`.
    ///
    /// @param depth eV
    /// @param stiffness `a`, 1/Å
    /// @param r0 the distance of lowest energy, Å
    record Morse(double depth, double stiffness, double r0) implements PairPotential {
        @Override
        public double energy(double r) {
            double e = StrictMath.exp(-stiffness * (r - r0));
            return depth * e * (e - 2);
        }

        @Override
        public double derivative(double r) {
            double e = StrictMath.exp(-stiffness * (r - r0));
            return 2 * stiffness * depth * e * (1 - e);
        }
    }
}
