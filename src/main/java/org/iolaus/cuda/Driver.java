package org.iolaus.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;
import org.iolaus.ffi.LibraryException;
import org.iolaus.ffi.NativeLibrary;

/// The CUDA driver through JCuda: loads it, checks each call, passes plain addresses.
final class Driver {
    private static final String BINDING = "libJCudaDriver-12.6.0-linux-x86_64.so";

    private Driver() {}

    /// Loads and initializes the driver; nothing of JCuda is loaded before.
    ///
    /// @throws DeviceException with the places searched
    static void load() {
        try {
            NativeLibrary.cudaDriver();
        } catch (LibraryException e) {
            throw new DeviceException("device cuda: no NVIDIA driver on this machine? " + e.getMessage(), e);
        }
        String temporary = System.getProperty("java.io.tmpdir", "/tmp");
        try {
            // JCuda unpacks its binding into the folder for temporary files unless a file of that name is there. That
            // file
            // could be another user's or another rank's, half written: give it one that is ours and whole.
            System.setProperty("java.io.tmpdir", unpackBinding().toString());
            JCudaDriver.setExceptionsEnabled(false);
        } catch (IOException | LinkageError | RuntimeException e) {
            throw new DeviceException("JCuda: its native part " + BINDING + " does not load: " + e, e);
        } finally {
            System.setProperty("java.io.tmpdir", temporary);
        }
        check("cuInit", JCudaDriver.cuInit(0));
    }

    private static Path unpackBinding() throws IOException {
        Path folder = CompileCache.folder().resolve("native");
        Path file = folder.resolve(BINDING);
        try (InputStream packed = JCudaDriver.class.getResourceAsStream("/lib/" + BINDING)) {
            if (packed != null) {
                byte[] bytes = packed.readAllBytes();
                if (!Files.exists(file) || Files.size(file) != bytes.length) {
                    CompileCache.write(file, bytes);
                }
            } else {
                Files.createDirectories(folder); // in a bundle the file lies in java.library.path
            }
        }
        return folder;
    }

    /// @param call for messages: the function and what it was called for
    static void check(String call, int result) {
        if (result != CUresult.CUDA_SUCCESS) {
            throw failure(call, result);
        }
    }

    static DeviceException failure(String call, int result) {
        String[] name = {null};
        String[] text = {null};
        JCudaDriver.cuGetErrorName(result, name);
        JCudaDriver.cuGetErrorString(result, text);
        return new DeviceException("cuda driver, " + call + ": " + (name[0] == null ? "error" : name[0]) + " (" + result
                + ")" + (text[0] == null ? "" : ": " + text[0]));
    }

    /// An address in memory of the device.
    static final class DeviceAddress extends CUdeviceptr {
        DeviceAddress(long address) {
            super(new CUdeviceptr(), address);
        }

        long address() {
            return getNativePointer() + getByteOffset();
        }
    }

    /// An address in memory of the host.
    static final class HostAddress extends Pointer {
        HostAddress(long address) {
            super(address);
        }

        HostAddress() {}

        long address() {
            return getNativePointer();
        }
    }

    static final class Stream extends CUstream {
        long address() {
            return getNativePointer();
        }
    }
}
