package org.iolaus.cuda;

import java.nio.file.Path;
import java.util.Optional;
import org.iolaus.ffi.LibraryException;
import org.iolaus.ffi.Nvrtc;

/// The compiler that runs use, without a GPU: it refuses some of what nvcc takes.
public final class RunTimeCompiler {
    private final KernelCompiler compiler;

    private RunTimeCompiler(KernelCompiler compiler) {
        this.compiler = compiler;
    }

    /// @param folder for what it compiles
    /// @return nothing where there is no NVRTC
    public static Optional<RunTimeCompiler> find(Path folder) {
        try {
            return Optional.of(
                    new RunTimeCompiler(new KernelCompiler(Nvrtc.load(), new CompileCache(folder), "sm_80")));
        } catch (LibraryException e) {
            return Optional.empty();
        }
    }

    /// @throws DeviceException with the compiler's log
    public void compile(String name, String source) {
        compiler.compile(name, KernelSource.expand(source));
    }
}
