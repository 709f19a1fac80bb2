package org.iolaus.data;

import static org.iolaus.data.Say.assertSays;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class Hdf5FileTest {
    @TempDir
    Path folder;

    private Path small() {
        Path path = folder.resolve("small.h5");
        Hdf5Writer out = new Hdf5Writer(path);
        out.doubles("atoms/pos", new double[] {1, 2, 3, 4, 5, -6.5}, 2, 3).attribute("atoms/pos", "units", "Å");
        out.longs("graphs/ptr", new long[] {0, 1L << 40});
        out.ints("graphs/count", new int[] {7, -8, 9});
        out.bytes("graphs/pbc", new byte[] {1, 0, 1}, 1, 3);
        out.strings("names", List.of("H", "Cu", "Ångström"));
        out.string("config", "{\"a\": 1}");
        out.ints("empty", new int[0]);
        out.group("nothing");
        out.attribute("", "version", 3L).attribute("graphs", "cutoff", 5.5);
        out.commit();
        return path;
    }

    @Test
    void readsBackWhatWasWritten() {
        try (Hdf5File file = Hdf5File.open(small())) {
            assertArrayEquals(new double[] {1, 2, 3, 4, 5, -6.5}, file.doubles("atoms/pos"));
            assertArrayEquals(new int[] {2, 3}, file.shape("atoms/pos"));
            assertEquals("Å", file.stringAttribute("atoms/pos", "units"));
            assertArrayEquals(new long[] {0, 1L << 40}, file.longs("graphs/ptr"));
            assertArrayEquals(new int[] {7, -8, 9}, file.ints("graphs/count"));
            assertArrayEquals(new double[] {7, -8, 9}, file.doubles("graphs/count"));
            assertArrayEquals(new byte[] {1, 0, 1}, file.bytes("graphs/pbc"));
            assertEquals(List.of("H", "Cu", "Ångström"), file.strings("names"));
            assertEquals("{\"a\": 1}", file.string("config"));
            assertEquals(0, file.ints("empty").length);
            assertEquals(3, file.longAttribute("", "version"));
            assertEquals(5.5, file.doubleAttribute("graphs", "cutoff"));
            assertEquals(List.of("atoms", "graphs", "nothing"), file.groups(""));
            assertEquals(List.of("count", "pbc", "ptr"), file.datasets("graphs"));
            assertTrue(file.exists("names"));
            assertTrue(file.isGroup("nothing"));
            assertFalse(file.exists("graphs/forces"));
            assertFalse(file.exists("names/what"));
            assertEquals(8, file.allDatasets().size() + 1);
            file.allDatasets().forEach(file::verify);
        }
    }

    @Test
    void readsFromMemory() throws IOException {
        try (Hdf5File file = Hdf5File.of(Files.readAllBytes(small()), "memory")) {
            assertArrayEquals(new int[] {7, -8, 9}, file.ints("graphs/count"));
            file.allDatasets().forEach(file::verify);
        }
    }

    @Test
    void mapsWithoutReadingAll() {
        Path path = folder.resolve("large.h5");
        double[] data = IntStream.range(0, 300_000).asDoubleStream().toArray();
        Hdf5Writer out = new Hdf5Writer(path);
        out.doubles("x", data, 100_000, 3);
        out.commit();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment x;
            try (Hdf5File file = Hdf5File.open(path)) {
                x = file.map("x", arena);
            }
            assertEquals(300_000L * 8, x.byteSize());
            assertEquals(0, x.address() % 8, "aligned");
            assertEquals(299_999.0, x.getAtIndex(ValueLayout.JAVA_DOUBLE, 299_999));
        }
    }

    @Test
    void replacesAnOlderFileOnlyWhenComplete() throws IOException {
        Path path = small();
        byte[] before = Files.readAllBytes(path);
        Hdf5Writer out = new Hdf5Writer(path);
        out.ints("a", new int[1]);
        assertArrayEquals(before, Files.readAllBytes(path));
        out.commit();
        try (Hdf5File file = Hdf5File.open(path);
                Stream<Path> files = Files.list(folder)) {
            assertEquals(List.of("a"), file.allDatasets());
            assertEquals(1, files.count());
        }
    }

    @Test
    void saysWhatIsWrong() {
        Path path = small();
        try (Hdf5File file = Hdf5File.open(path)) {
            assertSays(() -> file.doubles("atoms/vel"), path + ", atoms/vel", "got nothing");
            assertSays(() -> file.doubles("atoms"), path + ", atoms", "a group");
            assertSays(() -> file.longs("atoms/pos"), path + ", atoms/pos", "integers", "double");
            assertSays(() -> file.ints("graphs/ptr"), path + ", graphs/ptr", "32-bit", "" + (1L << 40));
            assertSays(() -> file.string("names"), path + ", names", "one string, got 3");
            assertSays(() -> file.groups("names"), path + ", names", "a group");
            assertSays(() -> file.longAttribute("", "date"), path + ", /", "date");
            assertSays(() -> file.longAttribute("graphs", "cutoff"), "graphs", "cutoff", "5.5");
        }
        assertSays(() -> Hdf5File.open(folder.resolve("none.h5")), "none.h5");
        assertSays(() -> Hdf5File.open(folder), folder.toString());
        assertSays(
                () -> new Hdf5Writer(folder.resolve("no/such/folder.h5")).commit(), "folder.h5", "cannot be written");
        assertThrows(IllegalArgumentException.class, () -> new Hdf5Writer(path).doubles("x", new double[5], 2, 3));
    }

    @Test
    void refusesATruncatedFileWhereverItEnds() throws IOException {
        byte[] whole = Files.readAllBytes(small());
        Path cut = folder.resolve("cut.h5");
        for (int length = 0; length < whole.length; length += 7) {
            Files.write(cut, Arrays.copyOf(whole, length));
            assertSays(() -> Hdf5File.open(cut).close(), "cut.h5");
        }
    }

    /// One byte of the file after the other: the reader either refuses or, where the byte carries nothing,
    /// reads the truth.
    @Test
    void noticesAnyFlippedByte() throws IOException {
        byte[] whole = Files.readAllBytes(small());
        Path damaged = folder.resolve("damaged.h5");
        int refused = 0;
        int flipped = 0;
        for (int at = 0; at < whole.length; at += 3, flipped++) {
            byte[] bytes = whole.clone();
            bytes[at] ^= 0x10;
            Files.write(damaged, bytes);
            try (Hdf5File file = Hdf5File.open(damaged)) {
                file.allDatasets().forEach(file::verify);
                assertArrayEquals(new double[] {1, 2, 3, 4, 5, -6.5}, file.doubles("atoms/pos"), "byte " + at);
                assertEquals(List.of("H", "Cu", "Ångström"), file.strings("names"), "byte " + at);
                assertEquals("Å", file.stringAttribute("atoms/pos", "units"), "byte " + at);
                assertEquals(5.5, file.doubleAttribute("graphs", "cutoff"), "byte " + at);
                assertEquals(7, file.allDatasets().size(), "byte " + at);
            } catch (DataException e) {
                assertTrue(e.toString().contains("damaged.h5"), e.toString());
                refused++;
            }
        }
        assertTrue(refused > flipped * 9 / 10, refused + " of " + flipped);
    }
}
