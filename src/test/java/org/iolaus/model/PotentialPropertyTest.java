package org.iolaus.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.DoubleFunction;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import org.iolaus.ir.Program;
import org.iolaus.model.Frames.Batch;
import org.iolaus.model.Frames.Frame;
import org.iolaus.tensor.HostTensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// What physics asks of a potential, for every kind of message passing, in free space and in a periodic cell.
final class PotentialPropertyTest {
    private static final double TINY = 1e-11;

    /// Of finite differences.
    private static final double STEP = 1e-4;

    /// A model, its parameters and a system.
    private record Case(Models kind, boolean periodic, long seed) {
        Model model() {
            return kind.potential(seed % 2 == 0 ? "node" : "graph", "\"element_embedding\": true,");
        }

        Frame frame(int atoms) {
            return Frames.random(new SplittableRandom(seed), atoms, periodic ? 4.0 : 4.5, periodic);
        }

        SplittableRandom random() {
            return new SplittableRandom(seed + 1000);
        }
    }

    static Stream<Case> cases() {
        return Arrays.stream(Models.values())
                .flatMap(kind -> Stream.of(new Case(kind, false, 20), new Case(kind, true, 33)));
    }

    /// Energies and forces.
    private record Answer(double[] energy, double[] forces) {
        static Answer of(Case c, Model model, Frame... frames) {
            return of(model.predict(), c, model, frames);
        }

        static Answer of(Program program, Case c, Model model, Frame... frames) {
            Map<String, HostTensor> out =
                    Frames.batch(model, frames).run(program, Frames.parameters(model.parameters(), c.seed()));
            return new Answer(
                    out.get(Model.ENERGY).data(), out.get(Model.FORCES).data());
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void turnsAndMirrorsWithTheAtoms(Case c) {
        Model model = c.model();
        Frame frame = c.frame(8);
        double[] q = orthogonal(c.random());
        for (double sign : c.kind().mirrors() ? new double[] {1, -1} : new double[] {1}) {
            double[] turn = Arrays.stream(q).map(v -> sign * v).toArray();
            Frame turned = new Frame(
                    frame.elements(),
                    turned(frame.positions(), turn),
                    frame.cell() == null ? null : turned(frame.cell(), turn));
            Answer before = Answer.of(c, model, frame);
            Answer after = Answer.of(c, model, turned);
            close(before.energy(), after.energy(), c.kind().turnError(), c);
            close(turned(before.forces(), turn), after.forces(), c.kind().turnError(), c);
            assertTrue(largest(before.forces()) > 1e-4, () -> "forces vanish, " + c);
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void doesNotCareWhereTheAtomsAre(Case c) {
        Model model = c.model();
        Frame frame = c.frame(8);
        double[] moved = frame.positions().clone();
        for (int i = 0; i < moved.length; i++) {
            moved[i] += new double[] {1.7, -12.3, 0.4}[i % 3];
        }
        Answer before = Answer.of(c, model, frame);
        Answer after = Answer.of(c, model, frame.at(moved));
        close(before.energy(), after.energy(), c);
        close(before.forces(), after.forces(), c);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void doesNotCareHowAtomsAreNumbered(Case c) {
        Model model = c.model();
        Frame frame = c.frame(8);
        int n = frame.elements().length;
        int[] order = {3, 7, 0, 5, 1, 6, 2, 4};
        int[] elements = new int[n];
        double[] positions = new double[3 * n];
        for (int i = 0; i < n; i++) {
            elements[i] = frame.elements()[order[i]];
            System.arraycopy(frame.positions(), 3 * order[i], positions, 3 * i, 3);
        }
        Answer before = Answer.of(c, model, frame);
        Answer after = Answer.of(c, model, new Frame(elements, positions, frame.cell()));
        double[] expected = new double[3 * n];
        for (int i = 0; i < n; i++) {
            System.arraycopy(before.forces(), 3 * order[i], expected, 3 * i, 3);
        }
        close(before.energy(), after.energy(), c);
        close(expected, after.forces(), c);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void doesNotCareForTheRestOfTheBatch(Case c) {
        Model model = c.model();
        Program program = model.predict();
        List<Frame> frames = List.of(c.frame(8), c.frame(3), c.frame(5));
        Answer together = Answer.of(program, c, model, frames.toArray(Frame[]::new));
        int at = 0;
        for (int g = 0; g < frames.size(); g++) {
            Answer alone = Answer.of(program, c, model, frames.get(g));
            close(alone.energy(), new double[] {together.energy()[g]}, c);
            int end = at + frames.get(g).positions().length;
            close(alone.forces(), Arrays.copyOfRange(together.forces(), at, end), c);
            at = end;
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void forcesAreMinusTheSlopeOfTheEnergy(Case c) {
        Model model = c.model();
        Program program = model.predict();
        Frame frame = c.frame(6);
        Answer answer = Answer.of(program, c, model, frame);
        SplittableRandom random = c.random();
        for (int trial = 0; trial < 5; trial++) {
            double[] direction = random.doubles(frame.positions().length, -1, 1).toArray();
            double expected = 0;
            for (int i = 0; i < direction.length; i++) {
                expected -= answer.forces()[i] * direction[i];
            }
            DoubleUnaryOperator energy =
                    t -> Answer.of(program, c, model, frame.at(plus(frame.positions(), direction, t)))
                            .energy()[0];
            assertEquals(expected, slope(energy, 1e-5), 1e-7 * Math.max(1, Math.abs(expected)), () -> "seed " + c);
        }
    }

    /// Central differences of two steps, extrapolated to step 0.
    private static double slope(DoubleUnaryOperator f, double step) {
        double coarse = (f.applyAsDouble(step) - f.applyAsDouble(-step)) / (2 * step);
        double fine = (f.applyAsDouble(step / 2) - f.applyAsDouble(-step / 2)) / step;
        return (4 * fine - coarse) / 3;
    }

    /// Forces come from the second layer of derivatives in training: the gradient of the loss on them must be
    /// right too.
    @ParameterizedTest
    @MethodSource("cases")
    void lossGradientsAreSlopesOfTheLoss(Case c) {
        checkLossGradients(c, c.frame(6), c.frame(4));
    }

    private static void checkLossGradients(Case c, Frame... frames) {
        Model model = c.model();
        Program program = model.train();
        Batch batch = Frames.batch(model, frames);
        Map<String, HostTensor> parameters = Frames.parameters(model.parameters(), c.seed());
        Map<String, HostTensor> out = batch.run(program, parameters);
        SplittableRandom random = c.random();
        Map<String, double[]> directions = new LinkedHashMap<>();
        double expected = 0;
        for (Map.Entry<String, HostTensor> entry : out.entrySet()) {
            if (entry.getKey().startsWith(Model.GRADIENT)) {
                double[] gradient = entry.getValue().data();
                double[] direction = random.doubles(gradient.length, -1, 1).toArray();
                directions.put(entry.getKey().substring(Model.GRADIENT.length()), direction);
                for (int i = 0; i < gradient.length; i++) {
                    expected += direction[i] * gradient[i];
                }
            }
        }
        DoubleUnaryOperator loss = t -> {
            Map<String, HostTensor> moved = new LinkedHashMap<>(parameters);
            directions.forEach((name, direction) -> {
                HostTensor value = parameters.get(name);
                moved.put(name, new HostTensor(value.shape(), plus(value.data(), direction, t)));
            });
            return batch.run(program, moved).get(Model.LOSS).data()[0];
        };
        double scale = Math.max(1, Math.abs(expected));
        assertEquals(expected, slope(loss, 2e-6), 2e-6 * scale, () -> "seed " + c);
    }

    /// Two atoms that come into each other's reach feel it gently.
    @ParameterizedTest
    @EnumSource(names = {"SCHNET", "PAINN", "EQUIFORMER", "EQUIFORMER_ON_GRID", "EQUIFORMER_OVER_SCHNET"})
    void nothingJumpsAtTheCutoff(Models kind) {
        Case c = new Case(kind, false, 44);
        Model model = c.model();
        double apart = Answer.of(c, model, pair(3.1)).energy()[0];
        for (double distance : new double[] {3.0 + 1e-9, 3.0, 3.0 - 1e-9, 3.0 - 1e-5}) {
            Answer answer = Answer.of(c, model, pair(distance));
            assertEquals(apart, answer.energy()[0], 1e-9, () -> "at " + distance);
            assertEquals(0, largest(answer.forces()), 1e-4, () -> "at " + distance);
        }
        assertTrue(Math.abs(apart - Answer.of(c, model, pair(2.0)).energy()[0]) > 1e-6);
    }

    /// At the cutoff an energy that its envelope multiplies begins as the third power of the distance from
    /// there, its forces as the second: no jump of the forces' slope either. Each of the two atoms has another
    /// beside it, or all that it knows of its surroundings would come from the edge that begins.
    @ParameterizedTest
    @EnumSource(names = {"EQUIFORMER", "EQUIFORMER_ON_GRID"})
    void energyBeginsSmoothlyAtTheCutoff(Models kind) {
        Case c = new Case(kind, false, 44);
        List<Answer> near = answers(c, List.of(pairs(3.2), pairs(3 - 0.004), pairs(3 - 0.002)));
        double apart = near.get(0).energy()[0];
        assertEquals(8, (near.get(1).energy()[0] - apart) / (near.get(2).energy()[0] - apart), 0.4);
        // the whole force between the pairs
        assertEquals(4, pull(near.get(1)) / pull(near.get(2)), 0.2);
        for (double inside : new double[] {1e-3, 1e-2, 0.1, 0.4}) {
            List<Answer> around = answers(c, around(t -> pairs(3 - inside + t)));
            assertEquals(pull(around.get(4)), slope(around), 1e-7, () -> inside + " Å inside");
        }
    }

    private static double pull(Answer answer) {
        return answer.forces()[0] + answer.forces()[3];
    }

    /// Two bonded pairs; one atom of each is that far from one of the other, all other distances are longer.
    private static Frame pairs(double distanceAngstrom) {
        double x = distanceAngstrom;
        return new Frame(
                new int[] {6, 1, 8, 1}, new double[] {0, 0, 0, -0.9, 0.3, 0.4, x, 0, 0, x + 0.8, -0.5, 0.2}, null);
    }

    private static Stream<Models> smoothFrames() {
        return Stream.of(
                Models.EQUIFORMER,
                Models.EQUIFORMER_ON_GRID,
                Models.EQUIFORMER_OVER_PAINN,
                Models.EQUIFORMER_OVER_SCHNET);
    }

    /// Four of the edges go along +y or -y, where a frame made with angles has no derivative.
    @ParameterizedTest
    @MethodSource("smoothFrames")
    void forcesAreSlopesWithBondsAlongThePoles(Models kind) {
        Case c = new Case(kind, false, 90);
        Frame frame = new Frame(
                new int[] {6, 8, 1, 7, 1},
                new double[] {0, 0, 0, 0, 1.3, 0, 0, -1.1, 0, 1, 0.2, 0.4, 1, 1.4, 0.4},
                null);
        List<Frame> moved = new ArrayList<>();
        for (int i = 0; i < frame.positions().length; i++) {
            double[] direction = new double[frame.positions().length];
            direction[i] = 1;
            moved.addAll(around(t -> frame.at(plus(frame.positions(), direction, t))));
        }
        List<Answer> answers = answers(c, moved);
        for (int i = 0; i < frame.positions().length; i++) {
            List<Answer> around = answers.subList(5 * i, 5 * i + 5);
            double expected = -around.get(4).forces()[i];
            int component = i;
            assertEquals(
                    expected,
                    slope(around),
                    1e-7 * Math.max(1, Math.abs(expected)),
                    () -> "component " + component + ", " + c);
        }
        checkLossGradients(c, frame, c.frame(3));
    }

    /// A bond turns all the way round through +y and -y. On the way are the poles, the equator and the rims of
    /// the zone where two gauges are blended; at each, forces are slopes and have the same slope on either side.
    @ParameterizedTest
    @MethodSource("smoothFrames")
    void nothingJumpsWhereABondTurnsThroughThePoles(Models kind) {
        Case c = new Case(kind, false, 92);
        double rim = Math.acos(0.25);
        double[] angles = {
            0,
            1e-12,
            -1e-8,
            1e-5,
            2e-3,
            0.3,
            rim,
            Math.PI / 2,
            Math.PI - rim,
            Math.PI,
            Math.PI - 1e-9,
            Math.PI + 1e-4,
            4.2,
            2 * Math.PI - rim
        };
        double h = 1e-5;
        double[] steps = {-h, -h / 2, 0, h / 2, h};
        List<Frame> frames = new ArrayList<>();
        for (double angle : angles) {
            frames.addAll(around(t -> turning(angle + t)));
            Arrays.stream(steps).mapToObj(t -> turning(angle + t)).forEach(frames::add);
        }
        List<Answer> answers = answers(c, frames);
        for (int a = 0; a < angles.length; a++) {
            double angle = angles[a];
            List<Answer> around = answers.subList(10 * a, 10 * a + 5);
            double torque = torque(around.get(4), angle);
            double scale = Math.max(1, Math.abs(torque));
            assertEquals(torque, slope(around), 1e-7 * scale, () -> "at " + angle + ", " + c);
            double[] t = new double[steps.length];
            for (int i = 0; i < steps.length; i++) {
                t[i] = torque(answers.get(10 * a + 5 + i), angle + steps[i]);
            }
            // slope after less slope before, without what a third derivative makes of it
            double jump = 2 * (t[3] - 2 * t[2] + t[1]) / (h / 2) - (t[4] - 2 * t[2] + t[0]) / h;
            double curvature = (t[4] - t[0]) / (2 * h);
            assertEquals(0, jump / Math.max(1, Math.abs(curvature)), 1e-5, () -> "at " + angle + ", " + c);
        }
    }

    /// Frames from which [#slope(List)] takes the slope at 0, and the one there.
    private static List<Frame> around(DoubleFunction<Frame> path) {
        return DoubleStream.of(-STEP, STEP, -STEP / 2, STEP / 2, 0)
                .mapToObj(path)
                .toList();
    }

    private static double slope(List<Answer> around) {
        double[] energy =
                around.stream().mapToDouble(answer -> answer.energy()[0]).toArray();
        double coarse = (energy[1] - energy[0]) / (2 * STEP);
        double fine = (energy[3] - energy[2]) / STEP;
        return (4 * fine - coarse) / 3;
    }

    /// Of frames with equally many atoms, all in one batch.
    private static List<Answer> answers(Case c, List<Frame> frames) {
        Answer all = Answer.of(c, c.model(), frames.toArray(Frame[]::new));
        int size = frames.getFirst().positions().length;
        List<Answer> answers = new ArrayList<>();
        for (int g = 0; g < frames.size(); g++) {
            double[] forces = Arrays.copyOfRange(all.forces(), g * size, (g + 1) * size);
            answers.add(new Answer(new double[] {all.energy()[g]}, forces));
        }
        return answers;
    }

    /// Atom 1 goes around atom 0 on a circle through +y and -y.
    private static Frame turning(double angle) {
        double[] u = direction(angle);
        return new Frame(
                new int[] {6, 8, 1, 7},
                new double[] {0, 0, 0, 1.2 * u[0], 1.2 * u[1], 1.2 * u[2], 1.3, 0.5, -1, -0.9, 0.4, -1.1},
                null);
    }

    private static double[] direction(double angle) {
        return new double[] {0.6 * Math.sin(angle), Math.cos(angle), 0.8 * Math.sin(angle)};
    }

    /// Slope of the energy over the angle, from the force on atom 1.
    private static double torque(Answer answer, double angle) {
        double[] along = direction(angle + Math.PI / 2);
        double sum = 0;
        for (int k = 0; k < 3; k++) {
            sum -= 1.2 * along[k] * answer.forces()[3 + k];
        }
        return sum;
    }

    @ParameterizedTest
    @EnumSource
    void isolatedAtomsAreFineAndFeelNothing(Models kind) {
        for (long seed : new long[] {50, 51}) {
            Case c = new Case(kind, false, seed);
            Model model = c.model();
            Frame lonely = new Frame(new int[] {6}, new double[] {1, 2, 3}, null);
            Frame crowd = c.frame(5);
            Answer answer = Answer.of(c, model, lonely, crowd, lonely);
            close(new double[] {answer.energy()[0]}, new double[] {answer.energy()[2]}, c);
            close(new double[3], Arrays.copyOf(answer.forces(), 3), c);
            Answer only = Answer.of(c, model, lonely);
            close(new double[] {answer.energy()[0]}, only.energy(), c);
            Map<String, HostTensor> parameters = Frames.parameters(model.parameters(), seed);
            Frames.batch(model, lonely, crowd)
                    .run(model.train(), parameters)
                    .forEach((name, value) -> assertTrue(
                            Double.isFinite(Arrays.stream(value.data()).sum()), () -> name + " " + c));
        }
    }

    @ParameterizedTest
    @EnumSource
    void paddingChangesNothing(Models kind) {
        Case c = new Case(kind, true, 60);
        Model model = c.model();
        Program program = model.train();
        Map<String, HostTensor> parameters = Frames.parameters(model.parameters(), c.seed());
        List<Frame> frames = List.of(c.frame(6), c.frame(4));
        List<Frame> padded = List.of(c.frame(6), c.frame(4), c.frame(7));
        Map<String, HostTensor> plain = Frames.batch(model, frames).run(program, parameters);
        Map<String, HostTensor> other =
                Frames.batch(model, padded, new double[] {1, 1, 0}, null, 1).run(program, parameters);
        plain.forEach((name, value) -> close(value.data(), other.get(name).data(), c));
    }

    /// The models whose shares of ranks add up: those that normalise no batch by itself.
    static Stream<Models> additive() {
        return Arrays.stream(Models.values()).filter(Models::adds);
    }

    /// The shares of two ranks add up to what one rank has.
    @ParameterizedTest
    @MethodSource("additive")
    void sharesOfRanksAddUp(Models kind) {
        Case c = new Case(kind, false, 71);
        Model model = c.model();
        Program program = model.train();
        Map<String, HostTensor> parameters = Frames.parameters(model.parameters(), c.seed());
        List<Frame> frames = List.of(c.frame(6), c.frame(4), c.frame(5));
        Map<String, HostTensor> whole = Frames.batch(model, frames).run(program, parameters);
        int[] totals = {3, 15};
        Map<String, HostTensor> one = Frames.batch(model, frames.subList(0, 1), new double[] {1}, totals, 2)
                .run(program, parameters);
        Map<String, HostTensor> two = Frames.batch(model, frames.subList(1, 3), new double[] {1, 1}, totals, 2)
                .run(program, parameters);
        whole.forEach((name, value) ->
                close(value.data(), plus(one.get(name).data(), two.get(name).data(), 1), c));
    }

    @ParameterizedTest
    @EnumSource(names = "PAINN")
    void energyHasScaleAndElementsShare(Models kind) {
        Case c = new Case(kind, false, 80);
        Model plain = c.model();
        Model scaled = kind.potential("node", """
                "element_embedding": true, "energy_scale": 2.5, "energy_reference": "per_element",
                """);
        Frame frame = c.frame(5);
        Map<String, HostTensor> parameters = Frames.parameters(scaled.parameters(), c.seed());
        double[] reference = parameters.get("element_energy").data();
        double expected = 0;
        for (int z : frame.elements()) {
            reference[z] = -13.6 * z;
            expected += reference[z];
        }
        Answer before = Answer.of(c, plain, frame);
        Map<String, HostTensor> after = Frames.batch(scaled, frame).run(scaled.evaluate(), parameters);
        double energy = expected + 2.5 * before.energy()[0];
        assertEquals(energy, after.get(Model.ENERGY).data()[0], 1e-10);
        assertArrayEquals(
                Arrays.stream(before.forces()).map(f -> 2.5 * f).toArray(),
                after.get(Model.FORCES).data(),
                TINY);
        double target = 0.05 * Arrays.stream(frame.elements()).sum();
        assertEquals(Math.pow(energy - target, 2), after.get(Model.TASK_LOSSES).data()[0], 1e-8);
    }

    private static Frame pair(double distanceAngstrom) {
        return new Frame(new int[] {6, 8}, new double[] {0, 0, 0, distanceAngstrom, 0, 0}, null);
    }

    private static void close(double[] expected, double[] actual, Case c) {
        close(expected, actual, 1e-10, c);
    }

    private static void close(double[] expected, double[] actual, double error, Case c) {
        double scale = Math.max(1, largest(expected));
        assertArrayEquals(expected, actual, error * scale, () -> "seed " + c);
    }

    private static double largest(double[] values) {
        return Arrays.stream(values).map(Math::abs).max().orElse(0);
    }

    private static double[] plus(double[] a, double[] b, double factor) {
        double[] sum = a.clone();
        for (int i = 0; i < sum.length; i++) {
            sum[i] += factor * b[i];
        }
        return sum;
    }

    /// Rows times the matrix.
    private static double[] turned(double[] rows, double[] matrix) {
        double[] result = new double[rows.length];
        for (int i = 0; i < rows.length; i++) {
            for (int k = 0; k < 3; k++) {
                result[i] += rows[i / 3 * 3 + k] * matrix[3 * k + i % 3];
            }
        }
        return result;
    }

    /// A random orthogonal matrix, from a random quaternion.
    private static double[] orthogonal(SplittableRandom random) {
        double[] q = {random.nextGaussian(), random.nextGaussian(), random.nextGaussian(), random.nextGaussian()};
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
