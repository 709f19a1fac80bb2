package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.iolaus.atoms.Structure;
import org.iolaus.comm.MpiRun;
import org.iolaus.convert.Splits;
import org.iolaus.data.read.ExtXyzWriter;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// What users get wrong and what disks do: one message, exit code 2, soon, and no file changed; on one rank and
/// on two.
@Tag("mpi")
final class BadInputTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);

    /// Data, a configuration, and a run of two epochs with its checkpoints.
    @TempDir
    static Path good = Path.of("");

    @TempDir
    Path folder = Path.of("");

    /// One mistake.
    ///
    /// @param says words of the message
    /// @param command makes the mistake in a copy of the good folder and returns the words of the command
    private record Mistake(String name, List<String> says, Command command) {
        @Override
        public String toString() {
            return name;
        }
    }

    private interface Command {
        String[] in(Path folder) throws IOException;
    }

    private static Mistake mistake(String name, Command command, String... says) {
        return new Mistake(name, List.of(says), command);
    }

    static Stream<Mistake> onAllRanks() {
        return Stream.of(
                mistake(
                        "truncated shard",
                        at -> {
                            edit(at.resolve("shards/shard-00001.h5"), b -> Arrays.copyOf(b, b.length - 100));
                            return train(at);
                        },
                        "shard-00001.h5: want a file of",
                        "truncated"),
                mistake(
                        "flipped byte in a shard",
                        at -> {
                            edit(at.resolve("shards/shard-00001.h5"), BadInputTest::flipInTheMiddle);
                            return train(at);
                        },
                        "shard-00001.h5, ",
                        "want CRC-32C",
                        "damaged"),
                mistake(
                        "flipped byte in a shard, evaluate",
                        at -> {
                            edit(at.resolve("shards/shard-00000.h5"), BadInputTest::flipInTheMiddle);
                            return evaluate(at, newest(at), at.resolve("shards"));
                        },
                        "shard-00000.h5, ",
                        "want CRC-32C",
                        "damaged"),
                mistake(
                        "flipped byte in the only checkpoint, resume",
                        at -> {
                            Files.delete(at.resolve("logs/run/checkpoint-5.h5"));
                            edit(newest(at), BadInputTest::flipInTheMiddle);
                            return train(at, "log_name=run", "continue=1");
                        },
                        "logs/run: want a checkpoint that is whole",
                        "checkpoint-10.h5",
                        "damaged"),
                mistake(
                        "flipped byte in a checkpoint, evaluate",
                        at -> {
                            edit(newest(at), BadInputTest::flipInTheMiddle);
                            return evaluate(at, newest(at), at.resolve("shards"));
                        },
                        "checkpoint-10.h5",
                        "damaged"),
                mistake(
                        "no checkpoint, resume",
                        at -> train(at, "log_name=none", "continue=1"),
                        "NeuralNetwork.Training.continue: want a checkpoint in",
                        "logs/none"),
                mistake(
                        "checkpoint of another model, resume",
                        at -> train(at, "log_name=run", "continue=1", "hidden_dim=12"),
                        "checkpoint-10.h5, ",
                        "of shape"),
                mistake(
                        "checkpoint of another optimizer, resume",
                        at -> train(at, "log_name=run", "continue=1", "Optimizer.type=SGD"),
                        "want SGD",
                        "got AdamW"),
                mistake(
                        "misspelled key",
                        at -> {
                            replace(at.resolve("tiny.json"), "num_epoch", "num_epock");
                            return train(at);
                        },
                        "tiny.json: NeuralNetwork.Training.num_epock",
                        "num_epoch"),
                mistake(
                        "wrong type",
                        at -> {
                            replace(at.resolve("tiny.json"), "\"batch_size\": 4", "\"batch_size\": \"four\"");
                            return train(at);
                        },
                        "tiny.json: NeuralNetwork.Training.batch_size: want",
                        "four"),
                mistake(
                        "no forces in the shards",
                        at -> {
                            TinyRun.shards(at, withoutForces(30), new Splits.Counts(20, 6, 4, false, 3), Set.of());
                            return train(at);
                        },
                        "shards: want forces for a potential, got none"),
                mistake(
                        "no training frames",
                        at -> {
                            List<Structure> frames = TinyRun.frames(30, 1);
                            TinyRun.shards(at, frames, new Splits.Counts(0, 0, 30, false, 3), Set.of());
                            return train(at);
                        },
                        "shards: want training frames, got none of 30"),
                mistake(
                        "no forces in a frame",
                        at -> {
                            replace(at.resolve("frames.xyz"), ":forces:R:3", ":velocities:R:3");
                            return convert(at);
                        },
                        "frames.xyz, frame 0, line 2",
                        "forces: want"),
                mistake(
                        "NaN energy in a frame",
                        at -> {
                            editFrame(at, 7, lines -> {
                                lines[1] = lines[1].replaceFirst("energy=\\S+", "energy=NaN");
                                return lines;
                            });
                            return convert(at);
                        },
                        "frames.xyz, frame 7, line ",
                        "want finite numbers under energy, got NaN"),
                mistake(
                        "atoms on top of each other",
                        at -> {
                            editFrame(at, 25, lines -> {
                                lines[2] = lines[3];
                                return lines;
                            });
                            return convert(at);
                        },
                        "frames.xyz, frame 25, line ",
                        "atoms 0 and 1: want at least"),
                mistake(
                        "no such raw file",
                        at -> {
                            Files.delete(at.resolve("frames.xyz"));
                            return convert(at);
                        },
                        "frames.xyz: want a file or folder of frames"),
                mistake(
                        "a set in the place of the new one",
                        at -> words("convert", config(at), "--input", at.resolve("frames.xyz")),
                        "shards: want a folder that is not there yet, or --force"),
                mistake(
                        "no shards",
                        at -> train(at, "Dataset.shards=\"" + at.resolve("nowhere") + "\""),
                        "nowhere: want a folder of shards with its index.h5, got none"),
                mistake(
                        "no configuration",
                        at -> words("train", at.resolve("nothing.json")),
                        "nothing.json: want a configuration, got no such file"),
                mistake(
                        "no checkpoint, evaluate",
                        at -> evaluate(at, at.resolve("nothing.h5"), at.resolve("shards")),
                        "nothing.h5: want a checkpoint, got nothing"),
                mistake(
                        "log folder that cannot be made",
                        at -> train(at, "log_path=\"" + at.resolve("frames.xyz") + "\""),
                        "frames.xyz/fresh: want a folder to write metrics to"));
    }

    static Stream<Mistake> onTwoRanks() {
        return Stream.concat(
                onAllRanks(),
                Stream.of(
                        mistake(
                                "more ranks than graphs",
                                at -> {
                                    TinyRun.shards(
                                            at, TinyRun.frames(3, 5), new Splits.Counts(1, 1, 1, false, 3), Set.of());
                                    return train(at);
                                },
                                "training frames: want at least one graph for each of 2 ranks, got 1"),
                        mistake(
                                "other number of ranks in the middle of an epoch",
                                at -> {
                                    Files.delete(newest(at));
                                    return train(at, "log_name=middle", "continue=1");
                                },
                                "checkpoint of the middle of an epoch: want the 1 ranks",
                                "got 2")));
    }

    @BeforeAll
    static void goodFolder() throws IOException {
        TinyRun.shards(good);
        writeFrames(good.resolve("frames.xyz"), TinyRun.frames(30, 5));
        assertEquals(0, Main.run(train(good, "log_name=run", "num_epoch=2")));
        assertEquals(0, Main.run(train(good, "log_name=middle", "num_epoch=1", "checkpoint_every_steps=1")));
        Files.delete(good.resolve("logs/middle/checkpoint-5.h5"));
    }

    @ParameterizedTest
    @MethodSource("onAllRanks")
    void aloneItIsSaidOnce(Mistake mistake) throws IOException {
        copyGood();
        String[] command = mistake.command.in(folder);
        Map<String, Integer> before = contents();
        CommandRun run = new CommandRun();
        int code = run.run((Object[]) command);
        String said = run.err();
        assertEquals(2, code, said);
        assertEquals(1, said.lines().count(), said);
        assertSays(mistake, said);
        assertEquals(before, contents());
    }

    @ParameterizedTest
    @MethodSource("onTwoRanks")
    void onTwoRanksItIsSaidOnceAndEndsBoth(Mistake mistake) throws IOException {
        copyGood();
        String[] command = mistake.command.in(folder);
        Map<String, Integer> before = contents();
        MpiRun run = MpiRun.iolaus(2, LIMIT, command);
        assertEquals(2, run.exitCode(), run::toString);
        assertSays(mistake, run.err());
        assertEquals(before, contents());
    }

    private static void assertSays(Mistake mistake, String err) {
        List<String> lines = err.lines().filter(l -> l.startsWith("iolaus: ")).toList();
        assertEquals(1, lines.size(), err);
        mistake.says.forEach(words -> assertTrue(lines.getFirst().contains(words), words + " in " + err));
        assertFalse(err.contains("\tat "), err);
    }

    @Test
    void aDamagedCheckpointIsPassedOverAloud() throws IOException {
        copyGood();
        edit(newest(folder), BadInputTest::flipInTheMiddle);
        MpiRun run =
                MpiRun.iolaus(2, LIMIT, train(folder, "log_name=run", "num_epoch=2", "batch_size=2", "continue=1"));
        assertEquals(0, run.exitCode(), run::toString);
        String passedOver = "checkpoint-10.h5, .*damaged.*going on from .*checkpoint-5.h5";
        assertEquals(
                1,
                run.err()
                        .lines()
                        .filter(l -> l.matches(".*" + passedOver + ".*"))
                        .count(),
                run::toString);
        assertEquals(0, Main.run(evaluate(folder, newest(folder), folder.resolve("shards"))), "it is whole again");
    }

    @Test
    void aWordThatIsNoCommandEndsBothRanks() {
        MpiRun run = MpiRun.iolaus(2, LIMIT, "trian");
        assertEquals(2, run.exitCode(), run::toString);
        assertEquals(1, run.err().lines().filter(l -> l.startsWith("iolaus: ")).count(), run::toString);
    }

    // --- the good folder ---

    private static void writeFrames(Path file, List<Structure> frames) {
        try (ExtXyzWriter writer = new ExtXyzWriter(file)) {
            frames.forEach(writer::write);
            writer.finish();
        }
    }

    private static List<Structure> withoutForces(int count) {
        return TinyRun.frames(count, 5).stream()
                .map(f -> new Structure(
                        f.atomicNumbers(),
                        f.positions(),
                        null,
                        f.periodic(),
                        f.energy(),
                        null,
                        null,
                        Map.of(),
                        Map.of(),
                        f.source()))
                .toList();
    }

    private void copyGood() throws IOException {
        try (Stream<Path> files = Files.walk(good)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Path copy = folder.resolve(good.relativize(file));
                Files.createDirectories(copy.getParent());
                Files.copy(file, copy);
            }
        }
        TinyRun.config(folder);
    }

    /// Every file and folder, and what is in it.
    private Map<String, Integer> contents() throws IOException {
        Map<String, Integer> contents = new TreeMap<>();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.toList()) {
                boolean regular = Files.isRegularFile(file);
                contents.put(file.toString(), regular ? Arrays.hashCode(Files.readAllBytes(file)) : 0);
            }
        }
        return contents;
    }

    private static Path newest(Path at) {
        return at.resolve("logs/run/checkpoint-10.h5");
    }

    // --- mistakes ---

    private static void edit(Path file, UnaryOperator<byte[]> change) throws IOException {
        Files.write(file, change.apply(Files.readAllBytes(file)));
    }

    private static byte[] flipInTheMiddle(byte[] bytes) {
        bytes[bytes.length / 2] ^= 1;
        return bytes;
    }

    private static void replace(Path file, String old, String by) throws IOException {
        String text = Files.readString(file);
        assertTrue(text.contains(old), text);
        Files.writeString(file, text.replace(old, by));
    }

    /// Changes the lines of one frame: the number of atoms, the comment, then the atoms.
    private static void editFrame(Path at, int frame, UnaryOperator<String[]> change) throws IOException {
        Path file = at.resolve("frames.xyz");
        List<String> lines = Files.readAllLines(file);
        int first = 0;
        for (int i = 0; i < frame; i++) {
            first += Integer.parseInt(lines.get(first)) + 2;
        }
        int last = first + Integer.parseInt(lines.get(first)) + 2;
        String[] changed = change.apply(lines.subList(first, last).toArray(String[]::new));
        for (int i = first; i < last; i++) {
            lines.set(i, changed[i - first]);
        }
        Files.write(file, lines);
    }

    // --- commands ---

    private static Path config(Path at) {
        return at.resolve("tiny.json");
    }

    /// A run of its own name unless told otherwise.
    private static String[] train(Path at, String... settings) throws IOException {
        if (!Files.exists(config(at))) {
            TinyRun.config(at);
        }
        String[] all =
                Stream.concat(Stream.of("log_name=fresh"), Stream.of(settings)).toArray(String[]::new);
        return TinyRun.command("train", config(at), all);
    }

    private static String[] convert(Path at) {
        return words(
                "convert",
                config(at),
                "--input",
                at.resolve("frames.xyz"),
                "--out",
                at.resolve("out"),
                "--atoms-per-shard",
                45);
    }

    private static String[] evaluate(Path at, Path checkpoint, Path shards) {
        return words("evaluate", checkpoint, shards);
    }

    private static String[] words(Object... words) {
        return Stream.of(words).map(Object::toString).toArray(String[]::new);
    }
}
