package org.iolaus.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import org.iolaus.atoms.Structure;

/// How much a model's energies and forces differ from what they should be when the atoms are moved in ways that
/// physics does not notice.
///
/// An error is the root mean square of the differences over all systems, of energies relative to their standard
/// deviation over the systems, of forces relative to their root mean square.
public final class Symmetries {
    private final Predictor predictor;
    private final List<Structure> systems;
    private final Answer answer;

    /// A model with energies and forces.
    public interface Predictor {
        /// What the model says of these systems.
        ///
        /// @param rngKey seeds the random part of frames
        Answer of(List<Structure> systems, long rngKey);
    }

    /// What a model says of some systems.
    ///
    /// @param energy (G), eV
    /// @param forces (N, 3), eV/Å
    @SuppressWarnings("ArrayRecordComponent")
    public record Answer(double[] energy, double[] forces) {}

    /// Relative errors.
    public record Errors(double energy, double forces) {
        private Errors max(Errors other) {
            return new Errors(Math.max(energy, other.energy), Math.max(forces, other.forces));
        }
    }

    public Symmetries(Predictor predictor, List<Structure> systems) {
        this.predictor = predictor;
        this.systems = List.copyOf(systems);
        this.answer = predictor.of(systems, 1);
    }

    /// Clusters without symmetry of the same eight atoms of H, C, N and O in other places, at least 0.9 Å apart.
    public static List<Structure> clusters(int count, long seed) {
        int[] elements = {1, 6, 8, 1, 7, 6, 1, 8};
        SplittableRandom random = new SplittableRandom(seed);
        List<Structure> clusters = new ArrayList<>();
        for (int g = 0; g < count; g++) {
            double[] positions = new double[3 * elements.length];
            for (int i = 0; i < elements.length; i++) {
                do {
                    for (int k = 0; k < 3; k++) {
                        positions[3 * i + k] = random.nextDouble(3.5);
                    }
                } while (crowded(positions, i));
            }
            Structure shape = new Structure(
                    elements, positions, null, new boolean[3], null, null, null, Map.of(), Map.of(), "cluster " + g);
            clusters.add(shape);
        }
        return clusters;
    }

    private static boolean crowded(double[] positions, int atom) {
        for (int j = 0; j < atom; j++) {
            double square = 0;
            for (int k = 0; k < 3; k++) {
                double d = positions[3 * atom + k] - positions[3 * j + k];
                square += d * d;
            }
            if (square < 0.81) {
                return true;
            }
        }
        return false;
    }

    /// The largest error of several random rotations.
    public Errors rotation(int count, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Errors worst = new Errors(0, 0);
        for (int i = 0; i < count; i++) {
            worst = worst.max(linear(rotation(random)));
        }
        return worst;
    }

    /// The mirror image through the origin, of which energies need not be the same.
    public Errors inversion() {
        return linear(new double[] {-1, 0, 0, 0, -1, 0, 0, 0, -1});
    }

    private Errors linear(double[] matrix) {
        UnaryOperator<double[]> turn = rows -> turned(rows, matrix);
        return compare(new Answer(answer.energy, turn.apply(answer.forces)), predictor.of(moved(turn), 1));
    }

    /// Another place, some Å away.
    public Errors translation() {
        double[] by = {1.7, -12.3, 0.4};
        return compare(
                answer,
                predictor.of(
                        moved(positions -> {
                            double[] result = positions.clone();
                            Arrays.setAll(result, i -> result[i] + by[i % 3]);
                            return result;
                        }),
                        1));
    }

    /// Other rolls of the frames, where they are random.
    public Errors gauge() {
        return compare(answer, predictor.of(systems, 2));
    }

    /// Atoms numbered the other way round.
    public Errors permutation() {
        List<Structure> reversed = systems.stream()
                .map(system -> {
                    int n = system.atoms();
                    int[] elements = new int[n];
                    Arrays.setAll(elements, i -> system.atomicNumbers()[n - 1 - i]);
                    return with(system, elements, reversed(system.positions()));
                })
                .toList();
        Answer other = predictor.of(reversed, 1);
        double[] forces = new double[other.forces.length];
        int at = 0;
        for (Structure system : systems) {
            int end = at + 3 * system.atoms();
            System.arraycopy(reversed(Arrays.copyOfRange(other.forces, at, end)), 0, forces, at, end - at);
            at = end;
        }
        return compare(answer, new Answer(other.energy, forces));
    }

    /// Each system by itself instead of all in one batch.
    public Errors batch() {
        double[] energy = new double[answer.energy.length];
        double[] forces = new double[answer.forces.length];
        int at = 0;
        for (int g = 0; g < systems.size(); g++) {
            Answer alone = predictor.of(List.of(systems.get(g)), 1);
            energy[g] = alone.energy[0];
            System.arraycopy(alone.forces, 0, forces, at, alone.forces.length);
            at += alone.forces.length;
        }
        return compare(answer, new Answer(energy, forces));
    }

    private Errors compare(Answer want, Answer got) {
        double mean = Arrays.stream(want.energy).average().orElse(0);
        double[] spread = Arrays.stream(want.energy).map(e -> e - mean).toArray();
        return new Errors(
                rms(difference(want.energy, got.energy)) / rms(spread),
                rms(difference(want.forces, got.forces)) / rms(want.forces));
    }

    private static double[] difference(double[] a, double[] b) {
        double[] result = a.clone();
        Arrays.setAll(result, i -> a[i] - b[i]);
        return result;
    }

    private static double rms(double[] values) {
        return Math.sqrt(Arrays.stream(values).map(v -> v * v).average().orElse(0));
    }

    private List<Structure> moved(UnaryOperator<double[]> move) {
        return systems.stream()
                .map(system -> with(system, system.atomicNumbers(), move.apply(system.positions())))
                .toList();
    }

    private static Structure with(Structure system, int[] elements, double[] positions) {
        return new Structure(
                elements,
                positions,
                null,
                new boolean[3],
                null,
                null,
                null,
                system.atomColumns(),
                system.graphColumns(),
                system.source());
    }

    /// Rows of three in the other order.
    private static double[] reversed(double[] rows) {
        double[] result = new double[rows.length];
        Arrays.setAll(result, i -> rows[rows.length - 3 - i / 3 * 3 + i % 3]);
        return result;
    }

    /// The matrix times each row.
    private static double[] turned(double[] rows, double[] matrix) {
        double[] result = new double[rows.length];
        for (int i = 0; i < rows.length; i++) {
            for (int k = 0; k < 3; k++) {
                result[i] += matrix[i % 3 * 3 + k] * rows[i / 3 * 3 + k];
            }
        }
        return result;
    }

    /// From a random quaternion.
    private static double[] rotation(SplittableRandom random) {
        double[] q = new double[4];
        Arrays.setAll(q, _ -> random.nextGaussian());
        double n = Math.sqrt(Arrays.stream(q).map(v -> v * v).sum());
        double w = q[0] / n;
        double x = q[1] / n;
        double y = q[2] / n;
        double z = q[3] / n;
        return new double[] {
            1 - 2 * (y * y + z * z),
            2 * (x * y - z * w),
            2 * (x * z + y * w),
            2 * (x * y + z * w),
            1 - 2 * (x * x + z * z),
            2 * (y * z - x * w),
            2 * (x * z - y * w),
            2 * (y * z + x * w),
            1 - 2 * (x * x + y * y)
        };
    }
}
