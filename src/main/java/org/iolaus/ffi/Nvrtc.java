package org.iolaus.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.List;

/// NVRTC, versions 12 and 13: compiles CUDA C++ at run time. Functions return its result, zero for success;
/// a program is an address.
public final class Nvrtc {
    /// The source has errors: see the log.
    public static final int ERROR_COMPILATION = 6;

    private final NativeLibrary library;
    private final MethodHandle version;
    private final MethodHandle createProgram;
    private final MethodHandle destroyProgram;
    private final MethodHandle compileProgram;
    private final MethodHandle getCubinSize;
    private final MethodHandle getCubin;
    private final MethodHandle getProgramLogSize;
    private final MethodHandle getProgramLog;
    private final MethodHandle getErrorString;

    private Nvrtc(NativeLibrary library) {
        this.library = library;
        version = library.function("nvrtcVersion", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
        createProgram = library.function(
                "nvrtcCreateProgram",
                FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_INT, ADDRESS, ADDRESS));
        destroyProgram = library.function("nvrtcDestroyProgram", FunctionDescriptor.of(JAVA_INT, ADDRESS));
        compileProgram =
                library.function("nvrtcCompileProgram", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_INT, ADDRESS));
        getCubinSize = library.function("nvrtcGetCUBINSize", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, ADDRESS));
        getCubin = library.function("nvrtcGetCUBIN", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, ADDRESS));
        getProgramLogSize =
                library.function("nvrtcGetProgramLogSize", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, ADDRESS));
        getProgramLog = library.function("nvrtcGetProgramLog", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, ADDRESS));
        getErrorString = library.function("nvrtcGetErrorString", FunctionDescriptor.of(ADDRESS, JAVA_INT));
    }

    /// Finds the library.
    ///
    /// @throws LibraryException with the places searched
    public static Nvrtc load() {
        return new Nvrtc(NativeLibrary.open(
                "NVRTC", List.of("libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"), List.of("libnvrtc-builtins.so.")));
    }

    /// The file, as it was found.
    public String where() {
        return library.where();
    }

    /// Asks for the version.
    ///
    /// @param major where it goes, 4 bytes
    /// @param minor where it goes, 4 bytes
    public int version(MemorySegment major, MemorySegment minor) {
        return NativeLibrary.call(() -> (int) version.invokeExact(major, minor));
    }

    /// Makes a program.
    ///
    /// @param program where the new program goes, 8 bytes
    /// @param headers array of the texts of headers, or NULL
    /// @param includeNames array of the names by which the source includes them, or NULL
    public int createProgram(
            MemorySegment program,
            MemorySegment source,
            MemorySegment name,
            int headerCount,
            MemorySegment headers,
            MemorySegment includeNames) {
        return NativeLibrary.call(
                () -> (int) createProgram.invokeExact(program, source, name, headerCount, headers, includeNames));
    }

    /// Frees a program.
    ///
    /// @param program where the program stands, 8 bytes
    public int destroyProgram(MemorySegment program) {
        return NativeLibrary.call(() -> (int) destroyProgram.invokeExact(program));
    }

    /// Compiles.
    ///
    /// @param options array of texts
    public int compileProgram(long program, int optionCount, MemorySegment options) {
        return NativeLibrary.call(() -> (int) compileProgram.invokeExact(program, optionCount, options));
    }

    /// Asks for the size of the machine code.
    ///
    /// @param size where it goes, 8 bytes; zero unless the architecture was a real one (`sm_90`)
    public int getCubinSize(long program, MemorySegment size) {
        return NativeLibrary.call(() -> (int) getCubinSize.invokeExact(program, size));
    }

    /// Copies the machine code.
    public int getCubin(long program, MemorySegment cubin) {
        return NativeLibrary.call(() -> (int) getCubin.invokeExact(program, cubin));
    }

    /// Asks for the size of the log with its zero byte.
    ///
    /// @param size where it goes, 8 bytes
    public int getProgramLogSize(long program, MemorySegment size) {
        return NativeLibrary.call(() -> (int) getProgramLogSize.invokeExact(program, size));
    }

    /// Copies what the compiler said, ended by a zero byte.
    public int getProgramLog(long program, MemorySegment log) {
        return NativeLibrary.call(() -> (int) getProgramLog.invokeExact(program, log));
    }

    /// What a result means.
    public String getErrorString(int result) {
        try {
            return NativeLibrary.text((MemorySegment) getErrorString.invokeExact(result));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }
}
