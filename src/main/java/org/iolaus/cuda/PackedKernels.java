package org.iolaus.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLConnection;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// What the program carries of its hand-written kernels: `kernels/iolaus.fatbin`, if it was built with nvcc, and their
/// sources.
final class PackedKernels {
    private static final String FOLDER = "kernels/";
    private static final String HEADER = "iolaus.cuh";

    private PackedKernels() {}

    /// Machine code of all kernels for several architectures; null if the program was built without.
    static byte @Nullable [] fatbin() {
        try (InputStream in = PackedKernels.class.getResourceAsStream("/" + FOLDER + "iolaus.fatbin")) {
            return in == null ? null : in.readAllBytes();
        } catch (IOException e) {
            throw new DeviceException(FOLDER + "iolaus.fatbin: " + e, e);
        }
    }

    /// Texts by file name, of names that end so.
    static Map<String, String> sources(String ending) {
        Map<String, String> texts = new TreeMap<>();
        URL header = PackedKernels.class.getResource("/" + FOLDER + HEADER);
        if (header == null) {
            throw new DeviceException(FOLDER + HEADER + ": want it in the class path, got nothing");
        }
        try {
            URLConnection connection = header.openConnection();
            if (connection instanceof JarURLConnection jar) {
                jar.getJarFile().stream()
                        .map(entry -> entry.getName())
                        .filter(name -> name.startsWith(FOLDER) && name.endsWith(ending))
                        .forEach(name -> texts.put(name.substring(FOLDER.length()), text(name)));
            } else {
                Path folder = Path.of(header.toURI()).resolveSibling("");
                try (Stream<Path> files = Files.list(folder)) {
                    files.map(file -> file.getFileName().toString())
                            .filter(name -> name.endsWith(ending))
                            .forEach(name -> texts.put(name, text(FOLDER + name)));
                }
            }
        } catch (IOException | URISyntaxException e) {
            throw new DeviceException(header + ": " + e, e);
        }
        return texts;
    }

    private static String text(String resource) {
        try (InputStream in = PackedKernels.class.getResourceAsStream("/" + resource)) {
            if (in == null) {
                throw new DeviceException(resource + ": want it in the class path, got nothing");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new DeviceException(resource + ": " + e, e);
        }
    }
}
