package org.iolaus.cuda;

import java.nio.charset.StandardCharsets;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/// A GPU's context and stream: what every call of the driver needs. It belongs to the thread that called last.
final class CudaContext {
    private final CUdevice device;
    private final CUcontext context = new CUcontext();
    private final Driver.Stream stream = new Driver.Stream();
    private final String name;
    private @Nullable Thread current;
    private boolean capturing;
    private boolean closed;
    /// For messages: what was started last.
    private String last = "nothing yet";

    CudaContext(CUdevice device) {
        this.device = device;
        byte[] text = new byte[256];
        Driver.check("cuDeviceGetName", JCudaDriver.cuDeviceGetName(text, text.length, device));
        String all = new String(text, StandardCharsets.UTF_8);
        name = all.substring(0, Math.max(0, all.indexOf(0)));
    }

    String name() {
        return name;
    }

    int attribute(int which) {
        int[] value = {0};
        Driver.check("cuDeviceGetAttribute(" + which + ")", JCudaDriver.cuDeviceGetAttribute(value, which, device));
        return value[0];
    }

    void retain() {
        Driver.check("cuDevicePrimaryCtxRetain(" + name + ")", JCudaDriver.cuDevicePrimaryCtxRetain(context, device));
    }

    /// Makes the stream, in the context that was retained.
    void open() {
        enter();
        create(stream);
    }

    static void create(Driver.Stream stream) {
        Driver.check("cuStreamCreate", JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING));
    }

    /// Where all work goes, in order.
    Driver.Stream stream() {
        return stream;
    }

    /// Makes the device's context that of the calling thread.
    void enter() {
        Thread thread = Thread.currentThread();
        if (thread != current) {
            if (closed) {
                throw new IllegalStateException(name + ": closed");
            }
            Driver.check("cuCtxSetCurrent", JCudaDriver.cuCtxSetCurrent(context));
            current = thread;
        }
    }

    void enterOutsideCapture(String call) {
        if (capturing) {
            throw new IllegalStateException(call + ": want it outside of capture");
        }
        enter();
    }

    boolean isCapturing() {
        return capturing;
    }

    void capturing(boolean now) {
        capturing = now;
    }

    boolean isClosed() {
        return closed;
    }

    String last() {
        return last;
    }

    void started(String work) {
        last = work;
    }

    void synchronize() {
        enterOutsideCapture("synchronize");
        check("cuStreamSynchronize", JCudaDriver.cuStreamSynchronize(stream));
    }

    /// An error may be of earlier work, so the message says what was started last.
    void check(String call, int result) {
        if (result != CUresult.CUDA_SUCCESS) {
            throw Driver.failure(call + " after " + last, result);
        }
    }

    void closing() {
        enter();
        JCudaDriver.cuStreamSynchronize(stream);
        closed = true;
    }

    void close() {
        JCudaDriver.cuStreamDestroy(stream);
        JCudaDriver.cuCtxSetCurrent(new CUcontext());
        JCudaDriver.cuDevicePrimaryCtxRelease(device);
        current = null;
    }
}
