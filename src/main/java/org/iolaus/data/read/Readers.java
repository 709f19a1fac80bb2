package org.iolaus.data.read;

import java.nio.file.Files;
import java.nio.file.Path;
import org.iolaus.data.DataException;

/// Opens files of any format that can be read. The format comes from the options, else from the content, else from
/// the name.
public final class Readers {
    private Readers() {}

    /// The frames of a file, or of all files in a folder and its direct subfolders in the order of their names.
    ///
    /// @throws DataException if there is no such file, it is damaged, or its format is none of the supported ones
    public static StructureReader open(Path path, ReadOptions options) {
        if (Files.isDirectory(path)) {
            return new FolderReader(path, options);
        }
        if (!Files.isRegularFile(path)) {
            throw new DataException(path + ": want a file or folder, got none of that name");
        }
        return openFile(path, options);
    }

    static StructureReader openFile(Path file, ReadOptions options) {
        FileStart start = options.format() == null ? new FileStart(file) : null;
        Format format = start == null ? options.format() : Format.of(start);
        StructureReader reader = format == null ? null : format.open(file, options);
        if (reader != null) {
            return reader;
        }
        throw new DataException(file + ": want " + Format.supported() + ", got "
                + (start == null ? format + ": export it with the library that wrote it" : start.shown()));
    }
}
