package org.iolaus.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Compiled kernels on disk.
public final class CompileCacheTest {
    private static final byte[] CONTENT = {1, 2, 3};

    @TempDir
    private Path folder;

    /// A rank of a node: wants what the others want, and says so in a file when it has to compile it.
    public static void main(String[] arguments) {
        want(Path.of(arguments[0]));
    }

    private static byte[] want(Path folder) {
        return new CompileCache(folder.resolve("cache")).get(List.of("options", "text"), () -> {
            try {
                Files.writeString(
                        folder.resolve("compiled"), "x", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
                Thread.sleep(200);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            return CONTENT;
        });
    }

    @Test
    void ranksOfANodeCompileOnce() throws IOException, InterruptedException {
        String java = ProcessHandle.current().info().command().orElseThrow();
        String classes = System.getProperty("java.class.path");
        List<Process> ranks = new ArrayList<>();
        for (int rank = 0; rank < 3; rank++) {
            ranks.add(new ProcessBuilder(java, "-cp", classes, CompileCacheTest.class.getName(), folder.toString())
                    .inheritIO()
                    .start());
        }
        IntStream.range(0, 3).parallel().forEach(_ -> assertArrayEquals(CONTENT, want(folder)));
        for (Process rank : ranks) {
            assertEquals(0, rank.waitFor());
        }
        assertEquals("x", Files.readString(folder.resolve("compiled")));
        try (Stream<Path> left = Files.list(folder.resolve("cache"))) {
            assertEquals(1, left.count(), "no locks are left");
        }
    }

    @Test
    void whatIsDamagedIsCompiledAgain() throws IOException {
        want(folder);
        Path kept;
        try (Stream<Path> files = Files.list(folder.resolve("cache"))) {
            kept = files.findFirst().orElseThrow();
        }
        byte[] bytes = Files.readAllBytes(kept);
        bytes[bytes.length - 1]++;
        Files.write(kept, bytes);
        assertArrayEquals(CONTENT, want(folder));
        assertArrayEquals(CONTENT, want(folder));
        assertEquals("xx", Files.readString(folder.resolve("compiled")));
    }

    /// As in a container whose home is read-only: nothing is kept, and nothing fails.
    @Test
    void aFolderThatCannotBeWrittenCostsOnlyTime() throws IOException {
        Files.writeString(folder.resolve("cache"), "a file where the folder should be");
        assertArrayEquals(CONTENT, want(folder));
        assertFalse(Files.isDirectory(folder.resolve("cache")));
    }
}
