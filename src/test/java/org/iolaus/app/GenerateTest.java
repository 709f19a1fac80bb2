package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.iolaus.atoms.Structure;
import org.iolaus.data.generate.Generator;
import org.iolaus.data.read.ReadOptions;
import org.iolaus.data.read.Readers;
import org.iolaus.data.read.StructureReader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GenerateTest {
    @TempDir
    private Path folder;

    @Test
    void writesTheFramesOfTheSeed() {
        Path file = folder.resolve("new/set.xyz.gz");
        assertEquals(0, Main.run("generate", file.toString(), "--frames", "5", "--seed", "3"));
        try (StructureReader reader = Readers.open(file, ReadOptions.DEFAULT)) {
            List<Structure> frames = reader.stream().toList();
            assertEquals(5, frames.size());
            Structure want = Generator.frame(3, 4);
            assertArrayEquals(want.positions(), frames.get(4).positions());
            assertArrayEquals(want.forces(), frames.get(4).forces());
            assertEquals(want.energy(), frames.get(4).energy());
            assertTrue(frames.get(4).atomColumns().containsKey("coordination"));
        }
    }

    @Test
    void badInputEndsWithTwoAndLeavesNothing() throws IOException {
        assertEquals(2, Main.run("generate", folder.resolve("a.xyz").toString(), "--frames", "0"));
        Path occupied = Files.writeString(folder.resolve("file"), "");
        assertEquals(2, Main.run("generate", occupied.resolve("a.xyz").toString(), "--frames", "1"));
        try (var files = Files.list(folder)) {
            assertEquals(List.of(occupied), files.toList());
        }
    }
}
