package org.iolaus.verify;

import org.iolaus.cpu.CpuExecutor;
import org.iolaus.cuda.CudaRuntime;
import org.iolaus.cuda.DeviceExecutor;
import org.iolaus.cuda.DeviceRuntime;
import org.iolaus.cuda.EmulatedRuntime;
import org.iolaus.ir.Program;
import org.iolaus.ir.ProgramExecutor;
import org.iolaus.lower.LowPrecision;
import org.iolaus.lower.Precision;
import org.iolaus.train.Training;
import org.jspecify.annotations.Nullable;

/// The device that a command was asked to use, opened once.
public final class Devices implements AutoCloseable {
    private final @Nullable DeviceRuntime runtime;
    private final Precision precision;

    /// @param runtime null for the host; closed with this
    public Devices(@Nullable DeviceRuntime runtime, Precision precision) {
        this.runtime = runtime;
        this.precision = precision;
    }

    /// The host.
    public static Devices cpu() {
        return new Devices(null, Precision.FP64);
    }

    /// Opens the device once for all programs of a command.
    ///
    /// @throws org.iolaus.cuda.DeviceException if it is not to be had; there is no fallback
    public static Devices open(Training.Device device, Precision precision) {
        return new Devices(
                switch (device) {
                    case CPU -> null;
                    case CUDA -> CudaRuntime.open(0, 1, false);
                    case EMULATED -> new EmulatedRuntime();
                },
                precision);
    }

    /// In which programs run; the host computes in float64.
    Precision precision() {
        return runtime == null ? Precision.FP64 : precision;
    }

    public String name() {
        return runtime == null ? "CPU" : runtime.name();
    }

    /// What has few products of large arrays has all of them split, where the precision splits operands.
    public ProgramExecutor executor(Program program) {
        LowPrecision lowPrecision = precision.lowPrecision();
        return executor(program, lowPrecision.isBf16() ? lowPrecision : lowPrecision.everywhere());
    }

    /// An executor of one program.
    ///
    /// @param lowPrecision of what a device stores
    public ProgramExecutor executor(Program program, LowPrecision lowPrecision) {
        return runtime == null
                ? new CpuExecutor(program, CpuExecutor.Options.SINGLE)
                : new DeviceExecutor(runtime, program, precision, lowPrecision);
    }

    @Override
    public void close() {
        if (runtime != null) {
            runtime.close();
        }
    }
}
