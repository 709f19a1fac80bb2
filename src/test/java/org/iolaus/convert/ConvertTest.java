package org.iolaus.convert;

import static org.iolaus.data.Say.assertSays;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.iolaus.atoms.NeighbourList;
import org.iolaus.atoms.Structure;
import org.iolaus.comm.LocalComm;
import org.iolaus.comm.SoloComm;
import org.iolaus.data.DataException;
import org.iolaus.data.FrameSource;
import org.iolaus.data.Neighbours;
import org.iolaus.data.ShardIndex;
import org.iolaus.data.ShardSet;
import org.iolaus.data.Split;
import org.iolaus.data.Statistics;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ConvertTest {
    private static final Splits.Rule MOST = new Splits.Fractions(0.6, 0.2, 0.2, false, 7);

    @TempDir
    Path folder;

    private static Structure changed(Structure s, @Nullable Double energy, double @Nullable [] forces) {
        return new Structure(
                s.atomicNumbers(),
                s.positions(),
                s.cell(),
                s.periodic(),
                energy,
                forces,
                s.stress(),
                s.atomColumns(),
                s.graphColumns(),
                s.source());
    }

    @Test
    void statisticsAreThoseOfBruteForce() {
        List<Structure> frames = Frames.random(60, 3);
        ShardIndex index = Frames.convert(frames, folder.resolve("set"));
        Statistics statistics = index.statistics();
        int[] train = index.table().graphs(Split.TRAIN);
        assertEquals(36, train.length);
        assertEquals(36, statistics.graphs());

        long[] degree = new long[200];
        long atoms = 0;
        long edges = 0;
        double square = 0;
        List<Double> charges = new ArrayList<>();
        double[] residual = new double[train.length];
        for (int i = 0; i < train.length; i++) {
            Structure frame = frames.get(train[i]);
            int[] targets = NeighbourList.build(
                            frame.positions(), frame.cell(), frame.periodic(), 3.5, NeighbourList.UNLIMITED)
                    .target();
            int[] ofAtom = new int[frame.atoms()];
            for (int target : targets) {
                ofAtom[target]++;
            }
            for (int k : ofAtom) {
                degree[k]++;
            }
            atoms += frame.atoms();
            edges += targets.length;
            double[] forces = frame.forces();
            assertNotNull(forces);
            square += Arrays.stream(forces).map(f -> f * f).sum();
            Arrays.stream(frame.atomColumns().getOrDefault("charge", new double[0]))
                    .forEach(charges::add);
            Double energy = frame.energy();
            assertNotNull(energy);
            residual[i] = (energy - statistics.referenceEnergy(frame.atomicNumbers())) / frame.atoms();
        }
        assertEquals(atoms, statistics.atoms());
        assertEquals(edges, statistics.edges());
        assertEquals((double) edges / atoms, statistics.averageNeighbours());
        assertArrayEquals(degree, Arrays.copyOf(statistics.degree(), 200));
        assertTrue(statistics.degree()[statistics.degree().length - 1] > 0, "as long as needed");
        assertEquals(Math.sqrt(square / (3 * atoms)), statistics.forceRms(), 1e-14);
        double mean = Arrays.stream(residual).average().orElse(0);
        double variance = Arrays.stream(residual)
                .map(x -> (x - mean) * (x - mean))
                .average()
                .orElse(0);
        assertEquals(mean, statistics.energyPerAtomMean(), 1e-12);
        assertEquals(Math.sqrt(variance), statistics.energyPerAtomStd(), 1e-12);

        Statistics.Spread charge = statistics.columns().get("atoms/columns/charge");
        assertNotNull(charge);
        double chargeMean = charges.stream().mapToDouble(x -> x).average().orElse(0);
        double chargeVariance = charges.stream()
                .mapToDouble(x -> (x - chargeMean) * (x - chargeMean))
                .average()
                .orElse(0);
        assertEquals(chargeMean, charge.mean()[0], 1e-14);
        assertEquals(Math.sqrt(chargeVariance), charge.std()[0], 1e-14);
        assertEquals(charges.stream().mapToDouble(x -> x).min().orElse(0), charge.min()[0]);
        assertEquals(charges.stream().mapToDouble(x -> x).max().orElse(0), charge.max()[0]);
        assertEquals(2, field(statistics).mean().length);
        assertArrayEquals(new int[] {1, 6, 29}, statistics.elements());
        assertEquals(atoms, Arrays.stream(statistics.elementAtoms()).sum());
    }

    private static Statistics.Spread field(Statistics statistics) {
        Statistics.Spread field = statistics.columns().get("graphs/columns/field");
        assertNotNull(field);
        return field;
    }

    @Test
    void elementEnergiesSolveTheNormalEquations() {
        Random random = new Random(9);
        int n = 5;
        ElementEnergies fit = new ElementEnergies(n);
        double[][] gram = new double[n][n];
        double[] right = new double[n];
        for (int f = 0; f < 50; f++) {
            double[] counts = random.doubles(n).map(x -> Math.floor(10 * x)).toArray();
            double energy = -1e4 * random.nextDouble();
            int frames = 1 + random.nextInt(3);
            fit.add(counts, energy, frames);
            for (int i = 0; i < n; i++) {
                right[i] += frames * counts[i] * energy;
                for (int k = 0; k < n; k++) {
                    gram[i][k] += frames * counts[i] * counts[k];
                }
            }
        }
        double[] x = fit.solve();
        for (int i = 0; i < n; i++) {
            double left = 0;
            for (int k = 0; k < n; k++) {
                left += gram[i][k] * x[k];
            }
            assertEquals(right[i], left, 1e-10 * Math.abs(right[i]));
        }
    }

    @Test
    void elementEnergiesOfOneMoleculeAreTheSmallest() {
        ElementEnergies fit = new ElementEnergies(3);
        fit.add(new double[] {6, 2, 1}, -41, 1000);
        fit.add(new double[] {6, 2, 1}, -41, 10);
        double[] x = fit.solve();
        // proportional to the counts: -41 (6, 2, 1) / (36 + 4 + 1)
        assertArrayEquals(new double[] {-6, -2, -1}, x, 1e-12);
    }

    /// Two elements in one ratio and one that never occurs: what the compositions leave open is zero along it.
    @Test
    void elementEnergiesThatStayOpenAreTheSmallest() {
        ElementEnergies fit = new ElementEnergies(4);
        double[] known = {-3, -7, -14, 0}; // 2 * known[1] - known[2] is 0: no share along (0, 2, -1, 0)
        Random random = new Random(4);
        for (int frame = 0; frame < 40; frame++) {
            int first = random.nextInt(9);
            int second = random.nextInt(9);
            double energy = known[0] * first + known[1] * second + known[2] * 2 * second;
            fit.add(new double[] {first, second, 2 * second, 0}, energy, 1 + random.nextInt(5));
        }
        assertArrayEquals(known, fit.solve(), 1e-12);
    }

    @Test
    void anyNumberOfRanksMakesTheSameShards() throws Exception {
        List<Structure> frames = Frames.random(60, 5);
        Map<String, byte[]> alone = bytes(convertOn(1, frames));
        assertTrue(alone.size() >= 5, "several shards");
        for (int ranks : new int[] {2, 3, 16}) {
            Map<String, byte[]> shared = bytes(convertOn(ranks, frames));
            assertEquals(alone.keySet(), shared.keySet());
            alone.forEach((name, bytes) -> assertArrayEquals(bytes, shared.get(name), name));
        }
    }

    private Path convertOn(int ranks, List<Structure> frames) throws Exception {
        Path out = Files.createDirectories(folder.resolve(ranks + "")).resolve("set");
        LocalComm.run(ranks, r -> Frames.convert(frames, Frames.options(out, MOST), r));
        return out;
    }

    private static Map<String, byte[]> bytes(Path set) throws IOException {
        Map<String, byte[]> bytes = new HashMap<>();
        try (Stream<Path> files = Files.list(set)) {
            for (Path file : files.toList()) {
                // the folder's name is not part of the content, but of the provenance
                if (!file.endsWith(ShardIndex.FILE)) {
                    bytes.put(String.valueOf(file.getFileName()), Files.readAllBytes(file));
                }
            }
        }
        ShardIndex index = ShardIndex.read(set);
        bytes.put("degree", Arrays.toString(index.statistics().degree()).getBytes());
        bytes.put(
                "energies", Arrays.toString(index.statistics().elementEnergy()).getBytes());
        bytes.put("charge", Arrays.toString(field(index.statistics()).std()).getBytes());
        bytes.put(
                "split",
                Arrays.toString(index.table().split().stream().toArray()).getBytes());
        return bytes;
    }

    @Test
    void aFailureOnOneRankEndsAllAndLeavesNothing() throws Exception {
        List<Structure> frames = Frames.random(60, 5);
        frames.set(37, changed(frames.get(37), Double.NaN, frames.get(37).forces()));
        Path out = folder.resolve("set");
        Convert.Options options = Frames.options(out, MOST);
        LocalComm.run(
                3,
                comm -> assertSays(
                        () -> Frames.convert(frames, options, comm),
                        "made up, frame 37, energy: want a finite number, got NaN"));
        assertLeft("raw.xyz");
    }

    private void assertLeft(String... names) throws IOException {
        try (Stream<Path> left = Files.list(folder)) {
            assertEquals(
                    List.of(names),
                    left.map(p -> String.valueOf(p.getFileName())).sorted().toList());
        }
    }

    @Test
    void refusesFramesThatCannotBeTrainedOn() throws IOException {
        assertRefuses(s -> changed(s, null, s.forces()), "energy", "got none");
        assertRefuses(s -> changed(s, s.energy(), null), "forces", "got none");
        assertRefuses(s -> changed(s, Double.POSITIVE_INFINITY, s.forces()), "energy", "Infinity");
        assertRefuses(s -> changed(s, s.energy(), new double[3 * s.atoms() - 1]), "forces: want ", "numbers, got ");
        assertRefuses(
                s -> {
                    double[] positions = s.positions().clone();
                    positions[4] = Double.NaN;
                    return moved(s, positions);
                },
                "positions, number 4",
                "NaN");
        assertRefuses(
                s -> {
                    double[] positions = s.positions().clone();
                    System.arraycopy(positions, 0, positions, 6, 3);
                    return moved(s, positions);
                },
                "atoms 0 and 2",
                "want at least");
        assertLeft("raw.xyz");
    }

    private interface Change {
        Structure of(Structure frame);
    }

    private void assertRefuses(Change change, String... parts) {
        List<Structure> frames = Frames.random(10, 1);
        frames.set(4, change.of(frames.get(4)));
        List<String> wanted = new ArrayList<>(List.of(parts));
        wanted.add("made up, frame 4, ");
        assertSays(() -> Frames.convert(frames, folder.resolve("set")), wanted.toArray(new String[0]));
    }

    private static Structure moved(Structure s, double[] positions) {
        return new Structure(
                s.atomicNumbers(),
                positions,
                s.cell(),
                s.periodic(),
                s.energy(),
                s.forces(),
                s.stress(),
                s.atomColumns(),
                s.graphColumns(),
                s.source());
    }

    @Test
    void leavesOutWhatSomeFramesLackUnlessItIsWanted() {
        List<Structure> frames = Frames.random(40, 2);
        frames.get(20).atomColumns().remove("charge");
        frames.get(30).graphColumns().put("field", new double[] {1, Double.NaN});
        frames.get(7).graphColumns().put("extra", new double[] {1});
        ShardIndex index = Frames.convert(frames, folder.resolve("set"));
        assertEquals(Map.of(), index.content().atomColumns());
        assertEquals(Map.of(), index.content().graphColumns());

        assertSays(
                () -> Frames.convert(frames, required("charge"), new SoloComm()),
                "made up, frame 20, charge: want the column");
        assertSays(
                () -> Frames.convert(frames, required("field"), new SoloComm()),
                "made up, frame 30, field, number 1: want a finite number, got NaN");
        frames.get(3).graphColumns().put("field", new double[3]);
        assertSays(
                () -> Frames.convert(frames, folder.resolve("other")),
                "made up, frame 3, field: want width 2 as in made up, frame 0, got 3");
    }

    private Convert.Options required(String column) {
        return options(
                folder.resolve("required"),
                MOST,
                null,
                column.equals("charge")
                        ? new FrameCheck.Required(Set.of(), Map.of("charge", 1), Map.of())
                        : new FrameCheck.Required(Set.of(), Map.of(), Map.of("field", 2)),
                Convert.Existing.REFUSE);
    }

    private static Convert.Options options(
            Path out,
            Splits.Rule split,
            @Nullable Boolean periodic,
            FrameCheck.Required required,
            Convert.Existing existing) {
        return new Convert.Options(
                out, existing, new Neighbours(3.5, null), null, periodic, split, required, 100, "test", "", "");
    }

    private static Convert.Options options(Path out, Splits.Rule split, Convert.Existing existing) {
        return options(out, split, null, FrameCheck.Required.NONE, existing);
    }

    @Test
    void takesTheDatasetFromItsColumn() {
        List<Structure> frames = Frames.random(10, 2);
        for (int f = 0; f < 10; f++) {
            frames.get(f).graphColumns().put("dataset_id", new double[] {f / 4});
        }
        assertArrayEquals(
                new int[] {0, 0, 0, 0, 1, 1, 1, 1, 2, 2},
                Frames.convert(frames, folder.resolve("set")).table().dataset().stream()
                        .toArray());
        frames.get(5).graphColumns().put("dataset_id", new double[] {0.5});
        assertSays(() -> Frames.convert(frames, folder.resolve("b")), "frame 5, dataset_id: want a whole number");
    }

    @Test
    void takesPeriodicityAsTold() {
        List<Structure> frames = Frames.random(10, 2);
        Path out = folder.resolve("set");
        assertSays(
                () -> Frames.convert(
                        frames,
                        options(out, MOST, true, FrameCheck.Required.NONE, Convert.Existing.REFUSE),
                        new SoloComm()),
                "want a periodic frame");
        ShardIndex index = Frames.convert(
                frames, options(out, MOST, false, FrameCheck.Required.NONE, Convert.Existing.REFUSE), new SoloComm());
        for (int g = 0; g < 10; g++) {
            Structure frame = frames.get(g);
            assertEquals(
                    NeighbourList.build(frame.positions(), null, new boolean[3], 3.5, NeighbourList.UNLIMITED)
                            .size(),
                    index.edges().get(g));
        }
    }

    @Test
    void replacesOnlyWhenTold() throws IOException {
        List<Structure> frames = Frames.random(10, 2);
        Path out = folder.resolve("set");
        Frames.convert(frames, out);
        assertSays(() -> Frames.convert(frames, out), "set: want a folder that is not there yet, or --force");
        Convert.Options force = options(out, new Splits.Counts(1, 2, 3, false, 1), Convert.Existing.REPLACE);
        assertEquals(1, Frames.convert(frames, force, new SoloComm()).table().size(Split.TRAIN));
        assertLeft("raw.xyz", "set");

        Path other = Files.createDirectories(folder.resolve("other"));
        Files.writeString(other.resolve("thesis.tex"), "precious");
        Convert.Options wrong = options(other, MOST, Convert.Existing.REPLACE);
        assertSays(
                () -> Frames.convert(frames, wrong, new SoloComm()), "other: want a folder to make, or one of shards");
        assertTrue(Files.exists(other.resolve("thesis.tex")));
    }

    @Test
    void keepsASetThatIsTheSame() throws IOException {
        List<Structure> frames = Frames.random(10, 2);
        Path out = folder.resolve("set");
        Path raw = Files.writeString(folder.resolve("raw.xyz"), "frames");
        List<Convert.Input> inputs = List.of(new Convert.Input(raw, null, () -> FrameSource.of(frames)));
        Convert.Options keep = options(out, MOST, Convert.Existing.KEEP);
        assertFalse(Convert.run(inputs, keep, new SoloComm()).kept());
        byte[] index = ShardIndex.bytes(out, 0);
        assertTrue(Convert.run(inputs, keep, new SoloComm()).kept());
        assertArrayEquals(index, ShardIndex.bytes(out, 0));
        Convert.Options other = options(out, new Splits.Counts(1, 2, 3, false, 1), Convert.Existing.KEEP);
        assertSays(() -> Convert.run(inputs, other, new SoloComm()), "set: want the set that these files");
        Files.writeString(raw, "changed");
        assertSays(() -> Convert.run(inputs, keep, new SoloComm()), "set: want the set that these files");
        Files.delete(raw);
        assertTrue(Convert.run(inputs, keep, new SoloComm()).kept());
        assertTrue(Convert.run(List.of(), keep, new SoloComm()).kept());
        assertLeft("set");
    }

    @Test
    void takesRolesFromFilesAndKeepsProvenance() throws IOException {
        List<Structure> frames = Frames.random(30, 2);
        Path first = Files.writeString(folder.resolve("a.xyz"), "123456789");
        Path second = Files.writeString(folder.resolve("b.xyz"), "");
        List<Convert.Input> inputs = List.of(
                new Convert.Input(first, Split.TRAIN, () -> FrameSource.of(frames.subList(0, 20))),
                new Convert.Input(second, Split.TEST, () -> FrameSource.of(frames.subList(20, 30))));
        ShardIndex index = Convert.run(
                        inputs, Frames.options(folder.resolve("set"), new Splits.ByFile()), new SoloComm())
                .index();
        assertArrayEquals(IntStream.range(0, 20).toArray(), index.table().graphs(Split.TRAIN));
        assertArrayEquals(IntStream.range(20, 30).toArray(), index.table().graphs(Split.TEST));
        List<ShardIndex.Source> sources = index.provenance().sources();
        // the check value of CRC-32C
        assertEquals(new ShardIndex.Source(first.toString(), 9, 0xE3069283L, 20), sources.get(0));
        assertEquals(new ShardIndex.Source(second.toString(), 0, 0, 10), sources.get(1));
    }

    @Test
    void refusesNothingAndNowhere() {
        assertSays(() -> Frames.convert(List.of(), folder.resolve("set")), "want at least one frame, got none");
        Path missing = folder.resolve("missing.xyz");
        Convert.Input input = new Convert.Input(missing, null, () -> FrameSource.of(List.of()));
        assertSays(
                () -> Convert.run(List.of(input), Frames.options(folder.resolve("set"), MOST), new SoloComm()),
                "missing.xyz: want a file or folder");
        assertFalse(Files.exists(folder.resolve("set.partial")));
        assertThrows(DataException.class, () -> ShardSet.open(folder.resolve("set")));
    }
}
