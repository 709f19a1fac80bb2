package org.iolaus.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// A shared library. It stays loaded until the process ends: threads of its own may run in it.
///
/// Searched are the folders of `IOLAUS_CUDA_PATH`, then what the system's loader knows (which begins with
/// `LD_LIBRARY_PATH`), then the usual folders of CUDA.
public final class NativeLibrary {
    private static final Linker LINKER = Linker.nativeLinker();
    private static final long LONGEST_TEXT = 1 << 20;

    private final String name;
    private final SymbolLookup lookup;
    private final String where;

    private NativeLibrary(String name, SymbolLookup lookup, String where) {
        this.name = name;
        this.lookup = lookup;
        this.where = where;
    }

    /// The driver's own library, `libcuda.so.1`.
    ///
    /// @throws LibraryException with the places searched
    public static NativeLibrary cudaDriver() {
        return open("CUDA driver", List.of("libcuda.so.1", "libcuda.so"), List.of());
    }

    static NativeLibrary open(String name, List<String> files, List<String> companions) {
        return open(name, files, companions, System.getenv());
    }

    /// Looks for each file in all places before the next one, so that files are given newest first.
    ///
    /// @param companions beginnings of the names of libraries that it needs and that lie beside it
    static NativeLibrary open(
            String name, List<String> files, List<String> companions, Map<String, String> environment) {
        List<Path> first = cudaFolders(environment.getOrDefault("IOLAUS_CUDA_PATH", ""));
        List<Path> last = new ArrayList<>();
        for (String variable : List.of("CUDA_HOME", "CUDA_PATH", "CUDA_ROOT")) {
            last.addAll(cudaFolders(environment.getOrDefault(variable, "")));
        }
        last.addAll(cudaFolders("/usr/local/cuda:/opt/cuda"));
        for (String folder : List.of("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib/aarch64-linux-gnu")) {
            last.add(Path.of(folder));
        }
        List<String> broken = new ArrayList<>();
        for (String file : files) {
            NativeLibrary found = inFolders(name, first, file, companions, broken);
            if (found == null) {
                found = byLoader(name, file);
            }
            if (found == null) {
                found = inFolders(name, last, file, companions, broken);
            }
            if (found != null) {
                return found;
            }
        }
        StringBuilder message = new StringBuilder(name + ": want one of " + String.join(", ", files)
                + ", found none that loads; searched IOLAUS_CUDA_PATH="
                + environment.getOrDefault("IOLAUS_CUDA_PATH", "")
                + ", LD_LIBRARY_PATH=" + environment.getOrDefault("LD_LIBRARY_PATH", "") + ", the loader's cache");
        last.forEach(folder -> message.append(", ").append(folder));
        broken.forEach(one -> message.append("\n  ").append(one));
        throw new LibraryException(message.toString());
    }

    private static List<Path> cudaFolders(String roots) {
        List<Path> result = new ArrayList<>();
        for (String root : roots.split(":", -1)) {
            if (!root.isBlank()) {
                result.add(Path.of(root));
                result.add(Path.of(root, "lib64"));
                result.add(Path.of(root, "lib"));
            }
        }
        return result;
    }

    private static @Nullable NativeLibrary inFolders(
            String name, List<Path> folders, String file, List<String> companions, List<String> broken) {
        for (Path folder : folders) {
            Path path = folder.resolve(file).toAbsolutePath();
            if (Files.isRegularFile(path)) {
                try {
                    loadBeside(folder, companions, broken);
                    return new NativeLibrary(name, SymbolLookup.libraryLookup(path, Arena.global()), path.toString());
                } catch (IllegalArgumentException | IOException e) {
                    broken.add(path + ": " + e.getMessage());
                }
            }
        }
        return null;
    }

    private static void loadBeside(Path folder, List<String> companions, List<String> broken) throws IOException {
        List<Path> found;
        try (Stream<Path> files = Files.list(folder)) {
            found = files.filter(file ->
                            companions.stream().anyMatch(file.getFileName().toString()::startsWith))
                    .toList();
        }
        for (Path file : found) {
            try {
                SymbolLookup.libraryLookup(file.toAbsolutePath(), Arena.global());
            } catch (IllegalArgumentException e) {
                broken.add(
                        file + ": " + e.getMessage()); // of another version perhaps; the library tells if it needs it
            }
        }
    }

    private static @Nullable NativeLibrary byLoader(String name, String file) {
        try {
            return new NativeLibrary(name, SymbolLookup.libraryLookup(file, Arena.global()), file);
        } catch (IllegalArgumentException e) {
            return null; // the loader does not know it: the caller searches on and lists all places in the end
        }
    }

    /// Sets an environment variable for native libraries, unless it is set; Java does not see it.
    public static void setEnvironment(String variable, String value) {
        MemorySegment setenv = LINKER.defaultLookup().findOrThrow("setenv");
        MethodHandle call = LINKER.downcallHandle(setenv, FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_INT));
        try (Arena arena = Arena.ofConfined()) {
            int result = (int) call.invokeExact(arena.allocateFrom(variable), arena.allocateFrom(value), 0);
            if (result != 0) {
                throw new LibraryException("setenv: " + variable + "=" + value + " was refused");
            }
        } catch (LibraryException e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /// The file, as it was found.
    public String where() {
        return where;
    }

    MethodHandle function(String symbol, FunctionDescriptor type) {
        MemorySegment address = lookup.find(symbol)
                .orElseThrow(
                        () -> new LibraryException(name + ": want function " + symbol + ", " + where + " has none"));
        return LINKER.downcallHandle(address, type);
    }

    /// A function that older versions lack.
    @Nullable
    MethodHandle functionIfThere(String symbol, FunctionDescriptor type) {
        return lookup.find(symbol)
                .map(address -> LINKER.downcallHandle(address, type))
                .orElse(null);
    }

    /// The text, ended by a zero byte, at an address.
    static String text(MemorySegment address) {
        return address.equals(MemorySegment.NULL)
                ? ""
                : address.reinterpret(LONGEST_TEXT).getString(0);
    }

    /// A native function with its arguments.
    interface Call {
        int run() throws Throwable;
    }

    /// Calls a native function.
    ///
    /// @return what it returned
    static int call(Call call) {
        try {
            return call.run();
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /// A native call has no checked exceptions: what comes out of it is an error of the binding.
    static LibraryException unexpected(Throwable e) {
        return new LibraryException("native call: " + e, e);
    }
}
