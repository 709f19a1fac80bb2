package org.iolaus.app;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.iolaus.data.Hdf5File;
import org.iolaus.lower.Precision;
import org.iolaus.train.Training;
import org.iolaus.train.report.JsonLine;
import org.iolaus.verify.Devices;
import org.iolaus.verify.ReferenceCase;
import org.iolaus.verify.Verification;
import org.iolaus.verify.Verification.Line;
import org.iolaus.verify.Verification.Result;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `iolaus verify`: compares this build with reference results of HydraGNN.
@Command(
        name = "verify",
        description = {
            "Compare forward pass, losses, gradients and buffers with reference results of HydraGNN (docs/verify.md).",
            "Prints one line per array: case, array, max |a-b| / max |b|, what that may be, ok or FAILED.",
            "Cases that this build cannot run are named with the reason; they alone do not make the exit code 1.",
        },
        exitCodeList = {
            "0:all compared arrays agree",
            "1:an array or a parameter's name or shape differs",
            "2:bad input"
        })
final class Verify extends CommandBase implements Callable<Integer> {

    @Parameters(arity = "1..*", paramLabel = "FILE.h5", description = "Files, each one case or one group per case.")
    private List<Path> files = new ArrayList<>();

    @Option(names = "--case", paramLabel = "NAME", description = "Only this case (may be given several times).")
    private List<String> cases = new ArrayList<>();

    @Option(
            names = "--tolerance",
            paramLabel = "ERROR",
            description = "Largest error (default: 1e-9 in fp64, else for each array what its roundings may come to).")
    private @Nullable Double tolerance;

    @Option(names = "--strict", description = "Exit code 1 also if a case cannot be run.")
    private boolean strict;

    @Option(names = "--device", description = "Where to run: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    private Training.Device device = Training.Device.CPU;

    @Option(
            names = "--precision",
            description =
                    "On a device: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}). The CPU computes in float64.")
    private Precision precision = Precision.FP64;

    @Option(names = "--json", description = "Print one JSON array instead.")
    private boolean json;

    @Override
    public Integer call() {
        PrintWriter out = out();
        List<String> objects = new ArrayList<>();
        List<Double> ratios = new ArrayList<>();
        int wrong = 0;
        int unsupported = 0;
        try (Devices devices = Devices.open(device, precision)) {
            for (Path path : files) {
                try (Hdf5File file = Hdf5File.open(path)) {
                    for (String name : cases.isEmpty() ? ReferenceCase.names(file) : cases) {
                        Result result = Verification.run(file, name, devices, tolerance);
                        if (result.unsupported() != null) {
                            unsupported++;
                        }
                        result.lines().forEach(line -> ratios.add(line.error() / line.tolerance()));
                        wrong += (int) result.lines().stream()
                                .filter(line -> !line.ok())
                                .count();
                        print(path, result, objects, out);
                    }
                }
            }
        }
        if (json) {
            out.println("[" + String.join(",\n", objects) + "]");
        } else {
            out.printf(
                    Locale.ROOT,
                    "%d arrays compared, %d differ by more than %s%s, %d cases not supported%n",
                    ratios.size(),
                    wrong,
                    tolerances(),
                    spread(ratios),
                    unsupported);
        }
        return wrong > 0 || (strict && unsupported > 0) ? Failures.FAILURE : 0;
    }

    private void print(Path path, Result result, List<String> objects, PrintWriter out) {
        String name = result.name().isEmpty() ? String.valueOf(path.getFileName()) : result.name();
        if (result.unsupported() != null) {
            Line none = Line.fault("", "unsupported: " + result.unsupported());
            objects.add(object(path, result.name(), null, none));
            if (!json) {
                out.println(name + "  unsupported: " + result.unsupported());
            }
        }
        for (Line line : result.lines()) {
            objects.add(object(path, result.name(), line.array(), line));
            if (!json) {
                String remark = line.remark() == null ? "" : "  " + line.remark();
                String numbers = Double.isNaN(line.error())
                        ? "-"
                        : String.format(Locale.ROOT, "%.1e of %.1e", line.error(), line.tolerance());
                out.printf("%s  %s  %s  %s%s%n", name, line.array(), numbers, line.ok() ? "ok" : "FAILED", remark);
            }
        }
    }

    /// How errors compare with what they may be.
    private static String spread(List<Double> ratios) {
        List<Double> sorted = ratios.stream().filter(Double::isFinite).sorted().toList();
        return sorted.isEmpty()
                ? ""
                : String.format(
                        Locale.ROOT,
                        " (of which errors are %.1e in the middle and %.1e at most)",
                        sorted.get(sorted.size() / 2),
                        sorted.getLast());
    }

    private String tolerances() {
        if (tolerance != null) {
            return String.format(Locale.ROOT, "%.0e", tolerance);
        }
        return device == Training.Device.CPU || precision == Precision.FP64
                ? String.format(Locale.ROOT, "%.0e", Verification.FP64_TOLERANCE)
                : "their roundings may come to";
    }

    private static String object(Path path, String name, @Nullable String array, Line line) {
        return new JsonLine()
                .put("file", path.toString())
                .put("case", name)
                .put("array", array)
                .put("error", line.error())
                .put("tolerance", line.tolerance())
                .put("ok", line.ok())
                .put("remark", line.remark())
                .toString();
    }
}
