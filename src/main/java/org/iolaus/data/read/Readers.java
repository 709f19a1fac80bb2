package org.iolaus.data.read;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import org.iolaus.atoms.Structure;
import org.iolaus.data.DataException;
import org.iolaus.data.DatasetConfig.Format;
import org.jspecify.annotations.Nullable;

/// Opens files of any format that can be read. The format comes from the options, else from the content, else from
/// the name.
public final class Readers {
    static final String SUPPORTED =
            "extended or plain XYZ (may be gzipped), NumPy .npz, AtomEye .cfg, LSMS text, " + "or a folder of these";

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
        Format format = options.format() == null ? detect(file) : options.format();
        return switch (format) {
            case EXTXYZ -> new ExtXyzReader(file, options, false);
            case XYZ -> new ExtXyzReader(file, options, true);
            case NPZ -> new NpzReader(file, options);
            case LSMS -> new SingleReader(() -> LsmsReader.read(file, options));
            case CFG -> new SingleReader(() -> CfgReader.read(file, options));
            case PICKLE, ADIOS ->
                throw new DataException(file + ": want " + SUPPORTED + ", got " + format
                        + ": export it with the library that wrote it");
        };
    }

    private static Format detect(Path file) {
        byte[] start = start(file);
        if (start.length >= 4 && start[0] == 'P' && start[1] == 'K' && start[2] == 3 && start[3] == 4) {
            return Format.NPZ;
        }
        String name = file.toString().toLowerCase(Locale.ROOT).replaceFirst("\\.gz$", "");
        if (name.endsWith(".npz")) {
            return Format.NPZ;
        }
        if (name.endsWith(".xyz") || name.endsWith(".extxyz")) {
            return Format.EXTXYZ;
        }
        if (name.endsWith(".cfg")) {
            return Format.CFG;
        }
        for (byte b : start) {
            if (b == 0 && start[0] != 0x1f) {
                throw unsupported(file, "other binary data");
            }
        }
        return detectText(file);
    }

    private static Format detectText(Path file) {
        try (LineSource lines = new LineSource(file)) {
            String first = lines.next();
            String second = lines.next();
            if (first == null) {
                throw unsupported(file, "an empty file");
            }
            if (first.startsWith("Number of particles")) {
                return Format.CFG;
            }
            if (second != null && allNumbers(first, 1) && allNumbers(second, 5)) {
                return Format.LSMS;
            }
            if (second != null && Numbers.whole(first.strip()) != null) {
                return Format.EXTXYZ;
            }
            throw unsupported(file, "a file that starts with " + Numbers.shown(first.strip()));
        }
    }

    private static boolean allNumbers(String line, int least) {
        List<String> words = Numbers.words(line);
        return words.size() >= least && words.stream().allMatch(word -> Numbers.real(word) != null);
    }

    private static byte[] start(Path file) {
        try (InputStream in = Files.newInputStream(file)) {
            return in.readNBytes(512);
        } catch (IOException e) {
            throw new DataException(file + ": cannot be read: " + e, e);
        }
    }

    private static DataException unsupported(Path file, String got) {
        return new DataException(file + ": want " + SUPPORTED + ", got " + got);
    }

    /// A file with one frame.
    private static final class SingleReader extends LazyReader {
        private @Nullable Supplier<Structure> source;

        SingleReader(Supplier<Structure> source) {
            this.source = source;
        }

        @Override
        @Nullable
        Structure read() {
            Structure structure = source == null ? null : source.get();
            source = null;
            return structure;
        }

        @Override
        public void close() {
            source = null;
        }
    }
}
