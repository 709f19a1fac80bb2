package org.iolaus.app;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.iolaus.lower.Precision;
import org.iolaus.train.Training;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Where to run, instead of what the configuration says.
final class DeviceOptions {
    @Option(
            names = "--device",
            description = "Instead of the configuration's: ${COMPLETION-CANDIDATES}. There is no fallback.")
    private Training.@Nullable Device device;

    @Option(
            names = "--precision",
            description = "Instead of the configuration's, on a device: ${COMPLETION-CANDIDATES}.")
    private @Nullable Precision precision;

    /// Settings `KEY=VALUE` with these added.
    List<String> over(List<String> settings) {
        List<String> all = new ArrayList<>(settings);
        if (device != null) {
            all.add("device=" + device.name().toLowerCase(Locale.ROOT));
        }
        if (precision != null) {
            all.add("precision=" + precision.name().toLowerCase(Locale.ROOT));
        }
        return all;
    }
}
