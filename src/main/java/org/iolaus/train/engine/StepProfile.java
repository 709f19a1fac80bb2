package org.iolaus.train.engine;

import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;

/// Where the time of the training steps goes. At any moment one phase is running, so the phases add up to
/// the time since the last [#reset].
public final class StepProfile {
    /// What a rank can be busy with, or wait for.
    public enum Phase {
        DATA("data"),
        /// Padding and packing a batch for a device.
        INPUTS("inputs"),
        /// Starting a device's work and waiting for it.
        DEVICE("device"),
        FORWARD("forward"),
        BACKWARD("backward"),
        ALL_REDUCE("all-reduce"),
        OPTIMIZER("optimizer"),
        OTHER("other");

        private final String label;

        Phase(String label) {
            this.label = label;
        }

        @Override
        public String toString() {
            return label;
        }
    }

    private final LongSupplier clock;
    private final EnumMap<Phase, Long> nanos = new EnumMap<>(Phase.class);
    private Phase phase = Phase.OTHER;
    private long since;
    private long steps;

    public StepProfile() {
        this(System::nanoTime);
    }

    public StepProfile(LongSupplier clock) {
        this.clock = clock;
        this.since = clock.getAsLong();
    }

    /// Ends the running phase and begins another.
    public void enter(Phase next) {
        long now = clock.getAsLong();
        nanos.merge(phase, now - since, Long::sum);
        since = now;
        phase = next;
    }

    /// Books time of the running phase, measured elsewhere, on another one.
    public void move(Phase to, long nanoseconds) {
        nanos.merge(to, nanoseconds, Long::sum);
        nanos.merge(phase, -nanoseconds, Long::sum);
    }

    /// Counts a step and goes over to [Phase#OTHER].
    public void endStep() {
        enter(Phase.OTHER);
        steps++;
    }

    /// Seconds spent in each phase up to now.
    public Map<Phase, Double> seconds() {
        enter(phase);
        Map<Phase, Double> seconds = new EnumMap<>(Phase.class);
        for (Phase p : Phase.values()) {
            seconds.put(p, nanos.getOrDefault(p, 0L) * 1e-9);
        }
        return seconds;
    }

    /// One line: milliseconds per step, then the share of each phase.
    public String summary() {
        Map<Phase, Double> seconds = seconds();
        double total =
                seconds.values().stream().mapToDouble(Double::doubleValue).sum();
        String shares = seconds.entrySet().stream()
                .filter(e -> e.getValue() > 0)
                .map(e -> String.format(Locale.ROOT, "%s %.1f%%", e.getKey(), 100 * e.getValue() / total))
                .collect(Collectors.joining(", "));
        return String.format(
                Locale.ROOT, "%d steps in %.2f s, %.2f ms each: %s", steps, total, 1e3 * total / steps, shares);
    }

    /// [#seconds] by `data`, `forward`, `all_reduce`, ...
    public Map<String, Double> secondsByName() {
        Map<String, Double> named = new LinkedHashMap<>();
        seconds().forEach((p, value) -> named.put(p.label.replace('-', '_'), value));
        return named;
    }

    /// Starts anew, in [Phase#OTHER].
    public void reset() {
        enter(Phase.OTHER);
        nanos.clear();
        steps = 0;
    }
}
