package org.iolaus.app;

import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.ToIntFunction;
import org.iolaus.comm.Comm;
import org.iolaus.comm.Comms;
import org.iolaus.comm.ExitStatus;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.RunLast;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.UnmatchedArgumentException;

/// The program `iolaus`. A new command is a class in this package that implements `Callable<Integer>` (the exit
/// code), carries [Command] and is named in `subcommands` below; one that runs on many ranks implements [OnRanks].
@Command(
        name = "iolaus",
        description = "Trains graph neural networks on atoms, on one core or on all ranks of an MPI job.",
        mixinStandardHelpOptions = true,
        versionProvider = Main.Version.class,
        scope = ScopeType.INHERIT,
        synopsisSubcommandLabel = "COMMAND",
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:good", "1:failure", "2:bad input"},
        subcommands = {
            Generate.class,
            ConvertFrames.class,
            Inspect.class,
            Describe.class,
            Train.class,
            Evaluate.class,
            Predict.class,
            Import.class,
            Verify.class,
            SelfTest.class,
            Bench.class
        })
public final class Main {
    private static final String RANKS =
            "On N ranks of this machine: jobs/iolaus -np N COMMAND ...; below mpirun or srun each process is a rank. "
                    + "convert, train, evaluate and bench comm use all ranks, the other commands run on rank zero.";

    private static volatile boolean debug;

    Main() {}

    public static void main(String[] args) {
        System.setProperty("java.util.logging.SimpleFormatter.format", "%1$tT %4$s %5$s%6$s%n");
        // before there are threads: what they log while logging begins is replayed with a warning
        LoggerFactory.getILoggerFactory();
        System.exit(run(args));
    }

    /// Runs one command line.
    ///
    /// @return the exit code
    static int run(String... args) {
        debug = false;
        CommandLine line = new CommandLine(new Main());
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.getCommandSpec().usageMessage().footer("", RANKS); // here, as subcommands would inherit an attribute
        line.setExecutionExceptionHandler((thrown, command, parsed) -> {
            ExitStatus status = Failures.describe(thrown, debug);
            Comms.letRankZeroSpeak();
            command.getErr().println("iolaus: " + status.message());
            return status.code();
        });
        boolean root = Comms.launchRank() == 0;
        line.setParameterExceptionHandler((wrong, arguments) -> {
            if (!root) {
                return 0; // rank zero got the same words; it says so, and its exit code is the job's
            }
            CommandLine command = wrong.getCommandLine();
            command.getErr().println("iolaus: " + wrong.getMessage() + suggestion(wrong));
            command.getErr().println("See '" + command.getCommandSpec().qualifiedName() + " --help'.");
            return Failures.BAD_INPUT;
        });
        line.setExecutionStrategy(parsed -> root || isOnRanks(parsed) ? new RunLast().execute(parsed) : 0);
        line.setOut(new PrintWriter(root ? System.out : OutputStream.nullOutputStream(), true, StandardCharsets.UTF_8));
        line.setErr(new PrintWriter(System.err, true, StandardCharsets.UTF_8));
        return line.execute(args);
    }

    private static String suggestion(ParameterException wrong) {
        List<String> near =
                wrong instanceof UnmatchedArgumentException unmatched ? unmatched.getSuggestions() : List.of();
        return near.isEmpty() ? "" : "; did you mean " + near.getFirst() + "?";
    }

    private static boolean isOnRanks(ParseResult parsed) {
        return parsed.hasSubcommand()
                ? isOnRanks(parsed.subcommand())
                : parsed.commandSpec().userObject() instanceof OnRanks;
    }

    /// Runs the body of a command on every rank of the job; a failure of one ends all of them.
    static int onRanks(ToIntFunction<Comm> body) {
        return Comms.run(thrown -> Failures.describe(thrown, debug), body);
    }

    @Option(names = "--debug", description = "Print the stack of an error.", scope = ScopeType.INHERIT)
    void setDebug(boolean on) {
        debug = on;
    }

    /// The version that Maven wrote into the jar, and the Java that runs it.
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = Main.class.getPackage().getImplementationVersion();
            return new String[] {
                "iolaus " + (version == null ? "(not from a jar)" : version), "Java " + Runtime.version(),
            };
        }
    }
}
