package org.iolaus.data.read;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.iolaus.data.DataException;
import org.jspecify.annotations.Nullable;

/// What tells the format of a file: its name and how it begins.
final class FileStart {
    private static final int LINES = 8;

    private final Path file;
    /// The first bytes as they are on disk, one per character.
    private final String bytes;

    private @Nullable List<String> lines;

    FileStart(Path file) {
        this.file = file;
        try (InputStream in = Files.newInputStream(file)) {
            this.bytes = new String(in.readNBytes(512), StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            throw new DataException(file + ": cannot be read: " + e, e);
        }
    }

    /// In lower case, without `.gz`.
    String name() {
        return file.toString().toLowerCase(Locale.ROOT).replaceFirst("\\.gz$", "");
    }

    boolean hasMagic(String magic) {
        return bytes.startsWith(magic);
    }

    /// The first lines of text, unpacked; none if the file is binary or empty.
    List<String> lines() {
        List<String> first = lines;
        if (first == null) {
            first = new ArrayList<>();
            boolean gzip = bytes.startsWith("\u001f");
            if (gzip || bytes.indexOf('\0') < 0) {
                try (LineSource source = new LineSource(file)) {
                    for (String line = source.next(); line != null && first.size() < LINES; line = source.next()) {
                        first.add(line);
                    }
                }
            }
            lines = first;
        }
        return first;
    }

    /// Whether a line is there and consists of numbers, `least` or more of them.
    boolean isNumbers(int line, int least) {
        List<String> words = line < lines().size() ? Numbers.words(lines().get(line)) : List.of();
        return words.size() >= least && words.stream().allMatch(word -> Numbers.real(word) != null);
    }

    /// What the file is, for a message that refuses it.
    String shown() {
        if (bytes.isEmpty()) {
            return "an empty file";
        }
        return lines().isEmpty()
                ? "other binary data"
                : "a file that starts with " + Numbers.shown(lines().getFirst().strip());
    }
}
