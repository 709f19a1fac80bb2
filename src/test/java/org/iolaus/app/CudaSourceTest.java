package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.iolaus.Tool;
import org.iolaus.cuda.DeviceRuntime;
import org.iolaus.cuda.Emulated;
import org.iolaus.cuda.KernelSource;
import org.iolaus.cuda.RunTimeCompiler;
import org.iolaus.lower.Precision;
import org.iolaus.verify.Devices;
import org.iolaus.verify.OpVerification;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// What is generated for the host also is CUDA C++: the sources of all operations pass the CUDA compilers that
/// there are, nvcc and NVRTC.
final class CudaSourceTest {
    /// Sources that have passed: many are the same in both precisions.
    private static final Set<String> PASSED = new HashSet<>();

    @TempDir
    private Path folder = Path.of("");

    private final List<String> compiled = new ArrayList<>();
    private static final String LARGE = "fused loops over large arrays";

    private boolean nvcc;
    private Optional<RunTimeCompiler> nvrtc = Optional.empty();

    @ParameterizedTest
    @EnumSource(names = {"FP32", "BF16"})
    void sourcesOfAllOperationsAreCuda(Precision precision) throws IOException, InterruptedException {
        nvcc = run("nvcc", "--version") == 0;
        nvrtc = RunTimeCompiler.find(folder.resolve("cache"));
        if (!nvcc && nvrtc.isEmpty()) {
            Tool.NVRTC.missing("want nvcc or NVRTC, found neither");
        }
        DeviceRuntime emulated = Emulated.runtime();
        DeviceRuntime checking = (DeviceRuntime) Proxy.newProxyInstance(
                CudaSourceTest.class.getClassLoader(),
                new Class<?>[] {DeviceRuntime.class},
                (self, method, arguments) -> {
                    if (method.getName().equals("compile")) {
                        for (DeviceRuntime.Source source : sources(arguments)) {
                            check(source.name(), source.text());
                            // as for arrays of more than 2^31 elements: once, since compilers take their time
                            String wide = source.text().replace("unsigned offset;", "unsigned long long offset;");
                            if (!wide.equals(source.text()) && !compiled.contains(LARGE)) {
                                check(LARGE, wide);
                            }
                        }
                    }
                    try {
                        return method.invoke(emulated, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
        try (Devices devices = new Devices(checking, precision)) {
            List<OpVerification.Line> lines = OpVerification.run(devices, OpVerification.tolerance(precision), 1);
            assertTrue(lines.stream().allMatch(OpVerification.Line::ok), lines::toString);
        }
        assertTrue(compiled.contains("fused loops"), compiled::toString);
        assertTrue(compiled.contains(LARGE), compiled::toString);
        assertTrue(compiled.contains("activation on a grid"), compiled::toString);
        assertTrue(compiled.stream().anyMatch(name -> name.startsWith("bilinear")), compiled::toString);
    }

    private static List<DeviceRuntime.Source> sources(Object[] arguments) {
        return arguments[0] instanceof List<?> several
                ? several.stream().map(DeviceRuntime.Source.class::cast).toList()
                : List.of(new DeviceRuntime.Source((String) arguments[0], (String) arguments[1]));
    }

    private void check(String name, String source) {
        try {
            compiled.add(name);
            if (PASSED.contains(source)) {
                return;
            }
            Path file = folder.resolve("source" + compiled.size() + ".cu");
            Files.writeString(file, KernelSource.expand(source));
            nvrtc.ifPresent(compiler -> compiler.compile(name, source));
            if (nvcc) {
                int status = run(
                        "nvcc",
                        "--std=c++17",
                        "-arch=sm_80",
                        "-cubin",
                        "-o",
                        folder.resolve("out.cubin").toString(),
                        file.toString());
                assertEquals(0, status, () -> name + ": " + log());
            }
            PASSED.add(source);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private String log() {
        try {
            return Files.readString(folder.resolve("log"), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private int run(String... command) throws IOException, InterruptedException {
        try {
            return new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(folder.resolve("log").toFile())
                    .start()
                    .waitFor();
        } catch (IOException e) {
            return -1;
        }
    }
}
