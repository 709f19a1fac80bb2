package org.iolaus.cuda;

import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;
import org.iolaus.ffi.LibraryException;
import org.iolaus.ffi.NativeLibrary;

/// The CUDA driver through JCuda: loads it, checks each call, passes plain addresses.
final class Driver {
    static final String BINDING = "JCudaDriver-12.6.0-linux-x86_64";

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
        loadBinding();
        check("cuInit", JCudaDriver.cuInit(0));
    }

    /// Loads the native part of JCuda, which then finds it loaded. By itself it would unpack a copy into the folder for
    /// temporary files, where another user's may lie, or another rank's, half written.
    static void loadBinding() {
        try {
            System.loadLibrary(BINDING);
            JCudaDriver.setExceptionsEnabled(false);
        } catch (LinkageError e) {
            throw new DeviceException(
                    "JCuda: want lib" + BINDING + ".so in java.library.path (" + System.getProperty("java.library.path")
                            + "), and what it needs: " + e.getMessage(),
                    e);
        }
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
