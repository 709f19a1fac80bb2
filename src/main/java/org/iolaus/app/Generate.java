package org.iolaus.app;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.stream.LongStream;
import org.iolaus.data.DataException;
import org.iolaus.data.generate.Generator;
import org.iolaus.data.read.ExtXyzWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `iolaus generate`: a small dataset whose energies and forces are known exactly, to try everything on.
@Command(
        name = "generate",
        description = {
            "Write a small dataset of pair potentials to try everything on.",
            "Copper-gold clusters (Lennard-Jones), lead crystals and slabs (Morse), 100 to 1000 K,",
            "with energies (eV), forces (eV/Å), stress (eV/Å³) and, per atom, atom_energy and coordination.",
            "The same seed gives the same bytes, and fewer frames are the first of more."
        })
final class Generate extends CommandBase implements Callable<Integer> {
    private static final int FRAMES_AT_ONCE = 1000;

    @Parameters(index = "0", paramLabel = "OUT.xyz[.gz]", description = "Extended XYZ to write.")
    private Path output = Path.of("");

    @Option(names = "--frames", paramLabel = "N", description = "Frames to make (default: ${DEFAULT-VALUE}).")
    private long frames = 500;

    @Option(names = "--seed", paramLabel = "S", description = "Any whole number (default: ${DEFAULT-VALUE}).")
    private long seed = 0;

    @Override
    public Integer call() {
        requireAtLeastOne("--frames", frames);
        Path folder = output.toAbsolutePath().getParent();
        try {
            Files.createDirectories(folder == null ? output : folder);
        } catch (IOException e) {
            throw new DataException(output + ": cannot be written: " + e, e);
        }
        long[] atoms = new long[1];
        try (ExtXyzWriter writer = new ExtXyzWriter(output)) {
            for (long first = 0; first < frames; first += FRAMES_AT_ONCE) {
                LongStream.range(first, Math.min(frames, first + FRAMES_AT_ONCE))
                        .parallel()
                        .mapToObj(frame -> Generator.frame(seed, frame))
                        .toList()
                        .forEach(structure -> {
                            atoms[0] += structure.atoms();
                            writer.write(structure);
                        });
            }
            writer.finish();
        }
        out().printf("%s: %d frames, %d atoms, seed %d%n", output, frames, atoms[0], seed);
        return 0;
    }
}
