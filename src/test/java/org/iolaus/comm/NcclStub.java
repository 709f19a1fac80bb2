package org.iolaus.comm;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.iolaus.Tool;
import org.iolaus.cuda.DeviceRuntime;
import org.iolaus.cuda.EmulatedRuntime;

/// A library with NCCL's functions that sums host memory (`nccl/stub.cpp`), so that what is around NCCL can be
/// tested without GPUs: on many ranks, with ranks that die.
final class NcclStub {
    private static final long STREAM = 42;

    private final Path folder;
    private final MethodHandle device;
    private final MethodHandle pending;
    private final MethodHandle fail;

    /// Compiles the library, if there is a compiler ([Tool#CXX]).
    ///
    /// @param options of the compiler
    /// @return the folder it is in, which is `folder`
    static Path build(Path folder, String... options) {
        try {
            List<String> command = new ArrayList<>(List.of("g++", "-std=c++17", "-O1", "-shared", "-fPIC"));
            command.addAll(List.of(options));
            command.addAll(List.of("-o", folder + "/libnccl.so.2", "src/test/resources/nccl/stub.cpp"));
            command.addAll(List.of("-lrt", "-pthread"));
            Process compiler =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            String said = new String(compiler.getInputStream().readAllBytes());
            if (compiler.waitFor() != 0) {
                throw new AssertionError("nccl/stub.cpp: " + said);
            }
            return folder;
        } catch (IOException e) {
            return Tool.CXX.missing(e.getMessage());
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    NcclStub(Path folder) {
        this.folder = folder;
        SymbolLookup library = SymbolLookup.libraryLookup(folder.resolve("libnccl.so.2"), Arena.global());
        Linker linker = Linker.nativeLinker();
        device = linker.downcallHandle(library.findOrThrow("stub_device"), FunctionDescriptor.ofVoid(JAVA_INT));
        pending = linker.downcallHandle(library.findOrThrow("stub_pending"), FunctionDescriptor.of(JAVA_INT, JAVA_INT));
        fail = linker.downcallHandle(library.findOrThrow("stub_fail"), FunctionDescriptor.ofVoid(JAVA_INT, JAVA_INT));
    }

    /// @param device from [#device] of the rank
    NcclComm open(Comm comm, DeviceRuntime device) {
        int rank = comm.rank();
        return new NcclComm(
                comm, device, () -> stream(rank), NcclComm.load(Map.of("IOLAUS_CUDA_PATH", folder.toString())));
    }

    /// The stream of a rank's device, which becomes that of the calling thread.
    private long stream(int rank) {
        try {
            device.invokeExact(rank);
            return STREAM;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /// A device on whose stream the library's sums are: what needs them waits for them.
    DeviceRuntime device(EmulatedRuntime emulated, int rank) {
        return (DeviceRuntime) Proxy.newProxyInstance(
                DeviceRuntime.class.getClassLoader(),
                new Class<?>[] {DeviceRuntime.class},
                (proxy, method, arguments) -> {
                    if (method.getName().equals("record")) {
                        return event(emulated.record(), rank);
                    }
                    while (pending(rank) > 0) {
                        Thread.onSpinWait();
                    }
                    try {
                        return method.invoke(emulated, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    private DeviceRuntime.Event event(DeviceRuntime.Event event, int rank) {
        return new DeviceRuntime.Event() {
            @Override
            public double millisecondsSince(DeviceRuntime.Event earlier) {
                return event.millisecondsSince(earlier);
            }

            @Override
            public boolean reached() {
                return pending(rank) == 0 && event.reached();
            }
        };
    }

    /// From now on the library says of a rank's sums that they failed.
    void fail(int rank, int result) {
        try {
            fail.invokeExact(rank, result);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private int pending(int rank) {
        try {
            return (int) pending.invokeExact(rank);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
