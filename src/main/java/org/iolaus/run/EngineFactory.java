package org.iolaus.run;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.iolaus.comm.Comm;
import org.iolaus.comm.DeviceComm;
import org.iolaus.config.ConfigException;
import org.iolaus.cuda.CudaRuntime;
import org.iolaus.cuda.DeviceRuntime;
import org.iolaus.cuda.EmulatedRuntime;
import org.iolaus.train.Training;
import org.iolaus.train.engine.DeviceEngine;
import org.iolaus.train.engine.Engine;
import org.iolaus.train.engine.HostEngine;
import org.jspecify.annotations.Nullable;

/// Opens the [Engine] of a run. A device takes half a second to open: that happens on a thread of its own, while
/// this rank reads data and lowers programs. [#engine] throws what went wrong there. A device that nobody asked for
/// is closed with the factory.
public final class EngineFactory implements AutoCloseable {
    private final Comm comm;
    private final Training training;
    private final int ranksHere;
    private @Nullable CompletableFuture<DeviceRuntime> device;

    /// Starts to open the device, if there is one. A collective.
    public EngineFactory(Comm comm, Training training) {
        this.comm = comm;
        this.training = training;
        this.ranksHere = ranksOnThisHost(comm);
        this.device = training.device() == Training.Device.CPU
                ? null
                : CompletableFuture.supplyAsync(
                        () -> open(training.device() == Training.Device.CUDA, comm, ranksHere, training.shareGpu()),
                        task -> Thread.ofPlatform().daemon().name("device").start(task));
    }

    /// The engine that these settings name. A collective.
    ///
    /// @throws org.iolaus.cuda.DeviceException if the device asked for is not to be had; there is no fallback
    public static Engine engine(Comm comm, Training training) {
        try (EngineFactory factory = new EngineFactory(comm, training)) {
            return factory.engine();
        }
    }

    /// Opens the device of this rank: a GPU, or the emulation of one. A collective.
    ///
    /// @param share whether ranks may use one GPU together
    public static DeviceRuntime device(Comm comm, boolean cuda, boolean share) {
        return open(cuda, comm, ranksOnThisHost(comm), share);
    }

    private static DeviceRuntime open(boolean cuda, Comm comm, int ranksHere, boolean share) {
        return cuda ? CudaRuntime.open(comm.localRank(), ranksHere, share) : new EmulatedRuntime();
    }

    private static int ranksOnThisHost(Comm comm) {
        List<byte[]> hosts = comm.gather(comm.host().getBytes(StandardCharsets.UTF_8), 0);
        String all = String.join(
                "\n",
                hosts.stream()
                        .map(bytes -> new String(bytes, StandardCharsets.UTF_8))
                        .toList());
        String shared = new String(comm.broadcast(all.getBytes(StandardCharsets.UTF_8), 0), StandardCharsets.UTF_8);
        return (int) shared.lines().filter(comm.host()::equals).count();
    }

    /// Where programs run on this rank: on a device, or on as many threads as configured or this rank's part of the
    /// host's cores; at most once. A collective.
    ///
    /// @throws org.iolaus.cuda.DeviceException if the device asked for is not to be had; there is no fallback
    public Engine engine() {
        CompletableFuture<DeviceRuntime> opening = device;
        if (opening == null) {
            if (training.comm() == DeviceComm.Kind.NCCL) {
                throw new ConfigException("NeuralNetwork.Training.comm: want auto or mpi with device cpu, got nccl");
            }
            Integer threads = training.threads();
            int cores = Runtime.getRuntime().availableProcessors();
            return new HostEngine(comm, threads != null ? threads : Math.max(1, cores / ranksHere));
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
        DeviceComm sums = DeviceComm.open(training.comm(), comm, opened);
        Engine engine = new DeviceEngine(comm.size(), opened, training.precision(), sums);
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
