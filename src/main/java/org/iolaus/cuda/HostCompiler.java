package org.iolaus.cuda;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.iolaus.ffi.HostKernels;
import org.jspecify.annotations.Nullable;

/// Makes kernels into a library of the host with the C++ compiler that `CXX` names, else `g++`.
final class HostCompiler {
    private static final List<String> FLAGS = List.of(
            "-std=c++17",
            "-O1",
            "-ffp-contract=off", // plain arithmetic: the emulated device is exact in what it covers
            "-U_FORTIFY_SOURCE", // whose check forbids the jumps between stacks
            "-fvisibility=hidden",
            "-DIOLAUS_HOST",
            "-fPIC");

    private final String compiler;
    private final String version;

    /// @throws DeviceException if there is no compiler
    HostCompiler() {
        String named = System.getenv("CXX");
        this.compiler = named == null || named.isEmpty() ? "g++" : named;
        this.version = run(List.of(compiler, "--version"), null);
    }

    /// Compiles a source, or takes the library that was made of an equal one: it lies in the folder of `CompileCache`.
    ///
    /// @param name for messages
    /// @param source what `KernelSource` gives
    HostKernels compile(String name, String source) {
        List<String> parts = new ArrayList<>(FLAGS);
        parts.add(version);
        parts.add(source);
        Path library = CompileCache.folder().resolve(CompileCache.key(parts) + ".so");
        if (!Files.isRegularFile(library)) {
            try (CacheLock _ = CacheLock.of(library)) {
                if (!Files.isRegularFile(library)) {
                    build(name, source, library);
                }
            }
        }
        return new HostKernels(library);
    }

    private void build(String name, String source, Path library) {
        try {
            compile(source, library, "-shared", "-include", headers(source).toString(), "-x", "c++", "-");
        } catch (DeviceException e) {
            throw new DeviceException(name + ": " + e.getMessage(), e);
        } catch (IOException e) {
            throw new DeviceException(
                    name + ": cannot keep " + library + " (IOLAUS_CACHE names another folder): " + e.getMessage(), e);
        }
    }

    /// Compiles the system's headers that a source includes, once for all sources: reading them takes longer
    /// than most sources.
    ///
    /// @return the header to include; the compiler finds the compiled one beside it
    private Path headers(String source) throws IOException {
        String includes = source.lines()
                .filter(line -> line.startsWith("#include <"))
                .collect(Collectors.joining("\n", "", "\n"));
        List<String> parts = new ArrayList<>(FLAGS);
        parts.addAll(List.of(version, includes));
        Path header = CompileCache.folder().resolve(CompileCache.key(parts) + ".h");
        Path compiled = header.resolveSibling(header.getFileName() + ".gch");
        if (!Files.isRegularFile(compiled)) {
            CompileCache.write(header, includes.getBytes(StandardCharsets.UTF_8));
            compile(null, compiled, "-x", "c++-header", header.toString());
        }
        return header;
    }

    /// Runs the compiler; the result appears whole or not at all.
    private void compile(@Nullable String source, Path result, String... options) throws IOException {
        Path fresh = Files.createTempFile("iolaus", null);
        try {
            List<String> command = new ArrayList<>(List.of(compiler));
            command.addAll(FLAGS);
            command.addAll(List.of(options));
            command.addAll(List.of("-o", fresh.toString()));
            run(command, source);
            CompileCache.write(result, Files.readAllBytes(fresh));
        } finally {
            Files.deleteIfExists(fresh);
        }
    }

    /// Runs a command to its end and gives its output.
    private static String run(List<String> command, @Nullable String input) {
        Path text = null;
        try {
            ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
            if (input != null) {
                text = Files.createTempFile("iolaus", ".cu");
                Files.writeString(text, input);
                builder.redirectInput(text.toFile());
            }
            Process process = builder.start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            int code = process.waitFor();
            if (code != 0) {
                throw new DeviceException(command.getFirst() + ": exit code " + code + ": " + output.strip());
            }
            return output;
        } catch (IOException e) {
            throw new DeviceException(
                    "emulated device: want a C++ compiler, got none (" + e.getMessage()
                            + "); install g++ or name one in the variable CXX",
                    e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DeviceException(command.getFirst() + ": interrupted", e);
        } finally {
            delete(text);
        }
    }

    private static void delete(@Nullable Path file) {
        try {
            if (file != null) {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            throw new DeviceException("cannot delete " + file, e);
        }
    }
}
