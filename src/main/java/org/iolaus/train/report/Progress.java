package org.iolaus.train.report;

import java.io.Console;
import java.time.Duration;
import java.util.function.Supplier;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Tells the user how far the run is: a log line per epoch, and on a terminal a bar that moves with the steps. Ranks
/// other than zero say nothing.
public final class Progress implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Progress.class);

    private final boolean speaks;
    private final boolean terminal;
    private final Supplier<ProgressBarBuilder> bars;
    private @Nullable ProgressBar bar;

    public Progress(boolean rankZero) {
        this(rankZero, hasTerminal(), ProgressBarBuilder::new);
    }

    Progress(boolean speaks, boolean terminal, Supplier<ProgressBarBuilder> bars) {
        this.speaks = speaks;
        this.terminal = terminal;
        this.bars = bars;
    }

    @SuppressWarnings("SystemConsoleNull") // JDK 25's own console is null again when there is none
    private static boolean hasTerminal() {
        Console console = System.console();
        return console != null && console.isTerminal();
    }

    /// Begins a part of the run that has steps, for example `epoch 3/20`.
    ///
    /// @param done steps that were made before a restart
    public void begin(String part, long done, long steps) {
        close();
        if (speaks && terminal) {
            bar = bars.get()
                    .setTaskName(part)
                    .setInitialMax(steps)
                    .startsFrom(done, Duration.ZERO)
                    .setStyle(ProgressBarStyle.ASCII)
                    .setUpdateIntervalMillis(200)
                    .clearDisplayOnFinish()
                    .build();
        }
    }

    /// One step is done.
    ///
    /// @param message shown beside the bar, for example the loss
    public void step(String message) {
        if (bar != null) {
            bar.step().setExtraMessage(message);
        }
    }

    /// Ends the part and logs what came out of it.
    public void end(String summary) {
        close();
        if (speaks) {
            LOG.info("{}", summary);
        }
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
            bar = null;
        }
    }
}
