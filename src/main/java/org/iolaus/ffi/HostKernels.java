package org.iolaus.ffi;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// A library of kernels that a C++ compiler made for the host (see `kernels/iolaus.cuh`); it stays loaded.
public final class HostKernels {
    private static final FunctionDescriptor ENTRY = FunctionDescriptor.of(
            ValueLayout.ADDRESS,
            ValueLayout.ADDRESS,
            ValueLayout.JAVA_INT,
            ValueLayout.JAVA_INT,
            ValueLayout.JAVA_INT,
            ValueLayout.JAVA_INT,
            ValueLayout.JAVA_INT);

    private final SymbolLookup symbols;

    /// @throws IllegalArgumentException if the library cannot be loaded
    public HostKernels(Path library) {
        this.symbols = SymbolLookup.libraryLookup(library, Arena.global());
    }

    /// The kernel of a name, if there is one.
    public Optional<Entry> find(String name) {
        return symbols.find(name + "__host")
                .map(address -> new Entry(Linker.nativeLinker().downcallHandle(address, ENTRY)));
    }

    /// A kernel's function `const char* name__host(const void* args, int firstX, int gridX, int gridY, int
    /// blockX, int sharedBytes)`.
    public static final class Entry {
        private final MethodHandle handle;

        private Entry(MethodHandle handle) {
            this.handle = handle;
        }

        /// Runs the blocks.
        ///
        /// @param arguments native memory that holds the kernel's parameter
        /// @param firstX the first column of blocks
        /// @return what went wrong, or null
        public @Nullable String run(
                MemorySegment arguments, int firstX, int gridX, int gridY, int blockX, int sharedBytes) {
            try {
                MemorySegment text =
                        (MemorySegment) handle.invokeExact(arguments, firstX, gridX, gridY, blockX, sharedBytes);
                return text.address() == 0
                        ? null
                        : text.reinterpret(Long.MAX_VALUE).getString(0);
            } catch (RuntimeException | Error e) {
                throw e;
            } catch (Throwable e) {
                throw new IllegalStateException("host kernel: " + e, e);
            }
        }
    }
}
