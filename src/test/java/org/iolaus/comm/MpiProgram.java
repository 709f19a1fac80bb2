package org.iolaus.comm;

import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import org.iolaus.cuda.EmulatedRuntime;

/// What [MpiCommTest] runs on every rank.
public final class MpiProgram {
    private MpiProgram() {}

    public static void main(String[] args) throws Exception {
        System.exit(Comms.run(
                thrown -> new Failure(thrown instanceof IllegalArgumentException ? 2 : 1, thrown.toString()), comm -> {
                    run(args[0], comm);
                    return 0;
                }));
    }

    private static void run(String what, Comm comm) {
        boolean last = comm.rank() == comm.size() - 1;
        switch (what) {
            case "checks" -> {
                CommChecks.all(comm);
                System.out.println("checked " + comm.rank() + " local " + comm.localRank());
            }
            case "device" -> {
                try (var device = new EmulatedRuntime();
                        DeviceComm sums = DeviceComm.open(DeviceComm.Kind.AUTO, comm, device)) {
                    DeviceCommChecks.all(sums, comm, device);
                    System.out.println("checked " + comm.rank() + " with " + sums.name());
                }
            }
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

    private static void sleep(Duration time) {
        LockSupport.parkNanos(time.toNanos());
    }
}
