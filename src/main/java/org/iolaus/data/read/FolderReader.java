package org.iolaus.data.read;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.stream.Stream;
import org.iolaus.atoms.Structure;
import org.iolaus.data.DataException;
import org.jspecify.annotations.Nullable;

/// The files of a folder and its direct subfolders, one after another in the order of their names. Hidden files and
/// those that only hold values for another file are passed over.
final class FolderReader extends LazyReader {
    private final Iterator<Path> files;
    private final ReadOptions options;
    private @Nullable StructureReader current;

    FolderReader(Path folder, ReadOptions options) {
        this.options = options;
        this.files = list(folder, options.format()).iterator();
        if (!files.hasNext()) {
            throw new DataException(folder + ": want " + Format.supported() + ", got a folder without such files");
        }
    }

    private static List<Path> list(Path folder, @Nullable Format format) {
        try (Stream<Path> paths = Files.walk(folder, 2)) {
            return paths.filter(Files::isRegularFile)
                    .filter(path -> isWanted(folder.relativize(path).toString(), format))
                    .sorted(Comparator.comparing(Path::toString))
                    .toList();
        } catch (IOException | UncheckedIOException e) {
            throw new DataException(folder + ": cannot be listed: " + e, e);
        }
    }

    private static boolean isWanted(String name, @Nullable Format format) {
        if (name.startsWith(".") || name.contains("/.") || name.endsWith(".bulk") || name.endsWith("_energy.txt")) {
            return false;
        }
        return format == Format.CFG ? name.endsWith(".cfg") : format != Format.XYZ || name.endsWith(".xyz");
    }

    @Override
    @Nullable
    Structure read() {
        while (current == null || !current.hasNext()) {
            close();
            if (!files.hasNext()) {
                return null;
            }
            current = Readers.openFile(files.next(), options);
        }
        return current.next();
    }

    @Override
    int skipFrame() {
        int atoms = current == null ? 0 : current.skip();
        while (atoms == 0) {
            close();
            if (!files.hasNext()) {
                return 0;
            }
            current = Readers.openFile(files.next(), options);
            atoms = current.skip();
        }
        return atoms;
    }

    @Override
    public void close() {
        if (current != null) {
            current.close();
            current = null;
        }
    }
}
