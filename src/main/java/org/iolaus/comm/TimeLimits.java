package org.iolaus.comm;

import java.time.Duration;

/// How long a rank waits for the others before it ends the job.
///
/// @param startup until [Comm#startupDone]; ranks may read data at very different speed
/// @param step afterwards
public record TimeLimits(Duration startup, Duration step) {

    /// The seconds that the environment variables `IOLAUS_STARTUP_TIMEOUT` (default 600) and
    /// `IOLAUS_STEP_TIMEOUT` (default 300) give.
    public static TimeLimits fromEnvironment() {
        return new TimeLimits(seconds("IOLAUS_STARTUP_TIMEOUT", 600), seconds("IOLAUS_STEP_TIMEOUT", 300));
    }

    private static Duration seconds(String variable, long otherwise) {
        String text = System.getenv(variable);
        if (text == null) {
            return Duration.ofSeconds(otherwise);
        }
        if (!text.matches("[1-9][0-9]{0,8}")) {
            throw new CommException("environment variable %s: want whole seconds, got '%s'".formatted(variable, text));
        }
        return Duration.ofSeconds(Long.parseLong(text));
    }
}
