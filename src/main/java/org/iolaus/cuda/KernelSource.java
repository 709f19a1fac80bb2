package org.iolaus.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// The kernels that come with the program: machine code, and text as one piece that needs no include path.
public final class KernelSource {
    private static final Pattern INCLUDE = Pattern.compile("#include \"([^\"]+)\"\\s*");

    private KernelSource() {}

    /// Machine code of all hand-written kernels for several architectures; null if the program was built without nvcc.
    static byte @Nullable [] fatbin() {
        try (InputStream in = KernelSource.class.getResourceAsStream("/kernels/iolaus.fatbin")) {
            return in == null ? null : in.readAllBytes();
        } catch (IOException e) {
            throw new DeviceException("kernels/iolaus.fatbin: cannot be read: " + e.getMessage(), e);
        }
    }

    /// All hand-written kernels.
    static String builtin() {
        return expand(read("all.cu"));
    }

    /// A source with the header `iolaus.cuh` in front of it and other files of `kernels/` in place of their
    /// `#include "..."`, each once.
    public static String expand(String source) {
        StringBuilder text = new StringBuilder();
        expand("#include \"iolaus.cuh\"\n" + source, text, new HashSet<>());
        return text.toString();
    }

    private static void expand(String source, StringBuilder text, Set<String> seen) {
        for (String line : source.lines().toList()) {
            Matcher include = INCLUDE.matcher(line);
            if (include.matches()) {
                if (seen.add(include.group(1))) {
                    expand(read(include.group(1)), text, seen);
                }
            } else if (!line.equals("#pragma once")) {
                text.append(line).append('\n');
            }
        }
    }

    private static String read(String file) {
        try (InputStream in = KernelSource.class.getResourceAsStream("/kernels/" + file)) {
            if (in == null) {
                throw new DeviceException(
                        "kernels: want kernels/" + file + " among the program's resources, got nothing");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new DeviceException("kernels/" + file + ": cannot be read: " + e.getMessage(), e);
        }
    }
}
