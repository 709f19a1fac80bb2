package org.iolaus.cuda;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Compiled kernels on disk, found by a hash of all that went into them. Ranks and runs share it: files appear whole or
/// not at all, and begin with a hash of the rest, so that a damaged one is compiled again.
///
/// It lies in `IOLAUS_CACHE`, else in `iolaus` below `XDG_CACHE_HOME` or `~/.cache`. Where nothing can be written, a
/// warning is logged and kernels are compiled in each run.
final class CompileCache {
    private static final Logger LOG = LoggerFactory.getLogger(CompileCache.class);
    private static final int HASH_BYTES = 32;

    private final Path folder;

    CompileCache(Path folder) {
        this.folder = folder;
    }

    static Path folder() {
        return folder(System.getenv(), System.getProperty("user.home", "."));
    }

    static Path folder(Map<String, String> environment, String home) {
        String own = environment.getOrDefault("IOLAUS_CACHE", "");
        if (!own.isBlank()) {
            return Path.of(own).toAbsolutePath();
        }
        String all = environment.getOrDefault("XDG_CACHE_HOME", "");
        return (all.startsWith("/") ? Path.of(all) : Path.of(home, ".cache"))
                .resolve("iolaus")
                .toAbsolutePath();
    }

    /// What was compiled from these parts, by whoever came first: others wait for it, ranks of other processes too.
    ///
    /// @param parts all that the result depends on
    byte[] get(List<String> parts, Supplier<byte[]> compile) {
        Path file = folder.resolve(key(parts) + ".cubin");
        byte[] known = read(file);
        if (known != null) {
            return known;
        }
        try (CacheLock _ = CacheLock.of(file)) {
            known = read(file);
            return known != null ? known : keep(file, compile.get());
        }
    }

    private static byte @Nullable [] read(Path file) {
        if (Files.exists(file)) {
            try {
                byte[] bytes = Files.readAllBytes(file);
                byte[] content = Arrays.copyOfRange(bytes, Math.min(HASH_BYTES, bytes.length), bytes.length);
                if (content.length > 0 && Arrays.equals(sha256().digest(content), Arrays.copyOf(bytes, HASH_BYTES))) {
                    return content;
                }
                LOG.warn("{} is damaged: compiled again", file);
            } catch (IOException e) {
                LOG.warn("{} cannot be read, compiled again: {}", file, e.toString());
            }
        }
        return null;
    }

    private static byte[] keep(Path file, byte[] content) {
        byte[] bytes = Arrays.copyOf(sha256().digest(content), HASH_BYTES + content.length);
        System.arraycopy(content, 0, bytes, HASH_BYTES, content.length);
        try {
            write(file, bytes);
        } catch (IOException e) {
            LOG.warn("compiled kernels are not kept (IOLAUS_CACHE names another folder): {}", e.toString());
        }
        return content;
    }

    /// A name for what is made from these parts.
    static String key(List<String> parts) {
        MessageDigest hash = sha256();
        for (String part : parts) {
            byte[] bytes = part.getBytes(StandardCharsets.UTF_8);
            hash.update((bytes.length + ":").getBytes(StandardCharsets.UTF_8));
            hash.update(bytes);
        }
        return HexFormat.of().formatHex(hash.digest());
    }

    /// Writes a file that others see whole or not at all.
    static void write(Path file, byte[] bytes) throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        Files.createDirectories(folder);
        Path part = Files.createTempFile(folder, ".part", null);
        try {
            Files.write(part, bytes);
            Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(part);
        }
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java has it
        }
    }
}
