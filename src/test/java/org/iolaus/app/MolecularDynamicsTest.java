package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.iolaus.atoms.Structure;
import org.iolaus.atoms.Units;
import org.iolaus.bench.EnergiesAndForces;
import org.iolaus.bench.Symmetries.Answer;
import org.iolaus.comm.SoloComm;
import org.iolaus.config.ConfigReader;
import org.iolaus.convert.Splits;
import org.iolaus.run.ConfiguredModel;
import org.iolaus.run.ModelFactory;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.engine.HostEngine;
import org.iolaus.train.engine.ModelState;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Constant-energy dynamics with a trained EquiformerV2: forces that are derivatives of an energy without jumps
/// conserve it; without the envelope that takes edges away smoothly, the same network does not.
final class MolecularDynamicsTest {
    private static final String PREFIX = "NeuralNetwork.Architecture.";

    private static final List<String> POTENTIAL = List.of(
            "mpnn_type=none",
            "graph_pooling=add",
            "equiformer_heads=true",
            "equiformer_radius=3",
            "equiformer_max_neighbours=null",
            "energy_peratom_weight=0",
            "energy_weight=1",
            "force_weight=4");

    private static final int[] ELEMENTS = {8, 1, 1, 8, 1, 1};
    private static final int ATOMS = ELEMENTS.length;
    private static final double[] MASSES = {15.999, 1.008, 1.008, 15.999, 1.008, 1.008};

    /// Å. Two pairs are 2.91 and 2.94 Å apart, so that they cross the cutoff of 3 Å again and again.
    private static final double[] REST = {
        0, 0, 0, 0.96, 0, 0, -0.24, 0.93, 0, 0.3, -0.9, 2.2, 0.1, -0.5, 1.3, 1.2, -1.2, 2.4
    };

    /// Å²/fs² per eV/amu
    private static final double ACCELERATION = 1.602176634e-19 / 1.66053906892e-27 * 1e-10;

    @TempDir
    private Path folder;

    /// A trajectory's total energy, eV per atom.
    ///
    /// @param drift slope of the straight line through it, per ps
    /// @param noise root mean square distance from that line
    /// @param crossings how many steps changed the number of edges
    private record Trajectory(double drift, double noise, int crossings) {}

    /// A molecule of springs, shaken.
    private static List<Structure> frames(int count, long seed) {
        Random random = new Random(seed);
        List<Structure> frames = new ArrayList<>();
        for (int f = 0; f < count; f++) {
            double[] x = new double[3 * ATOMS];
            Arrays.setAll(x, i -> REST[i] + 0.12 * random.nextGaussian());
            double[] forces = new double[3 * ATOMS];
            double energy = -10;
            for (int i = 0; i < ATOMS; i++) {
                for (int j = 0; j < i; j++) {
                    double rest = distance(REST, i, j);
                    double strength = rest < 1.1 ? 4 : rest < 2.75 ? 1 : 0; // eV/Å²
                    double r = distance(x, i, j);
                    energy += 0.5 * strength * (r - rest) * (r - rest);
                    for (int k = 0; k < 3; k++) {
                        double pull = strength * (r - rest) * (x[3 * i + k] - x[3 * j + k]) / r;
                        forces[3 * i + k] -= pull;
                        forces[3 * j + k] += pull;
                    }
                }
            }
            frames.add(frame(x, energy, forces));
        }
        return frames;
    }

    private static Structure frame(double[] x, double energy, double[] forces) {
        return new Structure(
                ELEMENTS, x.clone(), null, new boolean[3], energy, forces, null, Map.of(), Map.of(), "molecule");
    }

    private static double distance(double[] x, int i, int j) {
        return Math.sqrt(Math.pow(x[3 * i] - x[3 * j], 2)
                + Math.pow(x[3 * i + 1] - x[3 * j + 1], 2)
                + Math.pow(x[3 * i + 2] - x[3 * j + 2], 2));
    }

    private static int pairs(double[] x) {
        int pairs = 0;
        for (int i = 0; i < ATOMS; i++) {
            for (int j = 0; j < i; j++) {
                pairs += distance(x, i, j) < 3 ? 1 : 0;
            }
        }
        return pairs;
    }

    /// Velocity Verlet from rest positions with velocities of 600 K, half of which goes into the springs.
    private static Trajectory run(EnergiesAndForces model, double femtoseconds, int steps) {
        Random random = new Random(12);
        double[] x = REST.clone();
        double[] v = new double[3 * ATOMS]; // Å/fs
        Arrays.setAll(v, i -> Math.sqrt(600 * Units.BOLTZMANN * ACCELERATION / MASSES[i / 3]) * random.nextGaussian());
        double[] unknown = new double[3 * ATOMS];
        Answer now = model.of(List.of(frame(x, 0, unknown)), 0);
        double[] total = new double[steps];
        int crossings = 0;
        int pairs = pairs(x);
        for (int step = 0; step < steps; step++) {
            for (int i = 0; i < 3 * ATOMS; i++) {
                v[i] += 0.5 * femtoseconds * ACCELERATION * now.forces()[i] / MASSES[i / 3];
                x[i] += femtoseconds * v[i];
            }
            now = model.of(List.of(frame(x, 0, unknown)), step + 1);
            double kinetic = 0;
            for (int i = 0; i < 3 * ATOMS; i++) {
                v[i] += 0.5 * femtoseconds * ACCELERATION * now.forces()[i] / MASSES[i / 3];
                kinetic += 0.5 * MASSES[i / 3] * v[i] * v[i] / ACCELERATION;
            }
            total[step] = (now.energy()[0] + kinetic) / ATOMS;
            crossings += pairs(x) == pairs ? 0 : 1;
            pairs = pairs(x);
        }
        return trajectory(total, 1e-3 * femtoseconds, crossings);
    }

    private static Trajectory trajectory(double[] total, double picoseconds, int crossings) {
        double mean = Arrays.stream(total).average().orElse(0);
        double middle = 0.5 * (total.length - 1);
        double products = 0;
        double squares = 0;
        for (int step = 0; step < total.length; step++) {
            products += (step - middle) * (total[step] - mean);
            squares += (step - middle) * (step - middle);
        }
        double slope = products / squares;
        double rest = 0;
        for (int step = 0; step < total.length; step++) {
            rest += Math.pow(total[step] - mean - slope * (step - middle), 2);
        }
        return new Trajectory(slope / picoseconds, Math.sqrt(rest / total.length), crossings);
    }

    private Checkpoint trained(SoloComm alone) {
        TinyRun.shards(folder, frames(90, 5), new Splits.Counts(80, 10, 0, false, 3), Set.of("energy", "forces"));
        List<String> settings = new ArrayList<>(List.of(
                "NeuralNetwork.Variables_of_interest.type=[\"graph\"]",
                "num_epoch=12",
                "batch_size=8",
                "keep_checkpoints=1"));
        Stream.of(EquiformerTrainingTest.SMALL, POTENTIAL)
                .flatMap(List::stream)
                .forEach(setting -> settings.add(PREFIX + setting));
        TinyRun.train(alone, TinyRun.config(folder), settings.toArray(String[]::new));
        return Checkpoint.read(folder.resolve("logs/run/best.h5"));
    }

    private static EnergiesAndForces model(HostEngine engine, Checkpoint run, String... settings) {
        ConfiguredModel configured =
                ModelFactory.of(ConfigReader.fromJson(run.run().configJson(), List.of(settings)), null);
        ModelState state = new ModelState(configured.model().parameters(), ModelState.evaluated(run.model()));
        return new EnergiesAndForces(configured, engine, state);
    }

    /// Root mean square error of forces on frames that were not trained on, relative to the forces.
    private static double error(EnergiesAndForces model) {
        double squares = 0;
        double errors = 0;
        for (Structure frame : frames(10, 6)) {
            double[] got = model.of(List.of(frame), 0).forces();
            double[] want = frame.forces();
            for (int i = 0; i < got.length; i++) {
                errors += Math.pow(got[i] - want[i], 2);
                squares += want[i] * want[i];
            }
        }
        return Math.sqrt(errors / squares);
    }

    @Test
    void smoothEnergiesAreConserved() {
        try (SoloComm alone = new SoloComm();
                HostEngine engine = new HostEngine(alone, 1)) {
            Checkpoint trained = trained(alone);
            try (EnergiesAndForces smooth = model(engine, trained);
                    EnergiesAndForces sharp = model(engine, trained, PREFIX + "equiformer_cutoff_envelope=false")) {
                assertTrue(error(smooth) < 0.4, () -> "relative error of forces " + error(smooth));
                Trajectory whole = run(smooth, 0.5, 1000);
                Trajectory half = run(smooth, 0.25, 2000);
                Trajectory jumps = run(sharp, 0.5, 1000);
                String all = error(smooth) + "\n" + whole + "\n" + half + "\n" + jumps;
                assertTrue(whole.crossings > 20 && jumps.crossings > 20, all);
                assertTrue(Math.abs(whole.drift) < 5e-5, all);
                // velocity Verlet's error is of second order in the time step, and nothing is added to it
                assertEquals(4, whole.noise / half.noise, 1, all);
                assertTrue(jumps.noise > 100 * whole.noise, all);
            }
        }
    }
}
