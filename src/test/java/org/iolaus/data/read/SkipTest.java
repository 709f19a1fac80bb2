package org.iolaus.data.read;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import org.iolaus.atoms.Structure;
import org.iolaus.data.DataException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SkipTest {
    @TempDir
    Path folder;

    /// Frames of 1 to 2000 atoms, so that lines lie across the ends of the reader's buffer.
    private static String frames(int count) {
        StringBuilder text = new StringBuilder();
        for (int f = 0; f < count; f++) {
            int atoms = 1 + f * f % 2000;
            text.append(f % 3 == 0 ? "\n" : "")
                    .append(atoms)
                    .append("\nenergy=")
                    .append(f)
                    .append('\n');
            for (int i = 0; i < atoms; i++) {
                text.append("Cu ").append(3.0 * i).append(" 0.125 ").append(f).append(f % 2 == 0 ? "\r\n" : "\n");
            }
        }
        return text.toString();
    }

    @Test
    void skippedFramesAreThoseThatWouldHaveBeenRead() throws IOException {
        byte[] text = frames(24).getBytes(StandardCharsets.UTF_8);
        Path plain = Files.write(folder.resolve("a.xyz"), text);
        Path zipped = folder.resolve("b.xyz.gz");
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(zipped))) {
            out.write(text);
        }
        for (Path path : List.of(plain, zipped, folder)) {
            List<Structure> all = new ArrayList<>();
            try (StructureReader reader = Readers.open(path, ReadOptions.DEFAULT)) {
                reader.forEachRemaining(all::add);
            }
            assertEquals(path == folder ? 48 : 24, all.size());
            for (int seed = 0; seed < 3; seed++) {
                Random random = new Random(seed);
                try (StructureReader reader = Readers.open(path, ReadOptions.DEFAULT)) {
                    for (Structure expected : all) {
                        if (random.nextBoolean()) {
                            assertTrue(random.nextBoolean() || reader.hasNext());
                            assertEquals(expected.atoms(), reader.skip(), "seed " + seed);
                        } else {
                            assertEquals(expected.source(), reader.next().source(), "seed " + seed);
                        }
                    }
                    assertEquals(0, reader.skip());
                    assertFalse(reader.hasNext());
                }
            }
        }
    }

    @Test
    void aFileThatEndsTooSoonIsNoticed() throws IOException {
        Path file =
                Files.writeString(folder.resolve("short.xyz"), "2\nenergy=1\nH 0 0 0\nH 0 0 1\n3\nenergy=2\nH 0 0 0\n");
        try (StructureReader reader = Readers.open(file, ReadOptions.DEFAULT)) {
            assertEquals(2, reader.skip());
            DataException e = assertThrows(DataException.class, reader::skip);
            assertTrue(e.toString().contains("frame 1"), e.toString());
        }
    }
}
