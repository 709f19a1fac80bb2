package org.iolaus.data.read;

import java.nio.file.Path;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.iolaus.atoms.Structure;
import org.jspecify.annotations.Nullable;

/// The formats of raw files, one line each: the name in a configuration, the words for messages, the ends of
/// file names, the test of a file's content, the reader. Two names of HydraGNN have no reader.
@SuppressWarnings("ImmutableEnumChecker") // readers and tests hold nothing
public enum Format {
    NPZ("npz", "NumPy .npz", List.of(".npz"), NpzReader::isStart, NpzReader::new),
    CFG("CFG", "AtomEye .cfg", List.of(".cfg"), CfgReader::isStart, single(CfgReader::read)),
    POSCAR(
            "poscar",
            "VASP POSCAR",
            List.of("poscar", "contcar", ".vasp"),
            PoscarReader::isStart,
            single(PoscarReader::read)),
    LSMS("LSMS", "LSMS text", List.of(), LsmsReader::isStart, single(LsmsReader::read)),
    EXTXYZ(
            "extxyz",
            "extended or plain XYZ (may be gzipped)",
            List.of(".xyz", ".extxyz"),
            ExtXyzReader::isStart,
            (file, options) -> new ExtXyzReader(file, options, false)),
    XYZ("XYZ", "", List.of(), start -> false, (file, options) -> new ExtXyzReader(file, options, true)),
    PICKLE("pickle", "", List.of(), start -> false, null),
    ADIOS("adios", "", List.of(), start -> false, null);

    private final String key;
    private final String words;
    private final List<String> ends;
    private final Predicate<FileStart> content;
    private final @Nullable BiFunction<Path, ReadOptions, StructureReader> reader;

    Format(
            String key,
            String words,
            List<String> ends,
            Predicate<FileStart> content,
            @Nullable BiFunction<Path, ReadOptions, StructureReader> reader) {
        this.key = key;
        this.words = words;
        this.ends = ends;
        this.content = content;
        this.reader = reader;
    }

    /// Whether there is a reader.
    public boolean isSupported() {
        return reader != null;
    }

    /// What can be read, for messages.
    static String supported() {
        String all = Stream.of(values())
                .map(format -> format.words)
                .filter(words -> !words.isEmpty())
                .collect(Collectors.joining(", "));
        return all + ", or a folder of these";
    }

    /// The format that a file's name or, if no name fits, its content tells; null if none does.
    static @Nullable Format of(FileStart start) {
        return Stream.of(values())
                .filter(format -> format.ends.stream().anyMatch(start.name()::endsWith))
                .findFirst()
                .or(() -> Stream.of(values())
                        .filter(format -> format.content.test(start))
                        .findFirst())
                .orElse(null);
    }

    /// Opens a file of this format; null if there is no reader.
    @Nullable
    StructureReader open(Path file, ReadOptions options) {
        return reader == null ? null : reader.apply(file, options);
    }

    /// The reader of files that hold one frame.
    private static BiFunction<Path, ReadOptions, StructureReader> single(
            BiFunction<Path, ReadOptions, Structure> read) {
        return (file, options) -> new LazyReader() {
            private boolean done;

            @Override
            @Nullable
            Structure read() {
                Structure structure = done ? null : read.apply(file, options);
                done = true;
                return structure;
            }

            @Override
            public void close() {
                done = true;
            }
        };
    }

    @Override
    public String toString() {
        return key;
    }
}
