package org.iolaus.comm;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiConsumer;
import org.iolaus.cuda.DeviceRuntime;
import org.iolaus.cuda.EmulatedRuntime;

/// What [MpiCommTest] runs on every rank.
public final class MpiProgram {
    private MpiProgram() {}

    public static void main(String[] args) throws Exception {
        System.exit(Comms.run(
                thrown -> new ExitStatus(thrown instanceof IllegalArgumentException ? 2 : 1, thrown.toString()),
                comm -> {
                    run(args, comm);
                    return 0;
                }));
    }

    private static void run(String[] arguments, Comm comm) {
        String what = arguments[0];
        boolean last = comm.rank() == comm.size() - 1;
        switch (what) {
            case "checks" -> {
                CommChecks.all(comm);
                System.out.println("checked " + comm.rank() + " local " + comm.localRank());
            }
            case "device" ->
                onDevice(arguments, comm, (sums, device) -> {
                    DeviceCommChecks.all(sums, comm, device);
                    DeviceCommChecks.groups(sums, comm, device);
                    System.out.println("checked " + comm.rank() + " with " + sums.name());
                });
            case "deviceForever" ->
                onDevice(arguments, comm, (sums, device) -> {
                    long address = device.allocate(3L << 20);
                    device.fill(address, 0, 3L << 20);
                    for (int step = 0; step < Integer.MAX_VALUE; step++) {
                        sums.sum(address, 3L << 18, 4);
                        sums.await();
                        if (step == 20) {
                            comm.startupDone();
                            write(
                                    Path.of(arguments[2], "rank" + comm.rank()),
                                    ProcessHandle.current().pid());
                        }
                    }
                });
            case "lastThrows" -> {
                if (last) {
                    throw new IllegalArgumentException("bad forces");
                }
                comm.barrier();
            }
            case "allThrow" -> throw new IllegalArgumentException("bad forces");
            case "otherThreadThrows" -> {
                if (last) {
                    Thread.ofPlatform().start(() -> {
                        throw new IllegalStateException("reader broke");
                    });
                }
                sleep(Duration.ofMinutes(2));
            }
            case "lastIsLate" -> {
                comm.barrier();
                comm.startupDone();
                if (last) {
                    sleep(Duration.ofMinutes(2));
                }
                comm.sum(new double[10]);
            }
            case "lastOfGroupIsLate" -> {
                Comm group = comm.split(comm.rank() % 2, 0);
                group.barrier();
                comm.startupDone();
                if (last) {
                    sleep(Duration.ofMinutes(2));
                }
                group.sum(new double[10]);
                sleep(Duration.ofMinutes(2));
            }
            case "oneGroupThrows" -> {
                Comm group = comm.split(comm.rank() % 2, 0);
                if (last) {
                    throw new IllegalArgumentException("bad forces");
                }
                group.barrier();
                comm.barrier();
            }
            case "bits" -> {
                double[] values = new double[100_003];
                Arrays.setAll(values, i -> Math.sin(i * 0.1 + comm.rank()));
                comm.sumAsync(values, 0, values.length).await();
                if (last) {
                    System.out.println("bits " + Arrays.hashCode(values));
                }
            }
            default -> throw new IllegalStateException(what);
        }
    }

    /// @param arguments the test, `mpi` or `nccl`, a folder that the library in place of NCCL is in
    private static void onDevice(String[] arguments, Comm comm, BiConsumer<DeviceComm, DeviceRuntime> body) {
        try (var emulated = new EmulatedRuntime()) {
            if (arguments[1].equals("mpi")) {
                try (DeviceComm sums = DeviceComm.open(DeviceComm.Kind.AUTO, comm, emulated)) {
                    body.accept(sums, emulated);
                }
            } else {
                var stub = new NcclStub(Path.of(arguments[2]));
                DeviceRuntime device = stub.device(emulated, comm.rank());
                try (DeviceComm sums = stub.open(comm, device)) {
                    body.accept(sums, device);
                }
            }
        }
    }

    /// Complete when it is there.
    private static void write(Path file, long number) {
        try {
            Path partial = file.resolveSibling(file.getFileName() + ".partial");
            Files.writeString(partial, Long.toString(number));
            Files.move(partial, file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void sleep(Duration time) {
        LockSupport.parkNanos(time.toNanos());
    }
}
