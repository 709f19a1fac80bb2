package org.iolaus.app;

import java.io.PrintWriter;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// What commands share: where they print, and how they refuse options.
abstract class CommandBase {
    @Spec
    private @Nullable CommandSpec spec;

    private CommandLine line() {
        return Objects.requireNonNull(spec).commandLine();
    }

    final PrintWriter out() {
        return line().getOut();
    }

    /// What the user typed, for a line of results.
    final String typed() {
        return "iolaus "
                + String.join(
                        " ",
                        Objects.requireNonNull(spec)
                                .root()
                                .commandLine()
                                .getParseResult()
                                .originalArgs());
    }

    final ParameterException wrong(String message) {
        return new ParameterException(line(), message);
    }

    final void requireAtLeastOne(String option, long value) {
        if (value < 1) {
            throw wrong(option + ": want at least 1, got " + value);
        }
    }
}
