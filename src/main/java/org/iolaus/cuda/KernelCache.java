package org.iolaus.cuda;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/// Compiled kernels on disk, found by a hash of all that went into them, so that each source is compiled once per user.
///
/// The folder is `IOLAUS_CACHE`, else `iolaus` below `XDG_CACHE_HOME` or `~/.cache`. It can be deleted at any time.
final class KernelCache {
    private KernelCache() {}

    /// Writes a compiled kernel to a file.
    interface Compiler {
        void compile(Path result) throws IOException;
    }

    /// The file made of `ingredients`, which is compiled if it is not there.
    ///
    /// @param suffix of the file's name
    /// @param ingredients source, flags and version of the compiler
    static Path file(String suffix, List<String> ingredients, Compiler compiler) {
        Path folder = folder();
        Path file = folder.resolve(hash(ingredients) + suffix);
        if (Files.isRegularFile(file)) {
            return file;
        }
        try {
            Files.createDirectories(folder);
            Path fresh = Files.createTempFile(folder, "fresh", suffix);
            try {
                compiler.compile(fresh);
                Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            } finally {
                Files.deleteIfExists(fresh);
            }
            return file;
        } catch (IOException e) {
            throw new DeviceException(
                    "kernel cache: cannot write to " + folder + " (" + e + "); IOLAUS_CACHE names another folder", e);
        }
    }

    private static Path folder() {
        String own = System.getenv("IOLAUS_CACHE");
        if (own != null && !own.isBlank()) {
            return Path.of(own).toAbsolutePath();
        }
        String shared = System.getenv("XDG_CACHE_HOME");
        Path all = shared != null && shared.startsWith("/")
                ? Path.of(shared)
                : Path.of(System.getProperty("user.home"), ".cache");
        return all.resolve("iolaus").toAbsolutePath();
    }

    private static String hash(List<String> ingredients) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            for (String ingredient : ingredients) {
                digest.update(ingredient.getBytes(StandardCharsets.UTF_8));
                digest.update((byte) 0);
            }
            return HexFormat.of().formatHex(digest.digest(), 0, 16);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
