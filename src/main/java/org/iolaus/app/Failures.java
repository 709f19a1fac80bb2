package org.iolaus.app;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.Set;
import org.iolaus.comm.CommException;
import org.iolaus.comm.ExitStatus;
import org.iolaus.config.ConfigException;
import org.iolaus.cuda.DeviceException;
import org.iolaus.data.DataException;
import org.iolaus.model.ModelException;
import org.iolaus.tensor.ShapeException;
import org.iolaus.train.TrainingException;

/// From what was thrown to what the user reads: one line for what the user or the machine got wrong, the stack for
/// our own mistakes.
final class Failures {
    static final int FAILURE = 1;
    static final int BAD_INPUT = 2;

    private static final Set<Class<? extends Throwable>> USERS =
            Set.of(ConfigException.class, DataException.class, ModelException.class);
    private static final Set<Class<? extends Throwable>> EXPLAINED = Set.of(
            CommException.class,
            DeviceException.class,
            ShapeException.class,
            TrainingException.class,
            UncheckedIOException.class);

    private Failures() {}

    /// @param withStack whether the stack is printed for known kinds of errors too
    static ExitStatus describe(Throwable thrown, boolean withStack) {
        boolean users = USERS.contains(thrown.getClass());
        boolean known = users || EXPLAINED.contains(thrown.getClass());
        String message = thrown.getMessage();
        String text = known && !withStack && message != null ? message : stack(thrown);
        return new ExitStatus(users ? BAD_INPUT : FAILURE, text.stripTrailing());
    }

    private static String stack(Throwable thrown) {
        var text = new StringWriter();
        thrown.printStackTrace(new PrintWriter(text));
        return text.toString();
    }
}
