package org.iolaus.data.generate;

import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.iolaus.atoms.Cell;
import org.iolaus.atoms.Structure;
import org.iolaus.atoms.Units;
import org.jspecify.annotations.Nullable;

/// Makes the frames of the default dataset, each on its own: frame k of a seed is the same whatever else
/// is generated.
///
/// Half are clusters of 5 to 14 copper and gold atoms in free space, a third are crystals of lead in a strained
/// cell, some with a vacancy, and the rest are slabs of lead, periodic in two directions. The atoms start on a
/// face-centred cubic lattice and are moved by Langevin dynamics at a temperature between 100 and 1000 K.
public final class Generator {
    private static final double LEAD_SPACING_ANGSTROM = 3.70;
    private static final double CLUSTER_SPACING_ANGSTROM = 2.78;
    private static final double VACUUM_ANGSTROM = 8;
    private static final double MAX_STRAIN = 0.04;
    private static final double LOWEST_KELVIN = 100;
    private static final double HIGHEST_KELVIN = 1000;

    /// All atoms weigh 100 u, here in eV fs²/Å²: masses do not change how geometries are distributed.
    private static final double MASS = 100 * 103.642697;

    private static final double STEP_FS = 5;
    private static final double FRICTION_PER_FS = 0.02;
    private static final int STEPS = 200;

    private final SplittableRandom random;
    private int[] atomicNumbers = new int[0];
    private double[] positions = new double[0];
    private double @Nullable [] cell;
    private boolean[] periodic = new boolean[3];

    private Generator(long seed, long frame) {
        // the inner generator keeps neighbouring seeds from sharing frames
        this.random = new SplittableRandom(new SplittableRandom(seed).nextLong() + 0xD1B54A32D192ED03L * frame);
    }

    /// Frame `frame` of the dataset with this seed, counted from 0.
    public static Structure frame(long seed, long frame) {
        return new Generator(seed, frame).make();
    }

    private Structure make() {
        double kind = random.nextDouble();
        if (kind < 0.5) {
            cluster();
        } else {
            lead(kind > 0.83);
        }
        double kelvin =
                LOWEST_KELVIN * StrictMath.exp(random.nextDouble() * StrictMath.log(HIGHEST_KELVIN / LOWEST_KELVIN));
        ForceField.Result result = move(kelvin);
        double[] stress = null;
        if (cell != null && periodic[2]) {
            double volume = new Cell(cell).volume();
            stress = Arrays.stream(result.virial()).map(v -> v / volume).toArray();
        }
        Map<String, double[]> atomColumns = new LinkedHashMap<>();
        atomColumns.put("atom_energy", result.atomEnergy());
        atomColumns.put("coordination", result.coordination());
        return new Structure(
                atomicNumbers,
                positions,
                cell,
                periodic,
                result.energy(),
                result.forces(),
                stress,
                atomColumns,
                Map.of("temperature", new double[] {kelvin}),
                "generated");
    }

    /// The atoms of a face-centred cubic lattice nearest to a random point, copper or gold each.
    private void cluster() {
        int atoms = 5 + random.nextInt(10);
        double[] centre = {random.nextDouble(), random.nextDouble(), random.nextDouble()};
        double a = CLUSTER_SPACING_ANGSTROM * Math.sqrt(2);
        List<double[]> sites = IntStream.range(0, 4 * 5 * 5 * 5)
                .mapToObj(s -> site(s, 5))
                .sorted(Comparator.comparingDouble(site -> square(site, centre)))
                .limit(atoms)
                .toList();
        positions = sites.stream()
                .flatMapToDouble(site -> Arrays.stream(site).map(x -> a * x))
                .toArray();
        double gold = random.nextDouble();
        atomicNumbers = IntStream.range(0, atoms)
                .map(i -> random.nextDouble() < gold ? ForceField.GOLD : ForceField.COPPER)
                .toArray();
    }

    /// Site `s` of a block of cubic cells around the origin, in units of the lattice constant.
    private static double[] site(int s, int cells) {
        int corner = s % 4;
        int c = s / 4;
        double x = c % cells - cells / 2;
        double y = c / cells % cells - cells / 2;
        double z = c / (cells * cells) - cells / 2;
        return new double[] {
            x + (corner == 1 || corner == 2 ? 0.5 : 0),
            y + (corner == 1 || corner == 3 ? 0.5 : 0),
            z + (corner == 2 || corner == 3 ? 0.5 : 0)
        };
    }

    private static double square(double[] a, double[] b) {
        double sum = 0;
        for (int k = 0; k < 3; k++) {
            sum += (a[k] - b[k]) * (a[k] - b[k]);
        }
        return sum;
    }

    /// Lead on 8 to 16 sites of cubic or primitive cells, strained; a slab has two layers of cells and a gap.
    private void lead(boolean slab) {
        double a = LEAD_SPACING_ANGSTROM * Math.sqrt(2);
        double h = a / 2;
        boolean cubic = slab || random.nextBoolean();
        double[] unit = cubic ? new double[] {a, 0, 0, 0, a, 0, 0, 0, a} : new double[] {0, h, h, h, 0, h, h, h, 0};
        double[] basis = cubic ? new double[] {0, 0, 0, h, h, 0, h, 0, h, 0, h, h} : new double[3];
        int more = random.nextInt(3);
        int[] repeats = slab
                ? new int[] {1 + more % 2, 1, 2}
                : cubic ? new int[] {2, 1 + more % 2, 1} : new int[] {2, 2, 2 + more};
        double[] strain = new double[9];
        for (int k = 0; k < 3; k++) {
            for (int l = k; l < 3; l++) {
                strain[3 * k + l] = MAX_STRAIN * (2 * random.nextDouble() - 1);
                strain[3 * l + k] = strain[3 * k + l];
            }
            strain[4 * k] += 1;
        }
        Cell deformation = new Cell(strain);
        double[] box = new double[9];
        for (int i = 0; i < 9; i++) {
            box[i] = repeats[i / 3] * unit[i] + (slab && i == 8 ? VACUUM_ANGSTROM : 0);
        }
        cell = deformation.cartesian(box);
        periodic = new boolean[] {true, true, !slab};
        positions = deformation.cartesian(repeated(unit, basis, repeats));
        if (random.nextInt(3) == 0) {
            int hole = random.nextInt(positions.length / 3);
            positions = IntStream.range(0, positions.length)
                    .filter(i -> i / 3 != hole)
                    .mapToDouble(i -> positions[i])
                    .toArray();
        }
        atomicNumbers = new int[positions.length / 3];
        Arrays.fill(atomicNumbers, ForceField.LEAD);
    }

    private static double[] repeated(double[] unit, double[] basis, int[] repeats) {
        int cells = repeats[0] * repeats[1] * repeats[2];
        double[] positions = new double[cells * basis.length];
        for (int c = 0; c < cells; c++) {
            int[] n = {c % repeats[0], c / repeats[0] % repeats[1], c / (repeats[0] * repeats[1])};
            for (int b = 0; b < basis.length; b++) {
                int k = b % 3;
                positions[c * basis.length + b] = basis[b] + n[0] * unit[k] + n[1] * unit[3 + k] + n[2] * unit[6 + k];
            }
        }
        return positions;
    }

    /// Langevin dynamics in the splitting BAOAB (Leimkuhler and Matthews, 2013): moves the atoms for
    /// one picosecond.
    private ForceField.Result move(double kelvin) {
        double spread = Math.sqrt(Units.BOLTZMANN * kelvin / MASS);
        double keep = StrictMath.exp(-FRICTION_PER_FS * STEP_FS);
        double kick = spread * Math.sqrt(1 - keep * keep);
        double[] velocity = new double[positions.length];
        for (int i = 0; i < velocity.length; i++) {
            velocity[i] = spread * normal();
        }
        ForceField.Result result = ForceField.evaluate(atomicNumbers, positions, cell, periodic);
        for (int step = 0; step < STEPS; step++) {
            for (int i = 0; i < velocity.length; i++) {
                velocity[i] += 0.5 * STEP_FS / MASS * result.forces()[i];
                positions[i] += 0.5 * STEP_FS * velocity[i];
                velocity[i] = keep * velocity[i] + kick * normal();
                positions[i] += 0.5 * STEP_FS * velocity[i];
            }
            result = ForceField.evaluate(atomicNumbers, positions, cell, periodic);
            for (int i = 0; i < velocity.length; i++) {
                velocity[i] += 0.5 * STEP_FS / MASS * result.forces()[i];
            }
        }
        return result;
    }

    /// A normally distributed number (Box and Muller).
    private double normal() {
        double radius = Math.sqrt(-2 * StrictMath.log(1 - random.nextDouble()));
        return radius * StrictMath.cos(2 * Math.PI * random.nextDouble());
    }
}
