package org.iolaus.verify;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.iolaus.config.ConfigException;
import org.iolaus.data.Hdf5File;
import org.iolaus.ir.ProgramExecutor;
import org.iolaus.lower.Precision;
import org.iolaus.model.Model;
import org.iolaus.model.ModelException;
import org.iolaus.nn.Parameters;
import org.iolaus.tensor.HostTensor;
import org.jspecify.annotations.Nullable;

/// Compares this program with the reference on one case: outputs, losses, gradients, buffers.
public final class Verification {
    /// Arrays whose values cancel to nothing are measured against this share of the largest array of their folder.
    private static final double CANCELLED = 1e-5;

    /// In float64, relative to the largest number of an array.
    public static final double FP64_TOLERANCE = 1e-9;

    private final @Nullable Double tolerance;
    private final Devices devices;
    private Map<String, Double> bounds = Map.of();
    private final List<Line> lines = new ArrayList<>();

    /// One array.
    ///
    /// @param array `outputs/head_0`
    /// @param error max |a-b| / max |b|; NaN where there is nothing to compare
    /// @param tolerance largest error that is fine
    /// @param remark what is wrong beside the numbers; null if nothing
    public record Line(
            String array,
            double error,
            double tolerance,
            boolean ok,
            @Nullable String remark) {

        /// Of an array that cannot be compared.
        public static Line fault(String array, String remark) {
            return new Line(array, Double.NaN, Double.NaN, false, remark);
        }
    }

    /// What came of a case.
    ///
    /// @param unsupported why it could not be run; null if it was
    public record Result(String name, @Nullable String unsupported, List<Line> lines) {
        boolean ok() {
            return lines.stream().allMatch(Line::ok);
        }
    }

    private Verification(Devices devices, @Nullable Double tolerance) {
        this.devices = devices;
        this.tolerance = tolerance;
    }

    /// Runs a case.
    ///
    /// @param tolerance of all arrays; null: 1e-9 in float64, else what [RoundingModel] says
    public static Result run(Hdf5File file, String name, Devices devices, @Nullable Double tolerance) {
        try {
            ReferenceCase golden = ReferenceCase.open(file, name);
            Optional<String> unsupported = golden.unsupported();
            if (unsupported.isPresent()) {
                return new Result(name, unsupported.get(), List.of());
            }
            Verification verification = new Verification(devices, tolerance);
            verification.compare(golden);
            return new Result(name, null, verification.lines);
        } catch (ConfigException | ModelException e) {
            return new Result(name, e.getMessage(), List.of());
        }
    }

    private void compare(ReferenceCase golden) {
        List<String> faults = new ArrayList<>();
        Map<String, HostTensor> parameters = golden.values(faults);
        for (String fault : faults) {
            int colon = fault.indexOf(':');
            lines.add(Line.fault(fault.substring(0, colon), fault.substring(colon + 2)));
        }
        if (!faults.isEmpty()) {
            return;
        }
        ReferenceCase.Batch batch = golden.batch();
        if (tolerance == null && devices.precision() != Precision.FP64) {
            bounds = RoundingModel.of(golden.program(), batch, parameters, devices.precision());
        }
        Map<String, HostTensor> ours;
        try (ProgramExecutor executor = devices.executor(golden.program())) {
            ours = executor.run(batch.floats(), batch.indices(), parameters);
        }
        for (String output : golden.arrays("outputs")) {
            String array = output.contains("/") ? output : "outputs/" + output;
            compare(array, output, ours.get(output), golden.array("outputs", output), 0);
        }
        compareNamed(golden, ours, "grads", Model.GRADIENT);
        for (String input : golden.arrays("grads_inputs")) {
            String array = "grads_inputs/" + input;
            compare(array, array, ours.get(array), golden.array("grads_inputs", input), 0);
        }
        compareNamed(golden, ours, "buffers_after", Model.BUFFER_AFTER);
    }

    /// Arrays that carry parameters' names. What the reference leaves out must be zero here.
    private void compareNamed(ReferenceCase golden, Map<String, HostTensor> ours, String folder, String prefix) {
        Parameters parameters = golden.parameters();
        Map<String, HostTensor> theirs = new LinkedHashMap<>();
        golden.arrays(folder).forEach(name -> theirs.put(name, golden.array(folder, name)));
        double largest =
                theirs.values().stream().mapToDouble(Verification::size).max().orElse(0);
        Set<String> seen = new HashSet<>();
        theirs.forEach((name, value) -> {
            String original = parameters.aliases().getOrDefault(name, name);
            seen.add(original);
            compare(folder + "/" + name, prefix + original, ours.get(prefix + original), value, CANCELLED * largest);
        });
        ours.forEach((name, value) -> {
            if (name.startsWith(prefix) && !seen.contains(name.substring(prefix.length()))) {
                HostTensor nothing = new HostTensor(value.shape(), new double[value.data().length]);
                compare(folder + "/" + name.substring(prefix.length()), name, value, nothing, CANCELLED * largest);
            }
        });
    }

    /// @param output what the program calls the array
    /// @param smallest what the error is relative to where the array is smaller
    private void compare(String array, String output, @Nullable HostTensor ours, HostTensor theirs, double smallest) {
        if (ours == null) {
            lines.add(Line.fault(array, "not computed"));
        } else if (ours.data().length != theirs.data().length) {
            String remark = "want shape " + Arrays.toString(theirs.shape()) + ", got " + Arrays.toString(ours.shape());
            lines.add(Line.fault(array, remark));
        } else {
            double difference = 0;
            for (int i = 0; i < theirs.data().length; i++) {
                double d = Math.abs(ours.data()[i] - theirs.data()[i]);
                difference = Double.isNaN(d) ? Double.NaN : Math.max(difference, d);
            }
            double scale = Math.max(size(theirs), smallest);
            double measure = scale == 0 ? 1 : scale;
            double error = difference / measure;
            Double bound = bounds.get(output);
            double allowed = tolerance != null ? tolerance : FP64_TOLERANCE;
            if (bound != null) {
                allowed += bound / measure;
            }
            lines.add(new Line(array, error, allowed, error <= allowed, null));
        }
    }

    private static double size(HostTensor tensor) {
        double size = 0;
        for (double value : tensor.data()) {
            size = Math.max(size, Math.abs(value));
        }
        return size;
    }
}
