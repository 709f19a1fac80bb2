package org.iolaus.app;

import java.util.List;
import org.iolaus.bench.CommMeasurement;
import org.iolaus.comm.Comm;
import org.iolaus.comm.DeviceComm;
import org.iolaus.train.Training;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/// `iolaus bench comm`: what sums over ranks cost.
@Command(
        name = "comm",
        description = {
            "Time sums over all ranks: of the host's arrays (double), and of a device's (float) through MPI and NCCL.",
            "us: microseconds of one sum on the slowest rank; small ones are started 'together' one after another.",
            "bus_gb_per_s: bytes / time * 2 (ranks - 1) / ranks, to be compared with the speed of the slowest link."
        })
final class BenchComm extends CommandBase implements OnRanks {
    @Option(names = "--device", description = "Of the arrays: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    private Training.Device device = Training.Device.CPU;

    @Option(
            names = "--comm",
            split = ",",
            paramLabel = "KIND",
            description = "Ways of device arrays: ${COMPLETION-CANDIDATES} (default: mpi and, with CUDA, nccl).")
    private List<DeviceComm.Kind> kinds = List.of();

    @Option(
            names = "--sizes",
            split = ",",
            paramLabel = "SIZE",
            converter = Size.class,
            description = "Of the arrays, as in 8,64KiB,4MiB (default: 8 bytes to 256 MiB).")
    private List<Long> sizes =
            List.of(8L, 256L, 4096L, 65536L, 262144L, 1L << 20, 4L << 20, 16L << 20, 64L << 20, 256L << 20);

    @Option(names = "--seconds", description = "For each size, about (default: ${DEFAULT-VALUE}).")
    private double seconds = 0.5;

    @Option(names = "--share-gpu", description = "Ranks may use one GPU together.")
    private boolean share;

    /// A number of bytes; a multiple of 8.
    static final class Size implements ITypeConverter<Long> {
        @Override
        public Long convert(String text) {
            int unit = text.endsWith("KiB") ? 10 : text.endsWith("MiB") ? 20 : text.endsWith("GiB") ? 30 : 0;
            String number =
                    unit == 0 ? text : text.substring(0, text.length() - 3).strip();
            if (!number.matches("[0-9]{1,10}") || Long.parseLong(number) << unit == 0) {
                throw new TypeConversionException("want bytes, KiB, MiB or GiB, as in 64KiB, got '" + text + "'");
            }
            return ((Long.parseLong(number) << unit) + 7) & -8L;
        }
    }

    @Override
    public int run(Comm comm) {
        comm.startupDone();
        CommMeasurement.Plan plan = new CommMeasurement.Plan(device, kinds, sizes, seconds, share);
        new CommMeasurement(comm, plan, typed(), out()::println).run();
        return 0;
    }
}
