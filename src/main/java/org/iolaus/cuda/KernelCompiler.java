package org.iolaus.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.iolaus.ffi.Nvrtc;

/// Compiles CUDA C++ to machine code for one architecture, once: results are kept on disk.
final class KernelCompiler {
    private static final int LONGEST_LOG = 8000;

    private final Nvrtc nvrtc;
    private final CompileCache cache;
    private final List<String> options;
    private final String version;

    /// @param architecture such as `sm_90`
    KernelCompiler(Nvrtc nvrtc, CompileCache cache, String architecture) {
        this.nvrtc = nvrtc;
        this.cache = cache;
        options = List.of("--gpu-architecture=" + architecture, "--std=c++17", "--generate-line-info");
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment major = arena.allocate(JAVA_INT);
            MemorySegment minor = arena.allocate(JAVA_INT);
            check("nvrtcVersion", nvrtc.version(major, minor), "");
            version = major.get(JAVA_INT, 0) + "." + minor.get(JAVA_INT, 0);
        }
    }

    String version() {
        return version;
    }

    /// @param name for messages
    byte[] compile(String name, String source) {
        List<String> parts = new ArrayList<>(options);
        parts.add("nvrtc " + version);
        parts.add(source);
        return cache.get(parts, () -> run(name, source));
    }

    private byte[] run(String name, String source) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment holder = arena.allocate(JAVA_LONG);
            check(
                    "nvrtcCreateProgram(" + name + ")",
                    nvrtc.createProgram(
                            holder,
                            arena.allocateFrom(source),
                            arena.allocateFrom(name + ".cu"),
                            0,
                            MemorySegment.NULL,
                            MemorySegment.NULL),
                    "");
            try {
                long program = holder.get(JAVA_LONG, 0);
                int result = nvrtc.compileProgram(program, options.size(), texts(arena, options));
                MemorySegment size = arena.allocate(JAVA_LONG);
                if (result != 0) {
                    check("nvrtcGetProgramLogSize", nvrtc.getProgramLogSize(program, size), "");
                    MemorySegment log = arena.allocate(Math.max(1, size.get(JAVA_LONG, 0)));
                    check("nvrtcGetProgramLog", nvrtc.getProgramLog(program, log), "");
                    String text = log.getString(0);
                    check(
                            "nvrtcCompileProgram(" + name + ")",
                            result,
                            "\n" + text.substring(0, Math.min(LONGEST_LOG, text.length())));
                }
                check("nvrtcGetCUBINSize(" + name + ")", nvrtc.getCubinSize(program, size), "");
                MemorySegment cubin = arena.allocate(Math.max(1, size.get(JAVA_LONG, 0)));
                check("nvrtcGetCUBIN(" + name + ")", nvrtc.getCubin(program, cubin), "");
                return cubin.toArray(JAVA_BYTE);
            } finally {
                check("nvrtcDestroyProgram(" + name + ")", nvrtc.destroyProgram(holder), "");
            }
        }
    }

    private static MemorySegment texts(Arena arena, List<String> texts) {
        MemorySegment array = arena.allocate(ADDRESS, Math.max(1, texts.size()));
        for (int i = 0; i < texts.size(); i++) {
            array.setAtIndex(ADDRESS, i, arena.allocateFrom(texts.get(i)));
        }
        return array;
    }

    private void check(String call, int result, String more) {
        if (result != 0) {
            throw new DeviceException(
                    "nvrtc, " + call + ": " + nvrtc.getErrorString(result) + " (" + result + ")" + more);
        }
    }
}
