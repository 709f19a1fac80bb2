package org.iolaus.train.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.iolaus.data.DataException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Folders of earlier runs.
final class RunFilesTest {
    @TempDir
    Path logs;

    private Path run(String name, String file) throws IOException {
        Path folder = Files.createDirectories(logs.resolve(name));
        Files.writeString(folder.resolve(file), name);
        return folder;
    }

    @Test
    void earlierRunsAreNumbered() throws IOException {
        Path folder = run("run", "config.json");
        run("run.2", "config.json");
        RunFiles.keepEarlier(folder);
        assertEquals("run", Files.readString(logs.resolve("run.1/config.json")));
        RunFiles.keepEarlier(run("run", "best.h5"));
        assertEquals("run", Files.readString(logs.resolve("run.3/best.h5")));
        assertEquals("run.2", Files.readString(logs.resolve("run.2/config.json")));
        assertFalse(Files.exists(folder));
    }

    /// Such as the output of a batch job that writes into the folder of the run which it starts.
    @Test
    void aFolderWithoutARunStays() throws IOException {
        Path folder = run("run", "job.out");
        RunFiles.keepEarlier(folder);
        RunFiles.keepEarlier(logs.resolve("none"));
        assertTrue(Files.exists(folder.resolve("job.out")));
        assertFalse(Files.exists(logs.resolve("run.1")));
    }

    /// A folder that cannot be renamed, as nothing in `/proc` can.
    @Test
    void whereTheEarlierRunCannotBeKeptTheNewOneIsRefused() {
        Path folder = Path.of("/proc/sys");
        DataException refused = assertThrows(DataException.class, () -> RunFiles.rename(folder));
        assertTrue(refused.getMessage().contains(folder + ".1"), refused.getMessage());
        assertTrue(refused.getMessage().contains("log_name"), refused.getMessage());
        assertTrue(Files.exists(folder));
    }

    @Test
    void aFileInPlaceOfTheFolderIsRefused() throws IOException {
        Path file = Files.writeString(logs.resolve("run"), "x");
        DataException refused = assertThrows(DataException.class, () -> RunFiles.keepEarlier(file));
        assertTrue(refused.getMessage().startsWith(file + ": want a folder"), refused.getMessage());
    }
}
