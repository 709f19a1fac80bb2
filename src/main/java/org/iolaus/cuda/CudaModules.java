package org.iolaus.cuda;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/// Kernels of a GPU: compiled, loaded, found by name.
final class CudaModules {
    private final CudaContext context;
    private final KernelCompiler compiler;
    private final List<CUmodule> modules = new ArrayList<>();
    private final Map<String, DeviceRuntime.Module> compiled = new HashMap<>();
    private DeviceRuntime.@Nullable Module builtin;

    CudaModules(CudaContext context, KernelCompiler compiler) {
        this.context = context;
        this.compiler = compiler;
    }

    DeviceRuntime.Module builtin() {
        DeviceRuntime.Module known = builtin;
        if (known != null) {
            return known;
        }
        byte[] fatbin = KernelSource.fatbin();
        DeviceRuntime.Module loaded = fatbin != null
                ? load("kernels/iolaus.fatbin", fatbin)
                : load("kernels", compiler.compile("kernels", KernelSource.builtin()));
        builtin = loaded;
        return loaded;
    }

    List<DeviceRuntime.Module> compile(List<DeviceRuntime.Source> sources) {
        Map<String, DeviceRuntime.Source> missing = new LinkedHashMap<>();
        sources.stream()
                .filter(source -> !compiled.containsKey(source.text()))
                .forEach(source -> missing.putIfAbsent(source.text(), source));
        Map<DeviceRuntime.Source, byte[]> images = missing.values().parallelStream()
                .collect(Collectors.toMap(
                        source -> source,
                        source -> compiler.compile(source.name(), KernelSource.expand(source.text()))));
        images.forEach((source, image) -> compiled.put(source.text(), load(source.name(), image)));
        return sources.stream()
                .map(source -> Objects.requireNonNull(compiled.get(source.text())))
                .toList();
    }

    DeviceRuntime.Module load(String name, byte[] image) {
        context.enter();
        CUmodule module = new CUmodule();
        context.check("cuModuleLoadData(" + name + ")", JCudaDriver.cuModuleLoadData(module, image));
        modules.add(module);
        return new LoadedModule(name, module);
    }

    private final class LoadedModule implements DeviceRuntime.Module {
        private final String name;
        private final CUmodule module;
        private final Map<String, LoadedKernel> kernels = new HashMap<>();

        LoadedModule(String name, CUmodule module) {
            this.name = name;
            this.module = module;
        }

        @Override
        public DeviceRuntime.Kernel kernel(String kernel) {
            LoadedKernel known = kernels.get(kernel);
            if (known != null) {
                return known;
            }
            context.enter();
            CUfunction function = new CUfunction();
            int result = JCudaDriver.cuModuleGetFunction(function, module, kernel);
            if (result == CUresult.CUDA_ERROR_NOT_FOUND) {
                throw new DeviceException("module " + name + ": want kernel " + kernel + ", it has none of that name");
            }
            Driver.check("cuModuleGetFunction(" + kernel + " of " + name + ")", result);
            LoadedKernel loaded = new LoadedKernel(kernel, function);
            kernels.put(kernel, loaded);
            return loaded;
        }
    }

    static final class LoadedKernel implements DeviceRuntime.Kernel {
        private final String name;
        final CUfunction function;
        private int sharedBytes;

        LoadedKernel(String name, CUfunction function) {
            this.name = name;
            this.function = function;
            int[] limit = {0};
            int which = CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
            Driver.check("cuFuncGetAttribute(" + name + ")", JCudaDriver.cuFuncGetAttribute(limit, which, function));
            sharedBytes = limit[0];
        }

        @Override
        public String name() {
            return name;
        }

        /// More than the usual 48 KiB has to be asked for.
        void allowShared(int bytes) {
            if (bytes > sharedBytes) {
                int which = CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
                Driver.check(
                        "cuFuncSetAttribute(" + name + ", " + bytes + " bytes of shared memory)",
                        JCudaDriver.cuFuncSetAttribute(function, which, bytes));
                sharedBytes = bytes;
            }
        }
    }

    void close() {
        modules.forEach(JCudaDriver::cuModuleUnload);
    }
}
