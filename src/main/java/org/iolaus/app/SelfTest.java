package org.iolaus.app;

import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.iolaus.lower.Precision;
import org.iolaus.train.Training;
import org.iolaus.verify.Devices;
import org.iolaus.verify.OpVerification;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `iolaus selftest`: every operation on a device against its definition on the CPU.
@Command(
        name = "selftest",
        description = {
            "Run every operation's samples, with first and second derivatives, on a device",
            "and compare them with the CPU; run them twice and compare the bits."
        })
final class SelfTest extends CommandBase implements Callable<Integer> {

    @Option(names = "--device", required = true, description = "What to test: ${COMPLETION-CANDIDATES}.")
    private Training.Device device = Training.Device.CPU;

    @Option(names = "--precision", description = "Number format: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    private Precision precision = Precision.FP64;

    @Option(names = "--seed", description = "Of the random arguments (default: ${DEFAULT-VALUE}).")
    private long seed = 1;

    @Override
    public Integer call() {
        PrintWriter out = out();
        int failed = 0;
        try (Devices devices = Devices.open(device, precision)) {
            out.printf("%s, %s, seed %d%n", devices.name(), precision, seed);
            List<OpVerification.Line> lines = OpVerification.run(devices, OpVerification.tolerance(precision), seed);
            for (OpVerification.Line line : lines) {
                failed += line.ok() ? 0 : 1;
                out.printf(
                        Locale.ROOT,
                        "%-13s %.1e  %s%s%n",
                        line.operation(),
                        line.error(),
                        line.ok() ? "ok" : "FAILED",
                        line.repeats() ? "" : "  differs from run to run");
            }
            out.printf("%d operations, %d failed%n", lines.size(), failed);
        }
        return failed == 0 ? 0 : Failures.FAILURE;
    }
}
