package org.iolaus.run;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.UnaryOperator;
import org.iolaus.comm.Comm;
import org.iolaus.comm.DeviceComm;
import org.iolaus.config.ConfigException;
import org.iolaus.cuda.CudaRuntime;
import org.iolaus.cuda.DeviceRuntime;
import org.iolaus.cuda.EmulatedRuntime;
import org.iolaus.lower.Precision;
import org.iolaus.train.Training;
import org.iolaus.train.engine.DeviceEngine;
import org.iolaus.train.engine.Engine;
import org.iolaus.train.engine.HostEngine;
import org.jspecify.annotations.Nullable;

/// A way to an [Engine]: a device takes half a second to open, and is opened on a thread of its own while this rank
/// reads data and lowers programs. What goes wrong there is thrown by [#engine]; a device that nobody asked for is
/// closed.
public final class EngineStart implements AutoCloseable {
    private final Comm comm;
    private final Training training;
    private final int here;
    private @Nullable CompletableFuture<DeviceRuntime> device;

    /// A collective.
    public EngineStart(Comm comm, Training training) {
        this.comm = comm;
        this.training = training;
        this.here = Assembly.ranksOnThisHost(comm);
        this.device = training.device() == Training.Device.CPU
                ? null
                : CompletableFuture.supplyAsync(
                        this::open,
                        task -> Thread.ofPlatform().daemon().name("device").start(task));
    }

    private DeviceRuntime open() {
        return training.device() == Training.Device.CUDA
                ? CudaRuntime.open(comm.localRank(), here, training.shareGpu())
                : new EmulatedRuntime();
    }

    /// Where programs run on this rank: on a device, or on as many threads as configured or this rank's part of the
    /// host's cores; at most once. A collective.
    ///
    /// @param wrap programs use the device through this
    /// @throws org.iolaus.cuda.DeviceException if the device asked for is not to be had; there is no fallback
    public Engine engine(UnaryOperator<DeviceRuntime> wrap) {
        CompletableFuture<DeviceRuntime> opening = device;
        if (opening == null) {
            if (training.comm() == DeviceComm.Kind.NCCL) {
                throw new ConfigException("NeuralNetwork.Training.comm: want auto or mpi with device cpu, got nccl");
            }
            Integer threads = training.threads();
            int cores = Runtime.getRuntime().availableProcessors();
            return new HostEngine(comm, threads != null ? threads : Math.max(1, cores / here));
        }
        DeviceRuntime opened;
        try {
            opened = opening.join();
        } catch (CompletionException e) {
            switch (e.getCause()) {
                case Error failure -> throw failure;
                case RuntimeException failure -> throw failure;
                case null, default -> throw e;
            }
        }
        Precision precision = training.precision();
        DeviceComm sums = DeviceComm.open(training.comm(), comm, opened);
        Engine engine = new DeviceEngine(comm.size(), wrap.apply(opened), precision, sums);
        device = null;
        return engine;
    }

    @Override
    public void close() {
        CompletableFuture<DeviceRuntime> opening = device;
        if (opening != null) {
            opening.handle((opened, failure) -> opened)
                    .thenAccept(opened -> {
                        if (opened != null) {
                            opened.close();
                        }
                    })
                    .join();
        }
    }
}
