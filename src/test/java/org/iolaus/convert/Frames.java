package org.iolaus.convert;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.iolaus.atoms.Structure;
import org.iolaus.comm.Comm;
import org.iolaus.comm.SoloComm;
import org.iolaus.data.FrameSource;
import org.iolaus.data.Neighbours;
import org.iolaus.data.ShardIndex;
import org.jspecify.annotations.Nullable;

/// Random frames and sets made of them.
public final class Frames {
    private Frames() {}

    /// Clusters and periodic cells of 3 to 12 atoms of H, C and Cu, with energy, forces and a column of each kind.
    public static List<Structure> random(int count, long seed) {
        Random random = new Random(seed);
        List<Structure> frames = new ArrayList<>();
        for (int f = 0; f < count; f++) {
            frames.add(random(random, 3 + random.nextInt(10), "made up, frame " + f));
        }
        return frames;
    }

    public static Structure random(Random random, int atoms, String source) {
        int[] elements = {1, 6, 29};
        boolean periodic = random.nextBoolean();
        // positions on a jittered grid, so that no two atoms meet
        double[] positions = new double[3 * atoms];
        for (int i = 0; i < atoms; i++) {
            positions[3 * i] = 2.0 * (i % 3) + 0.4 * random.nextDouble();
            positions[3 * i + 1] = 2.0 * (i / 3 % 3) + 0.4 * random.nextDouble();
            positions[3 * i + 2] =
                    2.0 * (i / 9) + 0.4 * random.nextDouble() - 20 * random.nextInt(2) * (periodic ? 1 : 0);
        }
        double[] cell = {6.1, 0, 0, 0.3, 6.2, 0, 0.1, -0.2, 5};
        return new Structure(
                IntStream.range(0, atoms).map(i -> elements[random.nextInt(3)]).toArray(),
                positions,
                periodic ? cell : null,
                new boolean[] {periodic, periodic, periodic && random.nextBoolean()},
                -100 * random.nextDouble(),
                random.doubles(3L * atoms, -1, 1).toArray(),
                null,
                new HashMap<>(Map.of("charge", random.doubles(atoms, -1, 1).toArray())),
                new HashMap<>(Map.of("field", random.doubles(2, -1, 1).toArray())),
                source);
    }

    public static Convert.Options options(Path out, Splits.Rule split) {
        return options(out, split, null);
    }

    /// With a second neighbour list.
    public static Convert.Options options(Path out, Neighbours attention) {
        return options(out, new Splits.Fractions(0.6, 0.2, 0.2, false, 7), attention);
    }

    private static Convert.Options options(Path out, Splits.Rule split, @Nullable Neighbours attention) {
        return new Convert.Options(
                out,
                Convert.Existing.REFUSE,
                new Neighbours(3.5, null),
                attention,
                null,
                split,
                new FrameCheck.Required(Set.of("energy", "forces"), Map.of(), Map.of()),
                100,
                "test 1",
                "2026-01-01",
                "");
    }

    /// Shards of about 100 atoms each.
    public static ShardIndex convert(List<Structure> frames, Path out) {
        return convert(frames, options(out, new Splits.Fractions(0.6, 0.2, 0.2, false, 7)), new SoloComm());
    }

    public static ShardIndex convert(List<Structure> frames, Convert.Options options, Comm comm) {
        try {
            Path raw = options.out().resolveSibling("raw.xyz");
            if (comm.isRoot()) {
                Files.writeString(raw, "stands for the frames");
            }
            return Convert.run(List.of(new Convert.Input(raw, null, () -> FrameSource.of(frames))), options, comm)
                    .index();
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
